"""Upstream: attempts in their order, the clocks, and no way back once begun."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from mitmproxy.connection import Server

from addons.exchange import Exchange, Leg
from addons.upstream.call import Call
from addons.upstream.upstream import (
    CUT_SHORT,
    DRAWING_MAX,
    EARLY_BYTES,
    ERROR_BYTES,
    RUNAWAY,
    Upstream,
)
from addons.wire.errors import (
    BadRequest,
    UnknownKey,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamTimeout,
)
from config.settings import Clocks, Retries
from storage.replays import ReplayKey
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.inlet import RecordingInlet
from tests.fakes.loop import leap
from tests.fakes.png import png
from tests.fakes.transport import (
    DONE,
    STUCK,
    ScriptedReply,
    ScriptedTransport,
    chunk,
    completion,
    usage_chunk,
)

CLOCKS = Clocks(
    connect_seconds=5, first_byte_seconds=20, idle_seconds=10, total_seconds=100
)
# Where a story is of one attempt for each leg.
AT_ONCE = Retries(wait_seconds=0)
GOOD = [chunk("Hel"), chunk("lo"), chunk(finish="stop"), usage_chunk(3, 4), DONE]


@dataclass
class Served:
    """What became of one call."""

    record: Exchange
    inlet: RecordingInlet
    transports: dict[str, ScriptedTransport]
    seconds: float = 0.0
    failure: BaseException | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)


def legs(count: int = 1, **fields: Any) -> tuple[Leg, ...]:
    known = {"clocks": CLOCKS, **fields}
    return tuple(exchanges.leg(f"leg{number}", **known) for number in range(count))


def exchange_for(route: tuple[Leg, ...], stream: bool, **ask: Any) -> Exchange:
    asked = exchanges.ask(stream=stream, **ask)
    return exchanges.held(route=route, ask=asked)


def serve(
    *replies: ScriptedReply | Exception,
    record: Exchange | None = None,
    stream: bool = True,
    meanwhile: Callable[[Upstream, Served], Coroutine[Any, Any, None]] | None = None,
    retries: Retries = AT_ONCE,
) -> Served:
    """Serve a call on a leaping loop: each leg has one of the replies."""
    record = record or exchange_for(legs(len(replies)), stream)
    transports = {
        leg.provider.name: ScriptedTransport(reply)
        for leg, reply in zip(record.route, replies)
    }
    return leap(story(record, transports, meanwhile, retries))


async def story(record, transports, meanwhile, retries) -> Served:
    upstream = Upstream(
        FakeClock(), lambda one: transports[one.name], retries_of=lambda _: retries
    )
    served = Served(record, RecordingInlet(), transports)
    flow = exchanges.travelling(record)
    call = Call(flow, 1, Server(address=None), served.inlet)
    task = asyncio.create_task(upstream.upstream_exchange(call))
    if meanwhile is not None:
        await meanwhile(upstream, served)
    (served.failure,) = await asyncio.gather(task, return_exceptions=True)
    served.seconds = asyncio.get_running_loop().time()
    served.requests = [
        orjson.loads(request.body)
        for transport in transports.values()
        for request in transport.requests
    ]
    assert upstream.calls == set()
    return served


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until something is so."""
    while not condition():
        await asyncio.sleep(0)


def code(error: Exception | None) -> str | None:
    return None if error is None else error.code


# What is sent.


@pytest.mark.parametrize("stream", [False, True])
def test_the_ask_is_sent_as_the_leg_wants_it(stream: bool) -> None:
    reply = ScriptedReply(GOOD if stream else [completion()])
    served = serve(reply, stream=stream)
    (request,) = served.transports["leg0"].requests
    assert request.headers["authorization"] == "Bearer sk-secret"
    (body,) = served.requests
    assert (body["model"], body["max_completion_tokens"]) == ("gpt-4o-2024", 200)
    assert body.get("stream", False) is stream


def test_the_output_limit_of_the_quote_is_sent_not_the_callers() -> None:
    record = exchange_for(legs(), stream=False, max_tokens=9999)
    served = serve(ScriptedReply([completion()]), record=record)
    (body,) = served.requests
    assert body["max_completion_tokens"] == exchanges.QUOTE.output_tokens


def test_each_leg_gets_its_own_model_and_credential() -> None:
    other = exchanges.leg("leg1", model="other", credentials=(), clocks=CLOCKS)
    record = exchange_for((*legs(1), other), stream=False)
    served = serve(
        UpstreamFailed(), ScriptedReply([completion()]), record=record
    )
    assert [body["model"] for body in served.requests] == ["gpt-4o-2024", "other"]
    (request,) = served.transports["leg1"].requests
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    "parts",
    [{"held": False}, {"route": ()}, {"refusal": UnknownKey()}],
    ids=["unheld", "unrouted", "refused"],
)
def test_what_nobody_admitted_goes_nowhere(parts) -> None:
    record = exchanges.held(**{"route": legs(), **parts})
    served = serve(ScriptedReply([completion()]), record=record)
    assert served.requests == []
    assert served.inlet.status == 500


# A whole answer.


def test_a_whole_answer_is_read_and_its_body_left_to_the_receipt() -> None:
    served = serve(ScriptedReply([b"", completion("Hello")]), stream=False)
    assert served.inlet.names == ["ResponseHeaders", "ResponseEndOfMessage"]
    assert (served.inlet.status, served.record.answer.text) == (200, "Hello")
    assert (served.record.attempts, served.record.leg.provider.name) == (1, "leg0")
    assert served.record.first_byte_ns is not None
    assert served.record.refusal is None


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ([b"<html>"], "upstream_error"),
        ([], "upstream_error"),
        ([b'{"choices":[]}'], "upstream_error"),
        ([completion(), UpstreamFailed()], "upstream_error"),
        ([STUCK], "upstream_timeout"),
    ],
)
def test_what_is_no_answer_is_refused(body, refusal: str) -> None:
    served = serve(ScriptedReply(body), stream=False)
    assert (code(served.record.refusal), served.inlet.status) == (refusal, 502)
    assert served.record.answer is None


def test_a_whole_answer_may_take_longer_than_its_first_byte() -> None:
    body = completion("Hello")
    pieces = [19.0, b"\n", 9.0, b"\n", 9.0, body[:20], 9.0, body[20:]]
    served = serve(ScriptedReply(pieces), stream=False)
    assert (served.record.refusal, served.record.answer.text) == (None, "Hello")


def test_an_answer_above_the_limit_is_refused() -> None:
    record = exchange_for(legs(response_bytes=10), stream=False)
    served = serve(ScriptedReply([completion()]), record=record)
    assert served.record.refusal.message == "The provider's answer is too large."


# A streamed answer.


def test_a_stream_is_passed_on_as_it_comes() -> None:
    served = serve(ScriptedReply(GOOD))
    assert served.inlet.names == [
        "ResponseHeaders",
        "ResponseData",
        "ResponseData",
        "ResponseEndOfMessage",
    ]
    assert b"Hel" in served.inlet.data and b"[DONE]" not in served.inlet.data
    assert served.record.committed and served.record.broken is None
    assert served.record.stream.reading.usage.quantities["output"] == 4


def test_nothing_is_sent_before_the_first_real_content() -> None:
    async def look(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.transports["leg0"].replies[0].taken == 3)
        assert served.inlet.events == []

    first = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    reply = ScriptedReply([b": hello\n\n", first, 5.0, *GOOD])
    served = serve(reply, meanwhile=look)
    assert b'"assistant"' in served.inlet.data
    assert served.inlet.status == 200


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize(
    "pieces",
    [
        [chunk("Hi", finish="stop"), DONE],
        [chunk("Hi", finish="stop") + DONE],
        [chunk("Hi", finish="stop").rstrip()],
        [chunk("Hi", finish="stop")],
        [chunk(finish="stop"), DONE],
    ],
    ids=["two", "joined", "unended", "undone", "wordless"],
)
def test_an_answer_in_one_event_is_an_answer(pieces, include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": include_usage}}
    record = exchange_for(legs(), stream=True, **options)
    served = serve(ScriptedReply(pieces), record=record)
    assert (served.record.refusal, served.record.broken) == (None, None)
    assert served.inlet.names[0] == "ResponseHeaders"
    assert served.inlet.names[-1] == "ResponseEndOfMessage"
    said = served.inlet.data + served.record.stream.tail(None, "1")
    assert said.count(b'"finish_reason":"stop"') == 1


def test_an_empty_piece_is_never_fed_because_it_would_end_the_chunks() -> None:
    served = serve(ScriptedReply([chunk("Hi", finish="stop"), b"", DONE]))
    pieces = [
        event.data for event in served.inlet.http_events if hasattr(event, "data")
    ]
    assert b"" not in pieces


@pytest.mark.parametrize(
    "pieces",
    [[], [DONE], [b": hello\n\n"], [usage_chunk(3, 0), DONE], [b"data: {}\n\n"]],
    ids=["nothing", "done", "comment", "usage", "empty"],
)
def test_a_stream_without_content_is_no_answer(pieces) -> None:
    served = serve(ScriptedReply(pieces))
    assert (code(served.record.refusal), served.inlet.status) == ("upstream_error", 502)


@pytest.mark.parametrize(
    ("end", "broken"),
    [
        ([], "upstream_error"),
        ([UpstreamFailed(detail="reset")], "upstream_error"),
        ([b'data: {"error":{"message":"no","code":"oops"}}\n\n'], "upstream_error"),
        ([STUCK], "upstream_timeout"),
        ([ZeroDivisionError()], "internal_error"),
    ],
)
def test_a_stream_that_was_cut_is_broken_and_never_followed(end, broken: str) -> None:
    served = serve(ScriptedReply([chunk("Hi"), *end]), ScriptedReply(GOOD))
    assert code(served.record.broken) == broken
    assert served.record.refusal is None
    assert served.inlet.names[-1] == "ResponseEndOfMessage"
    assert served.inlet.names.count("ResponseEndOfMessage") == 1
    assert (served.inlet.status, served.record.attempts) == (200, 1)


def test_a_cut_stream_says_so() -> None:
    served = serve(ScriptedReply([chunk("Hi")]))
    assert served.record.broken.message == CUT_SHORT


def test_what_comes_after_done_is_read_and_forgotten() -> None:
    reply = ScriptedReply([*GOOD, chunk("late"), b"\n"])
    served = serve(reply)
    assert b"late" not in served.inlet.data
    assert reply.taken == len(reply.body)


def test_a_connection_that_stays_open_after_done_is_given_up() -> None:
    served = serve(ScriptedReply([*GOOD, STUCK]))
    assert (served.record.broken, served.failure) == (None, None)
    assert served.seconds == pytest.approx(1)


def test_an_answer_that_a_hook_refused_is_not_passed_on() -> None:
    async def refuse(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.record.committed)
        served.record.refuse(UpstreamFailed())

    served = serve(ScriptedReply([chunk("a"), 1.0, *GOOD]), meanwhile=refuse)
    assert b"Hel" not in served.inlet.data
    assert served.inlet.names[-1] == "ResponseEndOfMessage"


def test_a_stream_that_only_clears_its_throat_is_no_answer() -> None:
    empty = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    served = serve(ScriptedReply([empty] * 2_000), ScriptedReply(GOOD))
    assert (served.record.attempts, served.record.refusal) == (2, None)


def test_a_stream_that_ignores_its_limit_is_cut() -> None:
    # QUOTE allows 200 tokens.
    reply = ScriptedReply([chunk("x" * 1_000)] * 100)
    served = serve(reply)
    assert served.record.broken.message == RUNAWAY
    assert reply.taken < 20


def test_the_operator_learns_of_each_failure(caplog: pytest.LogCaptureFixture) -> None:
    served = serve(UpstreamFailed(detail="TLS"), ScriptedReply(GOOD))
    assert "leg0 failed: upstream_error TLS" in caplog.text
    assert served.record.refusal is None


# One leg after the other.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "first",
    [
        UpstreamFailed(detail="connect"),
        ScriptedReply([b"{}"], 429),
        ScriptedReply([b"{}"], 500),
        ScriptedReply([b"{}"], 529),
        ScriptedReply([b"{}"], 401),
        ScriptedReply([b"{}"], 402),
        ScriptedReply([b"<html>"]),
        ScriptedReply([STUCK]),
        ScriptedReply([]),
    ],
)
def test_a_leg_that_failed_is_followed_by_the_next(first, stream: bool) -> None:
    second = ScriptedReply(GOOD if stream else [completion()])
    served = serve(first, second, stream=stream)
    assert (served.record.refusal, served.inlet.status) == (None, 200)
    assert (served.record.attempts, served.record.leg.provider.name) == (2, "leg1")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_judgement_of_the_request_is_final(status: int) -> None:
    body = orjson.dumps({"error": {"message": "no such thing", "param": "top_p"}})
    served = serve(ScriptedReply([body], status), ScriptedReply(GOOD))
    assert isinstance(served.record.refusal, BadRequest)
    assert (served.record.attempts, served.inlet.status) == (1, 400)


def test_what_a_provider_cannot_do_is_not_asked_of_the_next() -> None:
    record = exchange_for(legs(2, dialect="deepseek"), stream=False, n=2)
    served = serve(ScriptedReply([]), ScriptedReply([]), record=record)
    assert (served.record.refusal.param, served.requests) == ("n", [])


def again(*replies: ScriptedReply | Exception, **fields: Any) -> Served:
    """Serve a call whose only leg gives one reply after the other."""
    record = exchange_for(legs(**fields), stream=False)
    transport = ScriptedTransport(*replies)
    return leap(story(record, {"leg0": transport}, None, Retries()))


def test_a_leg_that_asked_for_time_is_waited_for() -> None:
    busy = ScriptedReply([b"{}"], 429, {"retry-after": "7"})
    served = again(busy, ScriptedReply([completion()]))
    assert (served.record.refusal, served.seconds) == (None, 7)
    assert (served.record.attempts, len(served.record.trail)) == (2, 2)


def test_a_wait_beyond_the_budget_is_the_callers() -> None:
    served = again(ScriptedReply([b"{}"], 429, {"retry-after": "11"}))
    assert (served.record.refusal.retry_after, served.seconds) == (11, 0)
    assert (served.inlet.status, served.record.attempts) == (429, 1)


def test_a_leg_that_fails_is_tried_again_after_longer_and_longer() -> None:
    served = again(*[UpstreamFailed(detail="connect")] * 3)
    assert (code(served.record.refusal), served.record.attempts) == (
        "upstream_error",
        3,
    )
    assert 0.75 <= served.seconds <= 1.5


def test_an_answer_that_began_is_not_asked_for_twice() -> None:
    served = again(ScriptedReply([b"<html>"]))
    assert (served.inlet.status, served.record.attempts) == (502, 1)


def test_a_client_that_leaves_ends_the_wait() -> None:
    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.transports["leg0"].replies[0].left)
        await asyncio.sleep(0)
        await upstream.error(served.record.call.flow)

    served = serve(
        ScriptedReply([b"{}"], 429, {"retry-after": "5"}),
        stream=True,
        meanwhile=leave,
        retries=Retries(),
    )
    assert isinstance(served.failure, asyncio.CancelledError)
    assert (served.seconds, served.record.attempts) == (0, 1)
    # Nobody works for it, so there is nothing to charge.
    assert served.record.contacted_ns is None


def test_an_end_of_the_process_ends_the_wait() -> None:
    async def cut(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.transports["leg0"].replies[0].left)
        upstream.cut_all()

    busy = ScriptedReply([b"{}"], 429, {"retry-after": "5"})
    served = serve(busy, meanwhile=cut, retries=Retries())
    assert (code(served.record.refusal), served.seconds) == ("draining", 0)


def test_a_leg_that_was_let_go_is_tried_last_by_the_next() -> None:
    async def twice() -> list[list[str]]:
        route = legs(2)
        shut = ScriptedReply([b"{}"], 401)
        good = [ScriptedReply([completion()]) for _ in range(2)]
        transports = {
            "leg0": ScriptedTransport(shut), "leg1": ScriptedTransport(*good)
        }
        upstream = Upstream(FakeClock(), lambda one: transports[one.name])
        seen = []
        for _ in range(2):
            record = exchange_for(route, stream=False)
            call = Call(
                exchanges.travelling(record), 1, Server(address=None), RecordingInlet()
            )
            await upstream.upstream_exchange(call)
            seen.append([one.leg.provider.name for one in record.trail])
        return seen

    assert leap(twice()) == [["leg0", "leg1"], ["leg1"]]


def test_the_last_failure_is_the_one_that_is_told() -> None:
    served = serve(ScriptedReply([b"{}"], 500), UpstreamOverloaded())
    assert code(served.record.refusal) == "upstream_overloaded"
    assert served.record.attempts == 2


@pytest.mark.parametrize("size", [ERROR_BYTES, 4 * ERROR_BYTES])
def test_an_error_that_goes_on_for_ever_is_judged_by_its_status(size: int) -> None:
    reply = ScriptedReply([b"x" * size, b"x", STUCK], 400)
    served = serve(reply)
    assert isinstance(served.record.refusal, BadRequest)
    assert reply.left


def test_a_bug_of_ours_is_a_500_and_not_followed() -> None:
    served = serve(ZeroDivisionError(), ScriptedReply(GOOD))
    assert (code(served.record.refusal), served.record.attempts) == (
        "internal_error",
        1,
    )


# The trail.


def ends(served: Served) -> list[tuple[str, int]]:
    assert all(attempt.ended_ns is not None for attempt in served.record.trail)
    return [(attempt.outcome, attempt.status) for attempt in served.record.trail]


@pytest.mark.parametrize(
    ("replies", "stream", "trail"),
    [
        ([ScriptedReply(GOOD)], True, [("complete", 200)]),
        ([ScriptedReply([completion()])], False, [("complete", 200)]),
        (
            [UpstreamFailed(), ScriptedReply([b"{}"], 429), ScriptedReply(GOOD)],
            True,
            [
                ("upstream_error", 0),
                ("rate_limit_exceeded", 429),
                ("complete", 200),
            ],
        ),
        ([ScriptedReply([b"{}"], 400)], False, [("upstream_refused", 400)]),
        ([ScriptedReply(GOOD[:1])], True, [("upstream_error", 200)]),
        ([ScriptedReply([STUCK])], True, [("upstream_timeout", 200)]),
        ([ZeroDivisionError()], True, [("internal_error", 0)]),
    ],
)
def test_every_attempt_leaves_its_end(replies, stream: bool, trail) -> None:
    assert ends(serve(*replies, stream=stream)) == trail


def test_an_attempt_that_was_cut_off_was_cancelled() -> None:
    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.record.committed)
        served.record.call.task.cancel()

    served = serve(ScriptedReply([chunk("a"), STUCK]), meanwhile=leave)
    (attempt,) = served.record.trail
    assert (attempt.outcome, attempt.status) == ("cancelled", 200)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"x-request-id": "req_a", "request-id": "req_b"}, "req_a"),
        ({"request-id": "req_b"}, "req_b"),
        ({"x-ds-trace-id": "abc"}, "abc"),
        ({"x-request-id": ""}, ""),
        ({}, ""),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_the_providers_name_for_a_request_is_noted(
    headers, found: str, status: int
) -> None:
    served = serve(ScriptedReply(GOOD, status, headers))
    (attempt,) = served.record.trail
    assert attempt.upstream_id == found


# The clocks.


@pytest.mark.parametrize(
    ("pieces", "seconds", "expired"),
    [
        ([STUCK], 20, "first_byte"),
        ([b": still here\n\n", 15.0, b": and here\n\n", STUCK], 20, "first_byte"),
        ([15.0, chunk("a"), STUCK], 25, "idle"),
        ([chunk("a"), 9.0, b": alive\n\n", 9.0, STUCK], 19, "idle"),
        ([piece for _ in range(99) for piece in (chunk("a"), 9.0)], 100, "total"),
    ],
)
def test_silence_ends_when_its_clock_runs_out(pieces, seconds, expired: str) -> None:
    served = serve(ScriptedReply(pieces))
    assert served.seconds == pytest.approx(seconds)
    error = served.record.refusal or served.record.broken
    assert isinstance(error, UpstreamTimeout)
    assert error.detail == f"{expired} clock"


@pytest.mark.parametrize(
    ("pieces", "seconds", "expired"),
    [
        ([STUCK], 20, "first_byte"),
        ([9.0, b"{", 9.0, b'"a":', STUCK], 28, "idle"),
        ([piece for _ in range(99) for piece in (b" ", 9.0)], 100, "total"),
    ],
)
def test_a_whole_answer_may_take_its_time_but_not_fall_silent(
    pieces, seconds, expired: str
) -> None:
    served = serve(ScriptedReply(pieces), stream=False)
    assert served.seconds == pytest.approx(seconds)
    assert served.record.refusal.detail == f"{expired} clock"


def test_every_leg_has_clocks_of_its_own() -> None:
    served = serve(ScriptedReply([STUCK]), ScriptedReply([15.0, *GOOD]))
    assert (served.record.refusal, served.seconds) == (None, pytest.approx(35))


def test_a_slow_client_is_not_the_providers_silence() -> None:
    async def read_late(upstream: Upstream, served: Served) -> None:
        served.inlet.slow()
        await served.inlet.waiting.wait()
        asyncio.get_running_loop().call_later(50, served.inlet.read)

    served = serve(ScriptedReply(GOOD), meanwhile=read_late)
    assert (served.record.broken, served.seconds) == (None, pytest.approx(50))


def test_a_client_that_does_not_read_stops_the_reading_of_the_provider() -> None:
    reply = ScriptedReply([chunk("a")] * 1000 + [chunk(finish="stop"), DONE])

    async def look(upstream: Upstream, served: Served) -> None:
        served.inlet.slow()
        await served.inlet.waiting.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert reply.taken == 1
        served.inlet.read()

    assert serve(reply, meanwhile=look).record.broken is None


def test_a_client_that_never_reads_is_ended_by_the_total_clock() -> None:
    async def never(upstream: Upstream, served: Served) -> None:
        served.inlet.slow()

    served = serve(ScriptedReply(GOOD), meanwhile=never)
    assert served.seconds == pytest.approx(100)
    assert code(served.record.broken) == "upstream_timeout"


# Leaving and stopping.


@pytest.mark.parametrize("pieces", [[STUCK], [chunk("a"), STUCK]])
def test_a_client_that_left_ends_the_call_and_the_providers_connection(pieces) -> None:
    reply = ScriptedReply(pieces)

    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: reply.taken == len(pieces))
        await upstream.error(served.record.call.flow)

    served = serve(reply, meanwhile=leave)
    assert isinstance(served.failure, asyncio.CancelledError)
    assert reply.left
    assert (served.record.refusal, served.record.broken) == (None, None)


@pytest.mark.parametrize("record", [None, exchanges.held()])
async def test_a_client_that_left_before_any_call_ends_nothing(record) -> None:
    upstream = Upstream(FakeClock())
    flow = exchanges.travelling(record) if record else exchanges.flow()
    await upstream.error(flow)


NAMED = ReplayKey("order-1", b"fingerprint")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [([9.0, completion("Hello")], None), ([9.0, b"<html>"], "upstream_error")],
)
def test_an_answer_that_will_be_asked_for_again_is_waited_for(body, refusal) -> None:
    record = exchange_for(legs(), stream=False)
    record.replay = NAMED
    reply = ScriptedReply(body)

    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: record.contacted_ns is not None)
        await upstream.error(record.call.flow)
        assert upstream.calls == set()

    served = serve(reply, record=record, meanwhile=leave)
    assert (served.failure, code(record.refusal)) == (None, refusal)
    assert (record.answer is None) is (refusal is not None)
    # Its flow is over, and must not begin a second life.
    assert served.inlet.events == []


def test_a_stream_is_not_waited_for_under_whatever_name() -> None:
    record = exchange_for(legs(), stream=True)
    record.replay = NAMED

    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: record.contacted_ns is not None)
        await upstream.error(record.call.flow)

    served = serve(ScriptedReply([STUCK]), record=record, meanwhile=leave)
    assert isinstance(served.failure, asyncio.CancelledError)


def test_a_drain_cuts_also_what_nobody_waits_for() -> None:
    record = exchange_for(legs(), stream=False)
    record.replay = NAMED

    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: record.contacted_ns is not None)
        left = asyncio.create_task(upstream.error(record.call.flow))
        await asyncio.sleep(0)
        upstream.cut_all()
        await left

    serve(ScriptedReply([STUCK]), record=record, meanwhile=leave)
    assert code(record.refusal) == "draining"


@pytest.mark.parametrize(
    ("pieces", "status", "refusal", "broken"),
    [
        ([STUCK], 503, "draining", None),
        ([chunk("a"), STUCK], 200, None, "draining"),
    ],
)
def test_a_cut_tells_the_client_why(pieces, status, refusal, broken) -> None:
    reply = ScriptedReply(pieces)

    async def cut(upstream: Upstream, served: Served) -> None:
        await until(lambda: reply.taken == len(pieces))
        upstream.cut_all()

    served = serve(reply, ScriptedReply(GOOD), meanwhile=cut)
    assert served.inlet.status == status
    assert (code(served.record.refusal), code(served.record.broken)) == (
        refusal,
        broken,
    )
    assert (served.failure, served.record.attempts) == (None, 1)


def test_a_fast_provider_may_say_much_in_its_first_piece() -> None:
    """What is bounded is the wait for content, not the content."""
    piece = b"".join([chunk("a")] * 1000)
    assert len(piece) > EARLY_BYTES
    served = serve(ScriptedReply([piece, *GOOD]))
    assert (served.inlet.status, served.record.refusal) == (200, None)
    assert served.record.broken is None


def test_a_call_that_comes_after_the_cut_goes_nowhere() -> None:
    async def cut(upstream: Upstream, served: Served) -> None:
        assert upstream.calls == set()
        upstream.cut_all()

    served = serve(ScriptedReply(GOOD), meanwhile=cut)
    assert (served.inlet.status, code(served.record.refusal)) == (503, "draining")
    assert served.requests == []


def test_a_cut_after_the_end_changes_nothing() -> None:
    async def cut(upstream: Upstream, served: Served) -> None:
        await until(lambda: "ResponseEndOfMessage" in served.inlet.names)
        upstream.cut_all()

    served = serve(ScriptedReply([*GOOD, STUCK]), meanwhile=cut)
    assert served.record.broken is None
    assert served.inlet.names.count("ResponseEndOfMessage") == 1


async def test_transports_are_closed_at_the_end() -> None:
    transport = ScriptedTransport()
    upstream = Upstream(FakeClock(), lambda one: transport)
    with upstream.transports.to(exchanges.provider()) as opened:
        assert opened is transport
    await upstream.done()
    assert transport.closed


async def test_a_call_that_has_its_answer_is_left_alone() -> None:
    transport = ScriptedTransport(ScriptedReply())
    upstream = Upstream(FakeClock(), lambda provider: transport)
    record = exchanges.held(route=(exchanges.leg(),))
    call = Call(exchanges.travelling(record), 1, Server(address=None), RecordingInlet())
    call.ended = True
    await upstream.upstream_exchange(call)
    assert (call.task, record.call, record.attempts) == (None, None, 0)
    assert call.inlet.events == []


# Images.


def image_reply(count: int = 1, status: int = 200, *before: Any) -> ScriptedReply:
    image = {"b64_json": base64.b64encode(png("cat")).decode()}
    body = orjson.dumps({"data": [image] * count})
    return ScriptedReply([*before, body], status)


def image_exchange(count: int, **ask: Any) -> Exchange:
    asked = exchanges.image_ask(**ask)
    return exchanges.image_held(route=legs(count), ask=asked)


def test_images_are_asked_for_by_the_leg_s_own_model_and_credential() -> None:
    record = image_exchange(1, n=2, style="vivid")
    served = serve(image_reply(2), record=record)
    (request,) = served.transports["leg0"].requests
    assert request.headers["authorization"] == "Bearer sk-secret"
    (body,) = served.requests
    assert (body["model"], body["n"]) == ("gpt-4o-2024", 2)
    assert body["user"] == f"account-{exchanges.CALLER.account_id}"
    assert record.dropped == ("style",)
    assert len(record.answer.made) == 2
    assert record.contacted_ns is not None


def test_more_images_than_were_asked_for_are_not_passed_on() -> None:
    record = image_exchange(1, n=2)
    serve(image_reply(5), record=record)
    assert len(record.answer.made) == 2


@pytest.mark.parametrize(
    ("first", "attempts", "code"),
    [
        (image_reply(status=429), 2, None),
        (image_reply(status=503), 2, None),
        (image_reply(status=401), 2, None),
        (UpstreamFailed(), 2, None),
        (image_reply(status=500), 1, "upstream_error"),
        (image_reply(status=400), 1, "upstream_refused"),
        (image_reply(0), 1, "upstream_error"),
        (ScriptedReply([STUCK]), 1, "upstream_timeout"),
        (ScriptedReply([UpstreamFailed()]), 1, "upstream_error"),
        (ScriptedReply([ZeroDivisionError()]), 1, "internal_error"),
    ],
)
def test_images_that_may_have_been_begun_are_not_begun_elsewhere(
    first, attempts: int, code
) -> None:
    record = image_exchange(2)
    serve(first, image_reply(), record=record)
    assert record.attempts == attempts
    assert (record.refusal.code if record.refusal else None) == code
    assert (record.answer is None) is (code is not None)
    if attempts == 1 and record.refusal.status >= 500:
        assert record.refusal.should_retry is False


def test_a_bug_before_anything_was_begun_may_be_tried_again() -> None:
    record = image_exchange(1)
    serve(ZeroDivisionError(), record=record)
    assert (code(record.refusal), record.refusal.should_retry) == (
        "internal_error", None
    )


def test_a_client_that_leaves_does_not_stop_what_is_made() -> None:
    async def leave(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.record.contacted_ns is not None)
        await upstream.error(served.record.call.flow)

    record = image_exchange(1)
    served = serve(image_reply(1, 200, 5.0), record=record, meanwhile=leave)
    assert served.failure is None
    assert len(record.answer.made) == 1
    assert served.seconds == pytest.approx(5)


def test_a_gateway_that_is_cut_stops_what_is_made() -> None:
    async def cut(upstream: Upstream, served: Served) -> None:
        await until(lambda: served.record.contacted_ns is not None)
        upstream.cut_all()

    record = image_exchange(1)
    serve(ScriptedReply([STUCK]), record=record, meanwhile=cut)
    assert record.refusal.code == "draining"
    assert record.refusal.should_retry is False


def test_only_so_many_images_are_in_memory_at_once() -> None:
    async def fill(upstream: Upstream, served: Served) -> None:
        upstream.drawing = DRAWING_MAX

    record = image_exchange(2)
    served = serve(image_reply(), image_reply(), record=record, meanwhile=fill)
    assert record.refusal.code == "overloaded"
    assert served.requests == []


@pytest.mark.parametrize(
    ("first", "attempts", "made"),
    [
        (ScriptedReply([b"{}"], 429, {"retry-after": "3"}), 2, True),
        (image_reply(status=503), 2, True),
        (UpstreamFailed(detail="connect"), 2, True),
        (image_reply(status=500), 1, False),
        (ScriptedReply([UpstreamFailed()]), 1, False),
    ],
)
def test_only_images_that_were_surely_not_begun_are_waited_for(
    first, attempts: int, made: bool
) -> None:
    record = image_exchange(1)
    transport = ScriptedTransport(first, image_reply())
    leap(story(record, {"leg0": transport}, None, Retries()))
    assert (record.attempts, len(transport.requests)) == (attempts, attempts)
    assert (record.answer is not None) is made
