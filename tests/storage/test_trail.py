"""The trail of attempts: what is kept survives storage, and has a size."""

import json

import pytest

from storage.trail import (
    ATTEMPTS_MAX,
    NAME_CHARS_MAX,
    AttemptRecord,
    attempts_of,
    cleaned,
    trail_text,
)


def attempt(number=0, **fields):
    known = {
        "provider": "openai",
        "model": "gpt-4o-2024",
        "outcome": "complete",
        "status": 200,
        "started_ms": number,
        "total_ms": 7,
    }
    return AttemptRecord(**{**known, **fields})


def test_attempts_survive_storage():
    trail = (attempt(outcome="upstream_timeout", status=0), attempt(1))
    assert attempts_of(trail_text(trail)) == trail


def test_nothing_tried_is_nothing_kept():
    assert trail_text(()) is None
    assert attempts_of(None) == ()


def test_of_too_many_the_first_and_the_last_are_kept():
    kept = attempts_of(trail_text([attempt(n) for n in range(ATTEMPTS_MAX + 5)]))
    assert [one.started_ms for one in kept] == [*range(8), *range(13, 21)]
    assert len(kept) == ATTEMPTS_MAX


def test_each_text_has_a_limit():
    long = "x" * 10_000
    trail = [attempt(provider=long, model=long, outcome=long)] * 100
    text = trail_text(trail)
    assert len(text) < ATTEMPTS_MAX * (3 * NAME_CHARS_MAX + 40)
    assert {len(name) for row in json.loads(text) for name in row[:3]} == {64}


@pytest.mark.parametrize(
    "text, left",
    [
        ("req_011CSHoEeqs5C35K2UUqR7Fy", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("chatcmpl-9a:1/2+3=4@x.y", "chatcmpl-9a:1/2+3=4@x.y"),
        ("a b\r\nc\"d'<e>\\\0", "abcde"),
        ("钥匙\udc80id", "id"),
        ("x" * 40, "x" * 10),
        ("\n" * 100 + "x", ""),
    ],
)
def test_a_providers_word_is_an_identifier_or_less(text, left):
    assert cleaned(text, 10 if "xx" in text or "\n\n" in text else 64) == left
