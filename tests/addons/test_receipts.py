"""Receipts: the charge is written first, and only then is the caller told."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from mitmproxy.http import HTTPFlow

from addons import endpoints
from addons.exchange import Charge, Exchange, Quote, Told
from addons.providers import REGISTRY
from addons.providers.base import Answer
from addons.receipts import (
    Receipts,
    counted_usage,
    overhead_ms,
    rate_fields,
    tail_of,
)
from addons.wire.chat_stream import ChatStream
from addons.wire.errors import InternalError, UnknownKey, UpstreamFailed
from addons.wire.images import ImageAnswer
from addons.wire.usage import Usage
from storage.ledger import RateState, UsageRecord
from storage.replays import KeptAnswer, Replayed, ReplayKey
from tests.fakes import exchanges
from tests.fakes.clock import START_NS, FakeClock

QUANTITIES = {"input": 13, "output": 6}
BODY = {
    "id": "chatcmpl-theirs",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024",
    "choices": [],
    "usage": {"prompt_tokens": 13, "completion_tokens": 6, "total_tokens": 19},
}


class Till:
    """Keeps what was committed, and at which price it says it did."""

    def __init__(self) -> None:
        self.committed: list[tuple[str, Charge | None]] = []
        self.kept: KeptAnswer | None = None

    async def settle(
        self,
        exchange: Exchange,
        charge: Charge,
        answer: Callable[[int], KeptAnswer] | None,
    ) -> None:
        self.commit("settle", exchange, charge, charge.cost_nano)
        self.kept = None if answer is None else answer(charge.cost_nano)

    async def void(self, exchange: Exchange, charge: Charge | None) -> None:
        self.commit("void", exchange, charge, 0)

    async def withdraw(self, exchange: Exchange) -> None:
        self.committed.append(("withdraw", None))

    def commit(
        self, verb: str, exchange: Exchange, charge: Charge | None, paid_nano: int
    ) -> None:
        self.committed.append((verb, charge))
        exchange.held = False
        exchange.paid_nano = paid_nano
        exchange.available_nano = 5 * 10**9 - paid_nano


def receipts() -> Receipts:
    return Receipts(Till(), FakeClock(monotonic_ns=exchanges.START_NS + 12_345_678))


def charge(evidence: str = "reported", nano: int = 1234) -> Charge:
    record = UsageRecord(
        "gpt-4o", "openai", "gpt-4o-2024", evidence, QUANTITIES, "complete", 200, 1,
        1, 2, 19, False,
    )
    return Charge(nano, nano * 1000, QUANTITIES, "complete", record)


def stream(*, include_usage: bool = False) -> ChatStream:
    made = REGISTRY["openai"].open_stream("gpt-4o", "req_1", include_usage)
    delta = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}
    for chunk in ({"choices": [delta]}, {"choices": [], "usage": BODY["usage"]}):
        made.feed(b"data: " + orjson.dumps(chunk) + b"\n\n")
    return made


def complete(**parts: Any) -> Exchange:
    """An exchange whose answer has come whole and was metered."""
    answer = Answer(dict(BODY), Usage(dict(QUANTITIES)), "Hi")
    known = {"answer": answer, "charge": charge(), "leg": exchanges.leg()}
    return exchanges.held(**{**known, **parts})


def streamed(**parts: Any) -> Exchange:
    """An exchange in the middle of a streamed answer."""
    known = {"ask": exchanges.ask(stream=True), "stream": stream(), "committed": True}
    return complete(**{**known, "answer": None, **parts})


async def respond(record: Exchange, **request: Any) -> HTTPFlow:
    flow = exchanges.answered(record, **request)
    await receipts().response(flow)
    return flow


def begin(record: Exchange, http_version: str = "HTTP/1.1") -> HTTPFlow:
    flow = exchanges.answered(record)
    flow.request.http_version = http_version
    receipts().responseheaders(flow)
    return flow


# The charge.


@pytest.mark.parametrize("hook", ["response", "error"])
@pytest.mark.parametrize(
    ("charge", "verb"),
    [
        (charge("reported"), "settle"),
        (charge("counted"), "settle"),
        (charge("partial"), "settle"),
        (charge("estimated"), "settle"),
        (charge("invalid"), "settle"),
        (charge("reported", nano=0), "settle"),
        (charge("none", nano=0), "void"),
        (None, "void"),
    ],
)
async def test_a_hold_is_closed_by_its_evidence(hook: str, charge, verb: str) -> None:
    addon = receipts()
    await getattr(addon, hook)(exchanges.answered(complete(charge=charge)))
    assert addon.till.committed == [(verb, charge)]


@pytest.mark.parametrize("hook", ["response", "error"])
async def test_what_holds_nothing_is_not_committed(hook: str) -> None:
    addon = receipts()
    await getattr(addon, hook)(exchanges.answered(complete(held=False)))
    assert addon.till.committed == []


# An answer that is kept.

NAMED = ReplayKey("order-1", b"fingerprint")


@pytest.mark.parametrize("hook", ["response", "error"])
async def test_a_named_answer_is_kept_with_its_charge_as_it_is_sent(hook: str) -> None:
    addon = receipts()
    flow = exchanges.answered(complete(replay=NAMED))
    await getattr(addon, hook)(flow)
    kept = addon.till.kept
    assert (kept.status, kept.media) == (200, "application/json; charset=utf-8")
    assert json.loads(kept.body)["usage"]["cost"] == 0.000001234
    if hook == "response":
        assert kept.body == flow.response.raw_content


@pytest.mark.parametrize(
    "record",
    [
        complete(),
        complete(replay=NAMED, refusal=UpstreamFailed()),
        complete(replay=NAMED, answer=None),
        streamed(replay=NAMED),
    ],
    ids=["unnamed", "refused", "nothing came", "streamed"],
)
async def test_other_answers_are_not_kept(record: Exchange) -> None:
    addon = receipts()
    await addon.response(exchanges.answered(record))
    assert addon.till.kept is None
    assert addon.till.committed != []


async def test_what_is_kept_is_what_is_sent_when_time_passes_in_between() -> None:
    class SlowTill(Till):
        async def settle(self, exchange, charge, answer):
            addon.clock.advance(5)
            await super().settle(exchange, charge, answer)
            # The balance ended first, so the answer is written once more.
            exchange.paid_nano = 1000
            self.kept = answer(1000)

    addon = receipts()
    addon.till = SlowTill()
    dateless = Answer({**BODY, "created": 0}, None, "")
    flow = exchanges.answered(complete(replay=NAMED, answer=dateless))
    await addon.response(flow)
    assert flow.response.raw_content == addon.till.kept.body
    assert json.loads(flow.response.raw_content)["usage"]["cost"] == 0.000001


async def test_an_answer_of_before_has_the_receipt_of_before() -> None:
    answer = KeptAnswer(200, "application/json", b"{}")
    before = Replayed("req_0", answer, 1234, "openai", "gpt-4o-2024", 2)
    record = exchanges.held(id="req_9", held=False, replayed=before)
    flow = exchanges.answered(record)
    flow.response.raw_content = b"{}"
    await receipts().response(flow)
    assert flow.response.raw_content == b"{}"
    told = {
        "x-autolist-replayed": "true",
        "x-request-id": "req_0",
        "x-autolist-cost": "0.000001234",
        "x-autolist-provider": "openai",
        "x-autolist-upstream-model": "gpt-4o-2024",
        "x-autolist-attempts": "2",
        "access-control-allow-origin": "*",
    }
    assert {name: flow.response.headers[name] for name in told} == told
    assert "x-autolist-balance" not in flow.response.headers


async def test_a_flow_that_nobody_admitted_ends_without_a_word() -> None:
    await receipts().error(exchanges.flow())


async def test_an_answer_that_was_refused_is_committed_but_not_written() -> None:
    addon = receipts()
    flow = exchanges.answered(complete(refusal=UpstreamFailed()), 502)
    await addon.response(flow)
    assert addon.till.committed != []
    assert flow.response.raw_content == b""


async def test_an_answer_that_cannot_be_written_costs_nothing() -> None:
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    addon = receipts()
    record = complete(answer=Answer({**BODY, "choices": deep}, None, ""))
    with pytest.raises(TypeError):
        await addon.response(exchanges.answered(record))
    assert addon.till.committed == []


# A whole answer.


async def test_a_whole_answer_carries_its_cost_and_our_names() -> None:
    response = (await respond(complete())).response
    body = json.loads(response.raw_content)
    assert body["usage"] == {**BODY["usage"], "cost": 0.000001234}
    assert b'"cost":0.000001234' in response.raw_content
    assert (body["model"], body["id"], body["created"]) == ("gpt-4o", "req_1", 1)
    assert int(response.headers["content-length"]) == len(response.raw_content)


async def test_an_answer_without_a_date_gets_ours() -> None:
    answer = Answer({**BODY, "created": 0}, None, "")
    response = (await respond(complete(answer=answer))).response
    assert json.loads(response.raw_content)["created"] == START_NS // 10**9


@pytest.mark.parametrize("evidence", ["counted", "invalid"])
async def test_counted_figures_stand_where_they_were_charged(evidence: str) -> None:
    answer = Answer({**BODY, "usage": {"prompt_tokens": -1}}, None, "Hi")
    record = complete(answer=answer, charge=charge(evidence))
    usage = json.loads((await respond(record)).response.raw_content)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (13, 6)
    assert usage["cost"] == 0.000001234


async def test_reasoning_that_was_charged_apart_is_told_inside_the_output() -> None:
    made = charge("partial")
    apart = replace(made, quantities={"input": 13, "output": 2, "reasoning": 4})
    found = counted_usage(complete(charge=apart))
    assert found == Usage({"input": 13, "output": 6}, reasoning=4)


@pytest.mark.parametrize(
    ("parts", "name", "value"),
    [
        ({}, "x-request-id", "req_1"),
        ({}, "content-type", "application/json; charset=utf-8"),
        ({}, "cache-control", "no-store"),
        ({}, "access-control-allow-origin", "*"),
        ({}, "x-autolist-cost", "0.000001234"),
        ({}, "x-autolist-balance", "4.999998766"),
        ({}, "x-autolist-provider", "openai"),
        ({}, "x-autolist-upstream-model", "gpt-4o-2024"),
        ({"attempts": 2}, "x-autolist-attempts", "2"),
        ({}, "x-autolist-overhead-ms", "12.3"),
        ({"upstream_ns": 10_000_000}, "x-autolist-overhead-ms", "2.3"),
        ({}, "x-autolist-max-tokens", None),
        (
            {"quote": Quote(exchanges.PRICE, 1, 300, 1, 1, lowered=True)},
            "x-autolist-max-tokens",
            "300",
        ),
        ({}, "x-autolist-dropped", None),
        ({"dropped": ("logit", "seed")}, "x-autolist-dropped", "logit, seed"),
        ({}, "x-ratelimit-limit-requests", None),
        (
            {"rate": RateState(60, 59, 0, None, 7)},
            "x-ratelimit-remaining-requests",
            "59",
        ),
    ],
)
async def test_the_receipt_is_in_the_headers(parts, name: str, value) -> None:
    response = (await respond(complete(**parts))).response
    assert response.headers.get(name) == value


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [(0, "0.0"), (99_999, "0.0"), (100_000, "0.1"), (12_345_678, "12.3")],
)
def test_overhead_is_shown_to_a_tenth_of_a_millisecond(nanoseconds, shown) -> None:
    assert overhead_ms(nanoseconds) == shown


@pytest.mark.parametrize(
    ("rate", "names"),
    [
        (RateState(0, None, 0, None, 60), set()),
        (RateState(60, 0, 0, None, 60), {"requests"}),
        (RateState(0, None, 100, 0, 60), {"tokens"}),
        (RateState(60, 1, 100, 2, 60), {"requests", "tokens"}),
    ],
)
def test_only_limits_that_exist_are_told(rate: RateState, names: set[str]) -> None:
    fields = rate_fields(rate)
    assert fields.keys() == {
        f"x-ratelimit-{what}-{name}"
        for name in names
        for what in ("limit", "remaining", "reset")
    }
    assert {fields[f"x-ratelimit-reset-{name}"] for name in names} <= {"60s"}


async def test_what_is_not_a_paid_answer_gets_its_id_and_keeps_its_body() -> None:
    flow = exchanges.answered(exchanges.exchange(endpoints.MODELS), method="GET")
    flow.response.raw_content = b"{}"
    await receipts().response(flow)
    assert flow.response.headers["x-request-id"] == "req_1"
    assert flow.response.raw_content == b"{}"
    assert "x-autolist-cost" not in flow.response.headers


@pytest.mark.parametrize(
    ("endpoint", "allowed"), [(endpoints.PREFLIGHT, True), (endpoints.MODELS, False)]
)
async def test_a_preflight_learns_what_a_page_may_send(endpoint, allowed) -> None:
    flow = await respond(exchanges.exchange(endpoint), method="OPTIONS")
    headers = flow.response.headers
    assert ("authorization" in headers.get("access-control-allow-headers", "")) is (
        allowed
    )
    assert headers["access-control-allow-origin"] == "*"


async def test_the_web_side_is_not_opened_to_other_pages() -> None:
    flow = await respond(exchanges.exchange(endpoints.WEB))
    assert "access-control-allow-origin" not in flow.response.headers


# A streamed answer.


@pytest.mark.parametrize(
    ("http_version", "name", "value"),
    [
        ("HTTP/1.1", "transfer-encoding", "chunked"),
        ("HTTP/1.1", "content-type", "text/event-stream; charset=utf-8"),
        ("HTTP/1.1", "x-accel-buffering", "no"),
        ("HTTP/1.1", "x-request-id", "req_1"),
        ("HTTP/1.1", "x-autolist-provider", "openai"),
        ("HTTP/1.1", "access-control-allow-origin", "*"),
        ("HTTP/1.1", "x-autolist-cost", None),
        ("HTTP/1.1", "content-length", None),
        ("HTTP/1.0", "connection", "close"),
        ("HTTP/1.0", "transfer-encoding", None),
    ],
)
def test_a_stream_begins_with_what_is_known(http_version, name, value) -> None:
    record = streamed()
    flow = begin(record, http_version)
    assert flow.response.headers.get(name) == value
    assert (flow.response.stream, record.began) == (True, True)


@pytest.mark.parametrize(
    "parts", [{"committed": False}, {"refusal": UnknownKey()}], ids=["whole", "refused"]
)
def test_what_is_no_stream_does_not_begin(parts) -> None:
    record = streamed(**parts)
    flow = begin(record)
    assert (flow.response.stream, record.began) == (False, False)


@pytest.mark.parametrize("include_usage", [False, True])
async def test_the_tail_of_a_stream_has_its_cost_and_comes_after_the_charge(
    include_usage: bool,
) -> None:
    record = streamed(began=True, stream=stream(include_usage=include_usage))
    await respond(record)
    *_, last, done, rest = record.tail.split(b"\n\n")
    chunk = json.loads(last.removeprefix(b"data: "))
    assert (done, rest) == (b"data: [DONE]", b"")
    assert chunk["usage"]["cost"] == 0.000001234
    assert chunk["usage"]["total_tokens"] == 19
    assert (chunk["choices"] == []) is include_usage


async def test_a_broken_stream_ends_with_an_error_and_never_with_done() -> None:
    record = streamed(began=True, broken=UpstreamFailed())
    await respond(record)
    assert b"[DONE]" not in record.tail
    frame = json.loads(record.tail.removeprefix(b"data: "))
    assert frame["error"]["code"] == "upstream_error"


async def test_the_tail_tells_counted_figures_where_they_were_charged() -> None:
    record = streamed(began=True, charge=charge("counted", nano=7))
    await respond(record)
    assert b'"prompt_tokens":13' in record.tail
    assert b'"cost":0.000000007' in record.tail


def test_a_stream_that_was_not_charged_has_no_tail() -> None:
    assert tail_of(streamed(charge=None)) == b""


async def test_images_are_written_in_openais_shape_with_their_cost() -> None:
    record = exchanges.image_held(
        answer=ImageAnswer((), ({"url": "u"},)), charge=charge("counted", 40_000_000)
    )
    flow = await respond(record)
    found = orjson.loads(flow.response.content)
    assert found["data"] == [{"url": "u"}]
    assert found["usage"] == {"images": 1, "cost": 0.04}
    assert found["created"] == START_NS // 10**9
    assert flow.response.headers["x-autolist-cost"] == "0.04"


# What is told of a job.


async def test_an_answer_about_a_job_is_told_as_it_is_kept() -> None:
    addon = receipts()
    told = Told(KeptAnswer(202, "x", b'{"a":1}'), {"x-more": "1"})
    record = exchanges.exchange(
        endpoints.VIDEO_GENERATION, told=told, ordered=True, dropped=("seed",)
    )
    flow = exchanges.answered(record, 202)
    await addon.response(flow)
    assert (flow.response.status_code, flow.response.content) == (202, b'{"a":1}')
    headers = flow.response.headers
    assert (headers["x-more"], headers["x-request-id"]) == ("1", record.id)
    assert headers["x-autolist-dropped"] == "seed"
    assert addon.till.committed == []


@pytest.mark.parametrize(
    ("refusal", "withdrawn"), [(InternalError(), True), (UpstreamFailed(), False)]
)
@pytest.mark.parametrize("hook", ["response", "error"])
async def test_what_was_ordered_is_taken_back_where_a_hook_failed(
    hook: str, refusal, withdrawn: bool
) -> None:
    addon = receipts()
    record = exchanges.exchange(endpoints.VIDEO_GENERATION, ordered=True)
    record.refuse(refusal)
    await getattr(addon, hook)(exchanges.answered(record, 500))
    assert addon.till.committed == ([("withdraw", None)] if withdrawn else [])
