"""Stopping: who is being served may finish, nobody new comes in, all that ran is paid.

What is told here in one process is told once more at the end by signals to a real one.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from addons.wire.tokens import count_tokens
from config.money import dollars
from tests.fakes.openai_script import (
    Answer,
    Behaviour,
    Endless,
    Gate,
    Silence,
    after,
    frame,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import Dial, chat, events, request, said
from tests.scenarios.harness import Caller, Gateway, environ_of, with_listen

ECHO = "You said: 你好 there"
BEGUN = "You said: "
# Six tokens in, five out.
COST_NANO = 65_000
LONG = 10_000_000
WAIT_SECONDS = 20
QUICK = with_listen(grace_seconds=0.2)
DROP = {"choices": [{"index": 0, "delta": {"content": "x"}}]}
FLOOD = Endless(frame(DROP) * 100)
HEALTH = request("GET", "/healthz")
COUNTED = {"prompt_tokens": 6, "completion_tokens": 5, "total_tokens": 11}


@pytest.fixture
def gate(fake: FakeOpenAI) -> Gate:
    """Every stream stops here after three events."""
    gate = Gate()
    fake.always(Answer(edits=[after(3, gate)]))
    return gate


def begin(dial: Dial, key: str) -> bytes:
    """Start a stream and read it as far as the gate."""
    dial.send(chat(key, stream=True))
    status, _ = dial.head()
    assert status == 200
    begun = b""
    while said(events(begun)) != BEGUN:
        begun += dial.piece()
    return begun


def tell(gateway: Gateway) -> None:
    """What the first SIGTERM does; returns when nobody new is let in."""
    gateway.loop.call_soon_threadsafe(gateway.master.stop)
    until_refused(gateway.port)


def until_refused(port: int) -> None:
    refused = False
    while not refused:
        try:
            Dial(port).socket.close()
        except OSError:
            refused = True


def ended(gateway: Gateway) -> None:
    gateway.thread.join(WAIT_SECONDS)
    assert not gateway.thread.is_alive()
    assert gateway.failure is None


def cut(body: bytes) -> None:
    """A stream that says why it ends here, and cannot be taken for a whole one."""
    *chunks, last = events(body)
    assert said(chunks) == BEGUN
    assert last["error"]["code"] == "draining"
    assert b"[DONE]" not in body


def charged_as_delivered(gateway: Gateway, caller: Caller) -> None:
    """For the words that arrived and the prompt before them, no more."""
    (charge,) = gateway.charges(caller)
    assert (charge.record.evidence, charge.record.status) == ("partial", 503)
    output = count_tokens(BEGUN)
    assert charge.record.quantities["output"] == output
    input_tokens = charge.record.quantities["input"]
    assert charge.paid_nano == input_tokens * 2_500 + output * 10_000
    assert gateway.available_nano(caller) == 10 * 10**9 - charge.paid_nano


# While it drains.


def test_who_is_being_served_is_served_to_the_end(start, gate: Gate) -> None:
    gateway = start()
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        body = begin(dial, caller.key)
        tell(gateway)
        gate.open()
        body += dial.pieces()
        assert dial.rest() == b""
    *chunks, done = events(body)
    assert (said(chunks), done) == (ECHO, "[DONE]")
    assert f'"cost":{dollars(COST_NANO)}}}' in body.decode()
    ended(gateway)
    (charge,) = gateway.charges(caller)
    assert (charge.paid_nano, charge.record.evidence) == (COST_NANO, "reported")


def test_a_connection_from_before_hears_that_the_gateway_leaves(
    start, gate: Gate, fake: FakeOpenAI
) -> None:
    gateway = start()
    caller = gateway.caller()
    with Dial(gateway.port) as running, Dial(gateway.port) as kept:
        begin(running, caller.key)
        assert kept.ask(HEALTH).status == 200
        tell(gateway)
        reply = kept.ask(chat(caller.key))
        assert (reply.status, reply.error["code"]) == (503, "draining")
        assert reply.headers["retry-after"] == "1"
        assert kept.ask(HEALTH).status == 200
        ready = kept.ask(request("GET", "/readyz"))
        assert (ready.status, ready.json) == (503, {"status": "draining"})
        gate.open()
        running.pieces()
        # Who waits for nothing is not waited for.
        assert kept.rest() == b""
    ended(gateway)
    assert len(fake.requests) == len(gateway.charges(caller)) == 1


def test_idle_connections_do_not_hold_it_up(start) -> None:
    gateway = start()
    with Dial(gateway.port) as idle, Dial(gateway.port) as silent:
        assert idle.ask(HEALTH).status == 200
        tell(gateway)
        ended(gateway)
        assert idle.rest() == silent.rest() == b""


def test_a_slow_reader_gets_all_of_an_answer_it_paid_for(
    start, fake: FakeOpenAI
) -> None:
    """The answer is made and charged, but most of it still waits in our memory."""
    gateway = start()
    caller = gateway.caller()
    fake.always(Answer(text="x" * LONG, usage=COUNTED))
    with Dial(gateway.port, receive_bytes=4096) as dial:
        dial.send(chat(caller.key))
        status, headers = dial.head()
        assert status == 200
        tell(gateway)
        body = dial.exactly(int(headers["content-length"]))
    assert body.count(b"x") >= LONG
    ended(gateway)


# When time is up.


def test_after_the_grace_time_a_stream_is_cut_and_charged_as_delivered(
    start, gate: Gate, fake: FakeOpenAI
) -> None:
    gateway = start(change=QUICK)
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        body = begin(dial, caller.key)
        tell(gateway)
        body += dial.pieces()
        assert dial.rest() == b""
    cut(body)
    ended(gateway)
    charged_as_delivered(gateway, caller)
    assert fake.requests[0].disconnected.wait(WAIT_SECONDS)


@pytest.mark.parametrize("stream", [False, True])
def test_after_the_grace_time_who_heard_nothing_pays_nothing(
    start, fake: FakeOpenAI, stream: bool
) -> None:
    gateway = start(change=QUICK)
    caller = gateway.caller()
    fake.always(Silence())
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        fake.wait_for(1)
        tell(gateway)
        reply = dial.reply()
        assert dial.rest() == b""
    assert (reply.status, reply.error["code"]) == (503, "draining")
    ended(gateway)
    (charge,) = gateway.charges(caller)
    assert (charge.paid_nano, charge.record.evidence) == (0, "none")
    assert gateway.available_nano(caller) == 10 * 10**9


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [Answer(text="x" * LONG, usage=COUNTED), FLOOD])
def test_a_client_that_reads_nothing_does_not_hold_it_up(
    start, fake: FakeOpenAI, behaviour: Behaviour
) -> None:
    gateway = start(change=QUICK)
    caller = gateway.caller()
    fake.always(behaviour)
    with Dial(gateway.port, receive_bytes=4096) as dial:
        dial.send(chat(caller.key, stream=behaviour is FLOOD))
        status, _ = dial.head()
        assert status == 200
        if behaviour is FLOOD:
            # The provider itself is being held back by now.
            assert fake.requests[0].blocked.wait(WAIT_SECONDS)
        tell(gateway)
        ended(gateway)
    (charge,) = gateway.charges(caller)
    assert 0 < charge.paid_nano < 10**9


def test_a_second_word_cuts_at_once(start, gate: Gate) -> None:
    """The grace time is longer than any read here waits."""
    gateway = start()
    callers = [gateway.caller() for _ in range(10)]
    with ExitStack() as stack:
        dials = [stack.enter_context(Dial(gateway.port)) for _ in callers]
        bodies = [
            begin(dial, caller.key)
            for dial, caller in zip(dials, callers, strict=True)
        ]
        tell(gateway)
        gateway.loop.call_soon_threadsafe(gateway.master.stop)
        for dial, body in zip(dials, bodies, strict=True):
            cut(body + dial.pieces())
    ended(gateway)
    for caller in callers:
        charged_as_delivered(gateway, caller)


def test_a_second_word_does_not_wait_for_half_a_request(start) -> None:
    gateway = start()
    caller = gateway.caller()
    whole = chat(caller.key)
    with Dial(gateway.port) as dial:
        dial.send(whole[:-10])
        until_live(gateway)
        tell(gateway)
        gateway.loop.call_soon_threadsafe(gateway.master.stop)
        ended(gateway)
    assert gateway.charges(caller) == []


def test_a_request_that_was_half_sent_is_served(start) -> None:
    gateway = start()
    caller = gateway.caller()
    whole = chat(caller.key)
    with Dial(gateway.port) as dial:
        dial.send(whole[:-10])
        until_live(gateway)
        tell(gateway)
        reply = dial.ask(whole[-10:])
    assert reply.status == 200
    ended(gateway)


def until_live(gateway: Gateway) -> None:
    """Returns when a request's head was read."""
    while not gateway.master.admission.live:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), gateway.loop).result()


# A real process, by signals.


@pytest.fixture
def child(fake: FakeOpenAI, tmp_path: Path) -> Iterator[Child]:
    with Child(tmp_path, environ_of(fake)) as child:
        yield child
    assert child.log == ""
    prove(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_when_its_work_is_done(
    child: Child, gate: Gate, number: signal.Signals
) -> None:
    key = child.register("user@example.com")
    with Dial(child.port) as dial:
        body = begin(dial, key)
        child.signal(number)
        until_refused(child.port)
        assert child.process.poll() is None
        gate.open()
        body += dial.pieces()
    assert events(body)[-1] == "[DONE]"
    assert child.wait() == 0


def test_a_second_signal_ends_a_process_at_once(child: Child, gate: Gate) -> None:
    key = child.register("user@example.com")
    with Dial(child.port) as dial:
        body = begin(dial, key)
        child.signal(signal.SIGTERM)
        until_refused(child.port)
        child.signal(signal.SIGTERM)
        cut(body + dial.pieces())
    assert child.wait() == 0
