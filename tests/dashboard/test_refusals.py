"""Refusals: each kind has a status and words for it."""

import pytest

from dashboard.messages import GLOSSARY
from dashboard.refusals import Refusal, Throttled, Unavailable, WrongMethod


def kinds() -> list[type[Refusal]]:
    return Refusal.__subclasses__()


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_says_something_with_an_error_status(kind: type[Refusal]) -> None:
    assert kind.word in GLOSSARY
    assert 400 <= kind.status < 600


def test_the_base_cannot_be_raised() -> None:
    with pytest.raises(TypeError):
        raise Refusal("bad_input")


@pytest.mark.parametrize("refusal", [Throttled(7), Unavailable(7)])
def test_what_passes_says_when_to_come_back(refusal: Refusal) -> None:
    assert refusal.retry_after == 7


def test_a_wrong_method_names_the_right_one() -> None:
    assert WrongMethod("POST").values == {"allowed": "POST"}
