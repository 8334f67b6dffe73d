"""Trails: attempts and the providers' own words, on their way to the ledger."""

import pytest

from addons.exchange import Attempt, Exchange
from addons.providers import REGISTRY
from addons.providers.base import Answer
from addons.trails import finish_of, trail_of, upstream_id_of
from storage.trail import AttemptRecord
from tests.fakes import exchanges
from tests.fakes.transport import chunk

START = exchanges.START_NS
MS = 1_000_000


def tried(**fields: object) -> Attempt:
    known = {"leg": exchanges.leg(), "started_ns": START, "status": 200}
    return Attempt(**{**known, **fields})


def streaming(*chunks: bytes, trail: list[Attempt]) -> Exchange:
    stream = REGISTRY["openai"].open_stream("gpt-4o", "req_1")
    for one in chunks:
        stream.feed(one)
    return exchanges.held(stream=stream, trail=trail)


def test_an_attempt_is_told_with_its_times() -> None:
    first = tried(started_ns=START + 2 * MS, status=500)
    first.end(START + 5 * MS, "upstream_error")
    second = tried(leg=exchanges.leg("other", model="m"), started_ns=START + 6 * MS)
    second.end(START + 16 * MS, "complete")
    record = exchanges.held(trail=[first, second])
    assert trail_of(record, START + 99 * MS) == (
        AttemptRecord("openai", "gpt-4o-2024", "upstream_error", 500, 2, 3),
        AttemptRecord("other", "m", "complete", 200, 6, 10),
    )


def test_what_still_runs_was_cancelled_and_lasted_until_now() -> None:
    record = exchanges.held(trail=[tried(status=0)])
    (attempt,) = trail_of(record, START + 7 * MS)
    assert (attempt.outcome, attempt.total_ms) == ("cancelled", 7)


def test_the_first_end_of_an_attempt_stands() -> None:
    attempt = tried()
    attempt.end(START + 1, "complete")
    attempt.end(START + 2, "internal_error")
    assert (attempt.ended_ns, attempt.outcome) == (START + 1, "complete")


def test_a_request_that_went_nowhere_has_no_trail() -> None:
    record = exchanges.held()
    assert (trail_of(record, START), upstream_id_of(record), finish_of(record)) == (
        (), "", "",
    )


def test_the_head_names_the_request_before_the_answer_does() -> None:
    answer = Answer({"id": "chatcmpl-1"}, None, "Hi", "stop")
    named = exchanges.held(answer=answer, trail=[tried(upstream_id="req_9")])
    assert (upstream_id_of(named), finish_of(named)) == ("req_9", "stop")
    nameless = exchanges.held(answer=answer, trail=[tried()])
    assert upstream_id_of(nameless) == "chatcmpl-1"


def test_a_streams_first_chunk_names_it_and_its_last_says_why_it_ended() -> None:
    chunks = [chunk("a", id="chatcmpl-1"), chunk("b", id="x"), chunk(finish="length")]
    record = streaming(*chunks, trail=[tried()])
    assert (upstream_id_of(record), finish_of(record)) == ("chatcmpl-1", "length")


@pytest.mark.parametrize("status", [0, 500])
def test_an_earlier_attempts_stream_says_nothing_of_this_one(status: int) -> None:
    trail = [tried(), tried(status=status)]
    record = streaming(chunk("a", "stop", id="chatcmpl-1"), trail=trail)
    assert (upstream_id_of(record), finish_of(record)) == ("", "")


def test_a_provider_that_answered_nothing_gave_no_reason() -> None:
    record = exchanges.held(trail=[tried(upstream_id="req_9")])
    assert (upstream_id_of(record), finish_of(record)) == ("req_9", "")


@pytest.mark.parametrize("id", [None, 7, ["x"]])
def test_an_id_that_is_no_text_is_none(id: object) -> None:
    record = exchanges.held(answer=Answer({"id": id}, None, ""), trail=[tried()])
    assert upstream_id_of(record) == ""


def test_a_credential_that_comes_back_is_not_kept() -> None:
    attempt = tried(upstream_id="echo-sk-secret-1")
    answer = Answer({"id": "x"}, None, "", "sk-secret")
    record = exchanges.held(answer=answer, trail=[attempt])
    assert (upstream_id_of(record), finish_of(record)) == ("", "")
