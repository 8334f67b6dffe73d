"""Passwords: every byte counts, and nobody costs as much as somebody."""

import bcrypt
import pytest

from dashboard.passwords import NOBODY, Passwords, digest

FAST = Passwords(rounds=4)


@pytest.mark.parametrize(
    "password",
    ["secret", "密码密码密码", "a" * 72, "a" * 73, "a" * 1024, "with\0zero", " edges "],
)
def test_the_right_password_matches(password: str) -> None:
    assert FAST.matches(password, FAST.hash(password))


@pytest.mark.parametrize(
    ("password", "guess"),
    [
        ("secret", "Secret"),
        ("secret", "secret "),
        ("a" * 72 + "b", "a" * 72 + "c"),
        ("zero\0one", "zero\0two"),
        ("secret", ""),
    ],
)
def test_any_other_does_not(password: str, guess: str) -> None:
    assert not FAST.matches(guess, FAST.hash(password))


def test_the_same_password_never_has_the_same_hash() -> None:
    assert FAST.hash("secret") != FAST.hash("secret")


def test_the_hash_is_plain_bcrypt_of_the_digest() -> None:
    assert bcrypt.checkpw(digest("secret"), FAST.hash("secret").encode())


def test_what_bcrypt_sees_fits_and_has_no_zero() -> None:
    seen = digest("x" * 1024)
    assert len(seen) <= 72
    assert b"\0" not in seen


@pytest.mark.parametrize("guess", ["", "secret", "a" * 1024])
def test_nobody_can_be_signed_in_as(guess: str) -> None:
    assert not FAST.matches(guess, None)
    assert not FAST.matches(guess, "")


def test_nobody_costs_the_rounds_of_everybody() -> None:
    # bcrypt parses it and works it through: a malformed one would raise at once.
    nobody = f"$2b$04${NOBODY}".encode()
    assert bcrypt.hashpw(b"x", nobody)[:7] == b"$2b$04$"
    assert FAST.hash("x").startswith("$2b$04$")
