"""Door: one password, and no more tries than a person needs.

The password is known by its argon2id hash. Looking whether one is right costs tens of
milliseconds of this process, so that after some wrong ones in a row nobody is looked at
for a while. Production is in other processes and notices nothing.
"""

from collections.abc import Callable

import argon2

TRIES_MAX = 10
PAUSE_SECONDS = 60.0
PASSWORD_CHARS_MAX = 256


class Door:
    """Says who may come in."""

    def __init__(self, password_hash: str, now: Callable[[], float]) -> None:
        self.hash = password_hash
        self.now = now
        self.hasher = argon2.PasswordHasher()
        self.wrong = 0
        self.closed_until = 0.0

    def opens(self, password: str) -> bool:
        """Whether it is the password; nobody's is while the door is closed."""
        if not 0 < len(password) <= PASSWORD_CHARS_MAX:
            return False
        if self.now() < self.closed_until:
            return False
        try:
            self.hasher.verify(self.hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHash):
            self.note()
            return False
        self.wrong = 0
        return True

    def note(self) -> None:
        self.wrong += 1
        if self.wrong >= TRIES_MAX:
            self.wrong, self.closed_until = 0, self.now() + PAUSE_SECONDS
