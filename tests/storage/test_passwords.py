"""Passwords hashed by a command are good on the web, whatever their length."""

import bcrypt
import pytest

from storage.passwords import digest, hash_password


@pytest.mark.parametrize(
    "password", ["secret", "密码密码密码", "x" * 1024, "zero\0byte"]
)
def test_every_byte_of_a_password_counts(password):
    hashed = hash_password(password, rounds=4).encode()
    assert bcrypt.checkpw(digest(password), hashed)
    assert not bcrypt.checkpw(digest(password + "x"), hashed)
    assert not bcrypt.checkpw(digest(password[:-1]), hashed)


def test_the_cost_is_the_webs():
    assert hash_password("secret").startswith("$2b$12$")
