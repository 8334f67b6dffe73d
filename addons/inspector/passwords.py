"""Passwords: how the inspector's is kept."""

import argon2


def hashed(password: str) -> str:
    """Its argon2id hash, as gateway.yaml wants it."""
    return argon2.PasswordHasher().hash(password)
