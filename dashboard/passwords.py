"""Passwords: hashed as storage does it, checked here.

bcrypt reads 72 bytes and stops at the first zero byte, so it is given the base64 of a
SHA-256 instead of the password: any length counts in full and no byte is special.

Checking costs the same whether the account exists or not. Both calls block for about
a fifth of a second with the interpreter's lock released; they belong in a thread of
the pool, never on an event loop.
"""

import bcrypt

from storage.passwords import ROUNDS, digest, hash_password

# A well-formed hash that belongs to nobody: 22 characters of salt, 31 of digest.
NOBODY = "." * 53


class Passwords:
    def __init__(self, rounds: int = ROUNDS) -> None:
        self._rounds = rounds
        self._nobody = f"$2b${rounds:02d}${NOBODY}"

    def hash(self, password: str) -> str:
        return hash_password(password, self._rounds)

    def matches(self, password: str, password_hash: str | None) -> bool:
        """False for None, after the same work: there is no such account."""
        known = password_hash or self._nobody
        same = bcrypt.checkpw(digest(password), known.encode("ascii"))
        return same and password_hash is not None
