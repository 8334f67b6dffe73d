"""Passwords, as commands store them.

bcrypt reads 72 bytes and stops at a zero byte, so it gets the base64 of a SHA-256:
every byte of any password counts. The web checks passwords by the same rule.
"""

import base64
import hashlib

import bcrypt

ROUNDS = 12


def hash_password(password: str, rounds: int = ROUNDS) -> str:
    """Takes about a fifth of a second, on purpose."""
    return bcrypt.hashpw(digest(password), bcrypt.gensalt(rounds)).decode("ascii")


def digest(password: str) -> bytes:
    return base64.b64encode(hashlib.sha256(password.encode("utf-8")).digest())
