"""One password opens, and guessing is slow."""

import pytest

from addons.inspector.web.door import (
    PASSWORD_CHARS_MAX,
    PAUSE_SECONDS,
    TRIES_MAX,
    Door,
)
from tests.addons.inspector.web.conftest import HASH


class Moment:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("password", "opens"),
    [
        ("correct horse", True),
        ("correct", False),
        ("", False),
        (HASH, False),
        ("x" * (PASSWORD_CHARS_MAX + 1), False),
    ],
    ids=["it", "its beginning", "nothing", "its hash", "too long"],
)
def test_only_the_password_opens(password: str, opens: bool) -> None:
    assert Door(HASH, Moment()).opens(password) is opens


def test_after_some_wrong_ones_nobody_comes_in_for_a_while() -> None:
    now = Moment()
    door = Door(HASH, now)
    for _ in range(TRIES_MAX):
        assert not door.opens("wrong")
    assert not door.opens("correct horse")
    now.seconds = PAUSE_SECONDS
    assert door.opens("correct horse")


def test_a_right_one_forgives_the_wrong_ones_before_it() -> None:
    door = Door(HASH, Moment())
    for _ in range(TRIES_MAX):
        for _ in range(2):
            assert not door.opens("wrong")
        assert door.opens("correct horse")


def test_a_hash_that_is_none_opens_for_nobody() -> None:
    assert not Door("", Moment()).opens("x")
