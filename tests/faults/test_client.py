"""17–18: a client that leaves, at each point of its request, or reads and reads.

Gates in the provider's answer and a lock on the ledger's file decide what has happened
when the client goes; nothing is left to the machine.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import apsw
import psycopg
import pytest

from storage import DATABASE
from storage.postgres.connection import WRITER
from storage.reader import UsageReport
from tests.fakes.clock import FakeClock
from tests.fakes.openai_script import (
    Answer,
    Behaviour,
    End,
    Endless,
    Gate,
    Silence,
    after,
    frame,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.conftest import Start
from tests.scenarios.dial import Dial, chat
from tests.scenarios.harness import Caller, Gateway, with_clocks

TEN_DOLLARS = 10 * 10**9
COST_NANO = 65_000
WAIT_SECONDS = 20
HOUR = 3600

leaving = pytest.mark.parametrize("leave", [Dial.reset, lambda dial: None])
whole_or_stream = pytest.mark.parametrize("stream", [False, True])


@contextmanager
def locked(gateway: Gateway) -> Iterator[None]:
    """Nothing can be written in the length of the block."""
    if gateway.settings.storage:
        with psycopg.connect(gateway.settings.storage, autocommit=True) as session:
            session.execute(f"SELECT pg_advisory_lock({WRITER})")
            yield
        return
    locker = apsw.Connection(str(gateway.data / DATABASE))
    locker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        locker.execute("ROLLBACK")
        locker.close()


def only_charge(gateway: Gateway, caller: Caller) -> UsageReport:
    gateway.settled()
    (charge,) = gateway.charges(caller)
    assert gateway.available_nano(caller) == TEN_DOLLARS - charge.paid_nano
    return charge


@whole_or_stream
@leaving
def test_17_who_leaves_during_the_hold_pays_nothing(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    leave: Callable[[Dial], None],
    stream: bool,
) -> None:
    with locked(gateway), Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        gateway.arrived()
        leave(dial)
        dial.socket.close()
    gateway.settled()
    assert gateway.available_nano(caller) == TEN_DOLLARS
    assert fake.requests == []


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a provider that is too busy to take a call: the kernel has no
    room for one more, and whoever tries waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as s:
        for _ in range(8):
            caller = s.enter_context(socket.socket())
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@whole_or_stream
@leaving
def test_17_who_leaves_before_the_provider_could_be_reached_pays_nothing(
    start: Start, leave: Callable[[Dial], None], stream: bool
) -> None:
    with deaf() as url:
        gateway = start(environ={"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-fake"})
        caller = gateway.caller()
        with Dial(gateway.port) as dial:
            dial.send(chat(caller.key, stream=stream))
            waiting(gateway)
            leave(dial)
        charge = only_charge(gateway, caller)
        assert charge.record.outcome == "client_left_before_contact"
        assert (charge.cost_nano, charge.record.evidence) == (0, "none")


def waiting(gateway: Gateway) -> None:
    """Returns when money is held and a provider is being called."""

    upstream = gateway.master.addons.get("upstream")

    async def wait() -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not upstream.calls:
                await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(wait(), gateway.loop).result()


WAITING: dict[str, Behaviour] = {
    "no head": Silence(),
    "no body": Answer(edits=[after(0, End.SILENCE)]),
}


@whole_or_stream
@leaving
@pytest.mark.parametrize("name", WAITING)
def test_17_who_leaves_before_the_answer_pays_the_input(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    name: str,
    leave: Callable[[Dial], None],
    stream: bool,
) -> None:
    fake.always(WAITING[name])
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        (received,) = fake.wait_for(1)
        leave(dial)
    assert received.disconnected.wait(WAIT_SECONDS), "the provider works on for nobody"
    charge = only_charge(gateway, caller)
    assert (charge.record.evidence, charge.record.outcome) == (
        "estimated",
        "client_left_before_headers",
    )
    (input_tokens,) = charge.record.quantities.values()
    assert charge.paid_nano == input_tokens * 2500 > 0


@leaving
def test_17_who_leaves_a_stream_pays_what_arrived(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, leave: Callable[[Dial], None]
) -> None:
    gate = Gate()
    fake.always(Answer("one two three four five ", edits=[after(4, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        assert dial.head()[0] == 200
        heard = b""
        while b"three" not in heard:
            heard += dial.piece()
        leave(dial)
    (received,) = fake.requests
    assert received.disconnected.wait(WAIT_SECONDS), "the provider works on for nobody"
    charge = only_charge(gateway, caller)
    assert (charge.record.evidence, charge.record.outcome) == (
        "partial",
        "client_left_midstream",
    )
    # "one two three " as tokens.
    assert charge.record.quantities["output"] == 4
    gate.open()


@whole_or_stream
@leaving
def test_17_who_leaves_during_the_settle_pays_the_whole_once(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    leave: Callable[[Dial], None],
    stream: bool,
) -> None:
    gate = Gate()
    fake.always(Answer(edits=[after(0, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        fake.wait_for(1)
        with locked(gateway):
            gate.open()
            settling(gateway)
            leave(dial)
            dial.socket.close()
    charge = only_charge(gateway, caller)
    assert (charge.paid_nano, charge.record.evidence) == (COST_NANO, "reported")


def settling(gateway: Gateway) -> None:
    """Returns when a charge waits for the file."""

    async def wait() -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not gateway.storage.writer.statistics().queued:
                await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(wait(), gateway.loop).result()


DROP = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}
FLOOD = Endless(frame(DROP) * 100)


def test_18_a_hold_lives_as_long_as_its_gateway_however_long_that_is(
    start: Start, fake: FakeOpenAI
) -> None:
    """An hour passes on the ledger's clock while a client reads nothing."""
    clock = FakeClock()
    gateway = start(clock=clock)
    caller = gateway.caller()
    gate = Gate()
    fake.always(Answer(edits=[after(3, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        assert dial.head()[0] == 200
        for _ in range(60):
            clock.advance(HOUR / 60)
            assert gateway.storage.auditor.audit() == []
            assert len(gateway.storage.reader.open_holds()) == 1
        gate.open()
        assert dial.pieces().endswith(b"data: [DONE]\n\n")
    assert only_charge(gateway, caller).paid_nano == COST_NANO


def test_18_a_client_that_reads_nothing_is_cut_in_the_end_and_pays_its_part(
    start: Start, fake: FakeOpenAI
) -> None:
    gateway = start(change=with_clocks(total_seconds=1.0))
    caller = gateway.caller()
    fake.always(FLOOD)
    with Dial(gateway.port, receive_bytes=4096) as dial:
        dial.send(chat(caller.key, stream=True))
        assert dial.head()[0] == 200
        (received,) = fake.wait_for(1)
        assert received.blocked.wait(WAIT_SECONDS)
        assert len(gateway.storage.reader.open_holds()) == 1
        assert received.disconnected.wait(WAIT_SECONDS), "it is read for nobody"
        charge = only_charge(gateway, caller)
    assert charge.record.evidence == "partial"
    assert 0 < charge.paid_nano < 10**9
