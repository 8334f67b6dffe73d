"""What an entry says of a request is what the exchange knows."""

import pytest

from addons.exchange import Attempt, Charge
from addons.inspector.facts import (
    call_head,
    capture,
    request_facts,
    request_head,
    state_of,
)
from addons.inspector.redacting import HIDDEN
from addons.providers.base import UpstreamRequest
from addons.upstream.tape import Tape
from addons.wire.errors import UnknownKey, UpstreamAuth, UpstreamRefused
from storage.ledger import UsageRecord
from storage.replays import KeptAnswer, Replayed
from tests.fakes import exchanges

NOW_NS = exchanges.START_NS + 500_000_000
RECORD = UsageRecord(
    model="gpt-4o",
    provider="openai",
    upstream_model="gpt-4o-2024",
    evidence="reported",
    quantities={},
    outcome="complete",
    status=200,
    attempts=1,
    first_byte_ms=1,
    total_ms=2,
    tokens=46,
    stream=False,
)
CHARGE = Charge(5, 5000, {"input": 12, "output": 34}, "complete", RECORD)
REQUEST = UpstreamRequest(
    "POST", "/chat?key=x", {"authorization": "Bearer sk-secret"}, b"{}", False
)


def served(**parts):
    leg = exchanges.leg()
    record = exchanges.held(leg=leg, tape=Tape(100), attempts=1, **parts)
    record.trail.append(Attempt(leg, record.started_ns, NOW_NS, "complete", 200))
    return record


def test_the_facts_of_a_request_are_those_of_its_receipt() -> None:
    record = served(
        charge=CHARGE, paid_nano=5, first_byte_ns=exchanges.START_NS + 310_000_000
    )
    assert request_facts(record, "full", False, NOW_NS) == {
        "request": "req_1",
        "level": "full",
        "state": "charged",
        "attempts": 1,
        "total_ms": 500,
        "user": "user",
        "key": 7,
        "model": "gpt-4o",
        "stream": False,
        "provider": "openai",
        "upstream_model": "gpt-4o-2024",
        "ttft_ms": 310,
        "paid_nano": 5,
        "evidence": "reported",
        "end": "complete",
        "quantities": {"input": 12, "output": 34},
        "cost_nano": 5,
    }


@pytest.mark.parametrize(
    ("parts", "live", "state"),
    [
        ({}, True, "running"),
        ({"paid_nano": 5}, False, "charged"),
        ({"paid_nano": 0}, False, "not charged"),
        ({"refusal": UnknownKey()}, False, "refused"),
        ({"refusal": UnknownKey(), "paid_nano": 0}, False, "not charged"),
        ({}, False, "answered"),
        ({"ordered": True}, False, "ordered"),
        ({"ordered": True, "paid_nano": 5}, False, "charged"),
    ],
)
def test_the_state_is_what_became_of_the_money(parts, live: bool, state: str) -> None:
    assert state_of(exchanges.held(**parts), live) == state


def test_an_error_is_told_in_our_words_and_not_in_a_providers() -> None:
    record = served(refusal=UpstreamRefused(code="what was said"), charge=CHARGE)
    record.trail[0].outcome = "what was said"
    record.tape.call(1, REQUEST)
    flow = exchanges.travelling(record)
    facts = request_facts(record, "headers", False, NOW_NS)
    assert (facts["error"], facts["end"]) == ("upstream_refused", "upstream_refused")
    head = call_head(flow, record, 0, False, NOW_NS)
    assert head["facts"]["outcome"] == "other"
    assert "what was said" not in str(facts) + str(head)


def test_an_answer_of_before_is_said_to_be_one() -> None:
    kept = Replayed("req_0", 5, 1, "openai", "m", KeptAnswer(200, "x", b""))
    assert state_of(exchanges.held(replayed=kept), False) == "replayed"


def test_a_head_has_no_more_of_a_query_or_a_header_than_it_may() -> None:
    headers = {"authorization": "Bearer tk_x", "accept": "*/*"}
    record = served()
    flow = exchanges.travelling(record, target="/x?email=a@b.c", headers=headers)
    head = request_head(flow, record, "full", True, NOW_NS)
    assert head["target"] == f"/x?{HIDDEN}"
    assert ("accept", "*/*") in head["headers"]
    assert ("authorization", HIDDEN) in head["headers"]
    assert "tk_x" not in str(head) and "a@b.c" not in str(head)


def test_a_call_says_where_it_went_and_not_with_what() -> None:
    record = served()
    call = record.tape.call(1, REQUEST)
    call.status, call.ended_ns = 200, call.started_ns + 10**9
    head = call_head(exchanges.travelling(record), record, 0, True, NOW_NS)
    assert (head["id"], head["host"], head["port"]) == ("req_1/1", "provider.test", 80)
    assert head["target"] == f"/v1/chat?{HIDDEN}"
    assert "sk-secret" not in str(head)
    assert head["facts"]["outcome"] == "complete" and not head["live"]
    assert head["facts"]["total_ms"] == 1000


def test_a_candidate_that_was_put_aside_is_marked() -> None:
    record = served()
    record.trail[0].outcome = UpstreamAuth.code
    record.tape.call(1, REQUEST)
    assert request_facts(record, "full", False, NOW_NS)["ejected"] is True
    head = call_head(exchanges.travelling(record), record, 0, True, NOW_NS)
    assert head["facts"]["ejected"] is True


def test_a_capture_has_what_a_charge_is_computed_with() -> None:
    found = capture(served(), {"upstream_died": "nothing"}, "terms")
    assert found == {
        "terms": "terms",
        "situation": exchanges.QUOTE.situation.facts(),
        "policies": {"upstream_died": "nothing"},
        "image_tokens": 1000,
        "input_tokens": 100,
        "output_tokens": 200,
        "choices": 1,
    }
    found = capture(exchanges.image_held(), {}, "terms")
    assert found["pieces"] == {"image": 1} and "input_tokens" not in found
    assert capture(exchanges.exchange(), {}, "terms") == {}
