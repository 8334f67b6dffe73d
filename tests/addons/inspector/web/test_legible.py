"""A row says who asked what, what it cost and how it went."""

import pytest

from addons.inspector.web.legible import (
    EJECTED,
    ERROR,
    REPLAYED,
    RETRY,
    comment_text,
    marker,
    metadata_of,
    path_text,
)
from tests.addons.inspector.web.entries import FACTS

CALL = {
    "attempt": 2,
    "provider": "openai",
    "upstream_model": "gpt-4o-2024",
    "total_ms": 310,
    "outcome": "complete",
}


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (FACTS, "/chat [gpt-4o · ada]"),
        ({"model": "gpt-4o"}, "/chat [gpt-4o]"),
        ({}, "/chat"),
        (CALL, "/chat [openai gpt-4o-2024 · attempt 2]"),
    ],
)
def test_the_path_names_model_and_user(facts, text: str) -> None:
    assert path_text("/chat", facts) == text


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (FACTS, "12→34 tok · $0.0004 · ttft 310 ms · attempt 2 · charged"),
        (
            {"state": "running", "ttft_ms": 5, "attempts": 1},
            "ttft 5 ms · attempt 1 · running",
        ),
        ({"state": "refused", "error": "model_not_found"}, "model_not_found · refused"),
        (
            {"quantities": {"image": 1}, "paid_nano": 10**9, "state": "charged"},
            "1 image · $1.00 · charged",
        ),
        (
            {"quantities": {"generation": 2, "second": 10}, "state": "ordered"},
            "2 videos · ordered",
        ),
        (
            {"quantities": {"input": 3, "cache_read": 4}, "end": "upstream_died"},
            "7→0 tok · upstream_died",
        ),
        ({"state": "replayed", "paid_nano": 0}, "$0.00 · replayed"),
    ],
)
def test_the_comment_says_what_it_cost(facts, text: str) -> None:
    assert comment_text(200, facts) == text


@pytest.mark.parametrize(
    ("status", "changes", "text"),
    [
        (200, {}, "openai gpt-4o-2024 · attempt 2 · 200 · 310 ms · complete"),
        (
            200,
            {"errand": "poll 7", "outcome": "answered"},
            "openai gpt-4o-2024 · attempt 2 · poll 7 · 200 · 310 ms · answered",
        ),
        (0, {"outcome": None}, "openai gpt-4o-2024 · attempt 2 · 310 ms · running"),
        (
            401,
            {"outcome": "upstream_auth", "ejected": True},
            "openai gpt-4o-2024 · attempt 2 · 401 · 310 ms · upstream_auth · put aside",
        ),
    ],
)
def test_the_comment_of_a_call_says_how_it_went(status, changes, text: str) -> None:
    assert comment_text(status, {**CALL, **changes}) == text


@pytest.mark.parametrize(
    ("status", "facts", "mark"),
    [
        (200, {"attempts": 1}, ""),
        (200, {"attempts": 2}, RETRY),
        (200, {"state": "replayed", "attempts": 0}, REPLAYED),
        (402, {}, ERROR),
        (200, {"error": "upstream_died"}, ERROR),
        (0, {"fault": "UpstreamFailed"}, ERROR),
        (401, {"ejected": True}, EJECTED),
    ],
)
def test_a_marker_stands_where_something_went_wrong(status, facts, mark) -> None:
    assert marker(status, facts) == mark


def test_metadata_is_texts_and_whole_numbers() -> None:
    found = metadata_of({**FACTS, "ejected": False, "error": "", "stream": True})
    assert found["model"] == "gpt-4o" and found["key"] == 7 and found["stream"] is True
    assert not {"quantities", "ejected", "error"} & found.keys()
