"""A call for a job is an entry beside the request that ordered it."""

from dataclasses import replace

import pytest

from addons.filming.calls import Called
from addons.filming.told import JobCall
from addons.inspector.errands import errand_of
from addons.inspector.redacting import HIDDEN
from addons.providers.base import UpstreamRequest
from addons.wire.errors import UpstreamAuth
from storage.job_record import Job
from storage.job_states import JobState
from tests.fakes import exchanges

SECOND_NS = 10**9
REQUEST = UpstreamRequest("POST", "/videos?key=x", {"x-own": "1"}, b"waves", False)
ANSWER = Called(True, 200, {"content-type": "application/json"}, b'{"id":"t"}')
JOB = Job(
    **{
        **dict.fromkeys(Job.__dataclass_fields__),
        "id": "video_1",
        "request_id": "req_1",
        "account_id": 3,
        "key_id": 7,
        "model": "gen-2",
        "state": JobState.RUNNING,
        "leg": 1,
        "polls": 4,
    }
)
CALL = JobCall(
    JOB,
    "submit",
    exchanges.leg("runway", model="gen4.5"),
    REQUEST,
    ANSWER,
    5 * SECOND_NS,
    7 * SECOND_NS,
)


def test_it_stands_with_its_request_and_says_where_it_went() -> None:
    made = errand_of(CALL, "full", 100)
    assert (made.head["id"], made.head["status"]) == ("req_1/submit-2", 200)
    assert (made.head["start"], made.head["end"]) == (5.0, 7.0)
    assert made.head["target"] == f"/v1/videos?{HIDDEN}"
    assert made.head["headers"] == [("x-own", HIDDEN)]
    assert bytes(made.call.body.kept) == ANSWER.body
    assert made.head["facts"] == {
        "request": "req_1",
        "job": "video_1",
        "level": "full",
        "key": 7,
        "model": "gen-2",
        "attempt": 2,
        "errand": "submit",
        "provider": "runway",
        "dialect": "openai",
        "upstream_model": "gen4.5",
        "total_ms": 2000,
        "outcome": "answered",
        "ejected": False,
    }


@pytest.mark.parametrize("polls", [0, 4, 400])
def test_of_all_questions_there_is_one_entry(polls: int) -> None:
    asked = replace(CALL, errand="poll", job=replace(JOB, polls=polls))
    made = errand_of(asked, "full", 100)
    assert made.head["id"] == "req_1/poll-2"
    assert made.head["facts"]["errand"] == f"poll {polls + 1}"


def test_no_more_of_an_answer_is_kept_than_is_shown() -> None:
    made = errand_of(CALL, "headers", 0)
    assert made.call.body.kept == b"" and made.head["answer_size"] == 10


def test_a_call_without_an_answer_says_why() -> None:
    failed = replace(CALL, called=Called(error=UpstreamAuth(code="as they said")))
    head = errand_of(failed, "full", 100).head
    assert head["status"] == 0 and "answer_headers" not in head
    assert head["facts"]["outcome"] == head["facts"]["fault"] == "upstream_auth"
    assert head["facts"]["ejected"] is True
