"""23: the same request again, by its Idempotency-Key: at once, changed, after a crash.

What else a name does is told in tests/scenarios/test_replays.py.
"""

from collections import Counter
from contextlib import ExitStack

import pytest

from tests.fakes.openai_script import Answer, Gate, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.conftest import GIVEN_NANO, Lab
from tests.faults.marked import ADMIT, SETTLE
from tests.faults.marks import AFTER, BEFORE, TORN
from tests.faults.test_kill import COST_NANO, ask_and_lose
from tests.scenarios.dial import CHAT, Dial, Reply, all_but_one, ask_body, request
from tests.scenarios.harness import Caller, Gateway

AT_ONCE = 20


def named(key: str, name: str = "order-1", **parameters: object) -> bytes:
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": name}
    body = ask_body(max_tokens=1000, **parameters)
    return request("POST", CHAT, body, headers)


def ask(port: int, asked: bytes) -> Reply:
    with Dial(port) as dial:
        return dial.ask(asked)


def test_23_of_twenty_at_once_one_runs(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    gate = Gate()
    fake.always(Answer(edits=[after(0, gate)]))
    asked = named(caller.key)
    with ExitStack() as stack:
        dials = [stack.enter_context(Dial(gateway.port)) for _ in range(AT_ONCE)]
        replies, runner = all_but_one(dials, asked)
        fake.wait_for(1)
        gate.open()
        replies.append(runner.reply())
    assert Counter(reply.status for reply in replies) == {409: AT_ONCE - 1, 200: 1}
    assert len(fake.requests) == 1
    gateway.settled()
    assert gateway.available_nano(caller) == GIVEN_NANO - COST_NANO


def test_23_a_name_is_for_one_body_and_free_after_a_void(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.script(Status(500))
    assert ask(gateway.port, named(caller.key)).status == 502
    first = ask(gateway.port, named(caller.key))
    assert first.status == 200
    assert ask(gateway.port, named(caller.key, temperature=1)).status == 422
    again = ask(gateway.port, named(caller.key))
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["x-autolist-replayed"] == "true"
    gateway.settled()
    assert len(fake.requests) == 2
    assert gateway.available_nano(caller) == GIVEN_NANO - COST_NANO


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("moment", "statement", "asked"),
    [
        (BEFORE, ADMIT, 1),
        (AFTER, ADMIT, 1),
        (BEFORE, SETTLE, 2),
        (TORN, SETTLE, 2),
        (AFTER, SETTLE, 1),
    ],
)
def test_23_after_a_crash_the_retry_is_served_and_charged_once(
    lab: Lab, moment: str, statement: str, asked: int
) -> None:
    """Whether it runs again or is answered from what was kept: one charge."""
    with lab.marked(moment, statement) as child:
        assert ask_and_lose(child, named(lab.key)) == b""
        child.died()
    with lab.serve() as child:
        first = ask(child.port, named(lab.key))
        again = ask(child.port, named(lab.key))
        assert child.stop() == 0
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    kept = (moment, statement) == (AFTER, SETTLE)
    assert ("x-autolist-replayed" in first.headers) is kept
    assert again.headers["x-autolist-replayed"] == "true"
    assert len(lab.fake.requests) == asked
    books = lab.read()
    assert sum(charge.paid_nano > 0 for charge in books.charges.values()) == 1
    assert list(books.available.values()) == [GIVEN_NANO - COST_NANO]
    lab.prove()
