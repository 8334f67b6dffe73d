"""25: our own mistakes: in a hook, in the tap of a stream, in a file of prices, and a
second gateway on one ledger."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from addons.exchange import Leg
from addons.holds import Holds
from addons.routes import Rotation
from addons.routing import Routing
from config.current import Loaded
from config.prices import Price, PriceBook
from storage.recovery import register_prices
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.conftest import Lab, Start
from tests.scenarios.child import bare, program
from tests.scenarios.dial import Dial, chat, events, said
from tests.scenarios.harness import Gateway, environ_of
from tests.scenarios.test_hooks import ASKING, EARLY, LATE, Bug, Hook, Panic, Switches

TEN_DOLLARS = 10 * 10**9
COST_NANO = 65_000
DONE = b"data: [DONE]"
DEARER = 3


@pytest.fixture(scope="module")
def box() -> Switches:
    return Switches()


@pytest.fixture(scope="module")
def shared(
    provider: FakeOpenAI,
    ledger_url: str,
    box: Switches,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    data = tmp_path_factory.mktemp("data")
    with Gateway(data, environ_of(provider, ledger_url), wrap=box.wrap) as gateway:
        yield gateway


@pytest.fixture
def switches(gateway: Gateway, box: Switches) -> Iterator[Switches]:
    """All is mended afterwards, and then the gateway serves as if nothing had been."""
    yield box
    assert box.raised > 0, "the hook was never called"
    box.broken = None
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key)).status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [Bug, Panic])
@pytest.mark.parametrize("place", [*EARLY, ASKING, *LATE], ids=".".join)
def test_25_a_bug_in_a_hook_serves_nobody_unrecorded(
    gateway: Gateway,
    fake: FakeOpenAI,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """More of these, hook by hook, are in tests/scenarios/test_hooks.py."""
    caller = gateway.caller()
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    assert b"internal_error" in reply.body
    assert DONE not in reply.body
    gateway.prove()
    assert len(fake.requests) == (place in LATE)
    assert any(line.endswith("failed") and "hook" in line for line in caplog.messages)
    assert gateway.available_nano(caller) == TEN_DOLLARS


class BuggyTap:
    """A stream's translator that fails at a word."""

    def __init__(self, stream: Any, word: bytes) -> None:
        self.stream, self.word = stream, word

    def feed(self, data: bytes) -> bytes:
        if self.word in data:
            raise Bug("on purpose")
        found: bytes = self.stream.feed(data)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class BuggyDialect:
    def __init__(self, dialect: Any, word: bytes) -> None:
        self.dialect, self.word = dialect, word

    def open_stream(self, *args: Any, **kwargs: Any) -> BuggyTap:
        return BuggyTap(self.dialect.open_stream(*args, **kwargs), self.word)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dialect, name)


def with_bug_at(word: bytes) -> Any:
    """Wraps a chain so that every leg's tap has that bug."""

    def buggy(leg: Leg) -> Leg:
        dialect: Any = BuggyDialect(leg.dialect, word)
        return replace(leg, dialect=dialect)

    def wrap(chain: tuple[object, ...]) -> None:
        (routing,) = [one for one in chain if isinstance(one, Routing)]
        plan = routing.plans.plan
        turns = {
            model: Rotation([buggy(leg) for leg in legs])
            for model, legs in plan.routes.items()
        }
        routing.plans.plan = replace(plan, turns=turns)

    return wrap


def test_25_a_bug_in_the_tap_ends_the_stream_as_failed_and_charges_what_arrived(
    start: Start, fake: FakeOpenAI
) -> None:
    gateway = start(wrap=with_bug_at(b"three"))
    caller = gateway.caller()
    gate = Gate()
    fake.always(Answer("one two three four ", edits=[after(3, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        assert dial.head()[0] == 200
        heard = b""
        while b"two" not in heard:
            heard += dial.piece()
        gate.open()
        heard += dial.pieces()
        *chunks, last = events(heard)
        assert (said(chunks), last["error"]["code"]) == ("one two ", "internal_error")
        assert DONE not in heard
        gateway.settled()
        (charge,) = gateway.charges(caller)
        assert charge.record.evidence == "partial"
        assert charge.record.quantities["output"] == 3
        assert gateway.available_nano(caller) == TEN_DOLLARS - charge.paid_nano
        # Whoever asks for a whole answer does not even notice.
        assert dial.ask(chat(caller.key)).status == 200


def test_25_a_bug_in_the_tap_before_the_first_word_costs_nothing(
    start: Start, fake: FakeOpenAI
) -> None:
    gateway = start(wrap=with_bug_at(b"one"))
    caller = gateway.caller()
    fake.always(Answer("one two "))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=True))
    assert (reply.status, reply.error["code"]) == (500, "internal_error")
    gateway.settled()
    assert gateway.available_nano(caller) == TEN_DOLLARS


def test_25_prices_that_change_in_the_middle_of_a_stream_are_for_the_next(
    start: Start, fake: FakeOpenAI
) -> None:
    found: list[Holds] = []

    def wrap(chain: tuple[object, ...]) -> None:
        found.extend(one for one in chain if isinstance(one, Holds))

    gateway = start(wrap=wrap)
    (holds,) = found
    caller = gateway.caller()
    gate = Gate()
    fake.script(Answer(edits=[after(3, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        assert dial.head()[0] == 200
        new = dearer(gateway)
        gateway.storage.writer.wait(register_prices, [new])
        plan = holds.plans.plan
        priced = replace(plan.settings, prices=PriceBook([new]))
        holds.plans.swap(replace(plan, settings=priced), Loaded(priced, 5))
        gate.open()
        assert dial.pieces().endswith(DONE + b"\n\n")
        assert gateway.available_nano(caller) == TEN_DOLLARS - COST_NANO
        assert dial.ask(chat(caller.key)).status == 200
    gateway.settled()
    paid = TEN_DOLLARS - gateway.available_nano(caller)
    assert paid == COST_NANO + DEARER * COST_NANO


def dearer(gateway: Gateway) -> Price:
    now_ns = gateway.storage.clock.wall_ns()
    old = gateway.settings.prices.at("gpt-4o", now_ns)
    assert old is not None
    sell = {meter: rate * DEARER for meter, rate in old.sell.items()}
    return Price.of("gpt-4o", now_ns, sell, old.buy)


def test_25_a_second_gateway_on_the_ledger_is_refused(
    lab: Lab, only_sqlite: None
) -> None:
    with lab.serve() as child:
        done = subprocess.run(
            program("serve", "--data", str(lab.data), "--port", "0"),
            env=bare(environ_of(lab.fake)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert "another gateway runs on" in done.stderr
        with Dial(child.port) as dial:
            assert dial.ask(chat(lab.key)).status == 200
        assert child.stop() == 0
    lab.prove()
