"""24: SIGTERM with fifty streams, a second one, and hooks that come after the end."""

import asyncio
import signal
from contextlib import ExitStack
from typing import Any

import pytest

from addons.gateway.hooks import Hooks
from addons.receipts import Receipts
from tests.fakes.openai_script import Answer, Behaviour, Gate, after
from tests.fakes.openai_server import FakeOpenAI, Received
from tests.faults.conftest import GIVEN_NANO, Lab, Start
from tests.scenarios.dial import Dial, chat, events, said
from tests.scenarios.test_drain import until_refused

STREAMS = 50
COST_NANO = 65_000
BEGUN = "one two "
DONE = b"data: [DONE]\n\n"


def begin(dial: Dial, key: str, number: int) -> bytes:
    """A stream of one's own, read as far as its gate."""
    told = [{"role": "user", "content": str(number)}]
    dial.send(chat(key, stream=True, messages=told, max_tokens=1000))
    assert dial.head()[0] == 200
    begun = b""
    while said(events(begun)) != BEGUN:
        begun += dial.piece()
    return begun


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_24_half_of_fifty_streams_finish_and_the_other_half_is_cut(lab: Lab) -> None:
    """The first SIGTERM waits for all; the second for none."""
    gates = [Gate(), Gate()]

    def answer(received: Received) -> Behaviour:
        number = int(received.json["messages"][0]["content"])
        return Answer("one two three four ", edits=[after(3, gates[number % 2])])

    lab.fake.always(answer)
    with lab.serve() as child, ExitStack() as stack:
        dials = [stack.enter_context(Dial(child.port)) for _ in range(STREAMS)]
        heard = [begin(dial, lab.key, number) for number, dial in enumerate(dials)]
        child.signal(signal.SIGTERM)
        until_refused(child.port)
        gates[0].open()
        for number in range(0, STREAMS, 2):
            heard[number] += dials[number].pieces()
        assert child.process.poll() is None
        child.signal(signal.SIGTERM)
        for number in range(1, STREAMS, 2):
            heard[number] += dials[number].pieces()
        assert child.wait() == 0
        assert child.log == ""
    gates[1].open()
    assert all(one.endswith(DONE) for one in heard[0::2])
    for one in heard[1::2]:
        assert events(one)[-1]["error"]["code"] == "draining"
        assert DONE not in one
    books = lab.read()
    assert set(books.holds.values()) == {"settled"}
    charges = list(books.charges.values())
    assert len(charges) == STREAMS
    whole = [one for one in charges if one.outcome == "complete"]
    cut = [one for one in charges if one.outcome != "complete"]
    assert {one.evidence for one in whole} == {"reported"}
    assert {one.evidence for one in cut} == {"partial"}
    assert len(whole) == len(cut) == STREAMS // 2
    (available_nano,) = books.available.values()
    assert available_nano == GIVEN_NANO - sum(one.paid_nano for one in charges)
    lab.prove()


def test_24_an_error_after_the_end_finds_the_exchange_closed(
    start: Start, fake: FakeOpenAI
) -> None:
    """mitmproxy reports connections that go away after `done`, too."""
    flows: list[Any] = []

    def wrap(chain: tuple[Any, ...]) -> None:
        (receipts,) = [one for one in chain if isinstance(one, Receipts)]
        respond = receipts.response

        async def response(flow: Any) -> None:
            await respond(flow)
            flows.append(flow)

        receipts.response = response  # type: ignore[method-assign]

    gateway = start(wrap=wrap)
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        for stream in (False, True):
            assert dial.ask(chat(caller.key, stream=stream)).status == 200
    assert len(flows) == 2
    hooks = gateway.master.hooks
    gateway.stop()
    before = gateway.charges(caller)
    run_late(hooks, tuple(flows))
    assert gateway.charges(caller) == before
    assert gateway.available_nano(caller) == GIVEN_NANO - 2 * COST_NANO


def run_late(hooks: Hooks, flows: tuple[Any, ...]) -> None:
    """The hook, in a loop of its own: the gateway's is gone."""

    async def late() -> None:
        for flow in flows:
            await hooks.run("error", flow)
            await hooks.run("response", flow)

    asyncio.run(late())
