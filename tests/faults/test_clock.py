"""19: the wall clock jumps back an hour, or on by a day, while people are served."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from config.prices import Price, PriceBook
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.conftest import Start
from tests.scenarios.dial import Dial, Reply, chat, request
from tests.scenarios.harness import Caller, Gateway, with_limits

HOUR, DAY = 3600, 86_400
NS = 10**9
TEN_DOLLARS = 10 * NS
COST_NANO = 65_000
DEARER = 3

jumps = pytest.mark.parametrize("seconds", [-HOUR, DAY], ids=["back", "on"])


def ask(gateway: Gateway, caller: Caller, **parameters: object) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(chat(caller.key, **parameters))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def gate(fake: FakeOpenAI) -> Gate:
    """Where the next stream stops after three events."""
    gate = Gate()
    fake.script(Answer(edits=[after(3, gate)]))
    return gate


def streaming(dial: Dial, caller: Caller) -> None:
    dial.send(chat(caller.key, stream=True))
    assert dial.head()[0] == 200


@jumps
def test_19_no_hold_expires_and_dates_rise(
    start: Start, clock: FakeClock, gate: Gate, seconds: int
) -> None:
    gateway = start(clock=clock)
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        streaming(dial, caller)
        for _ in range(3):
            clock.jump(seconds)
            assert len(gateway.storage.reader.open_holds()) == 1
            assert gateway.storage.auditor.audit() == []
            assert ask(gateway, caller).status == 200
            with Dial(gateway.port) as other:
                assert other.ask(request("GET", "/readyz")).status == 200
        gate.open()
        assert dial.pieces().endswith(b"data: [DONE]\n\n")
    gateway.settled()
    assert gateway.available_nano(caller) == TEN_DOLLARS - 4 * COST_NANO
    with gateway.storage.engine.snapshot() as snapshot:
        dates = [at for (at,) in snapshot.rows("SELECT at_ns FROM transfer")]
    assert dates == sorted(set(dates))


@jumps
def test_19_a_restart_after_a_jump_finds_all_as_it_was(
    start: Start, clock: FakeClock, seconds: int
) -> None:
    first = start(clock=clock)
    caller = first.caller()
    assert ask(first, caller).status == 200
    first.stop()
    first.storage.close()
    clock.jump(seconds)
    second = start(clock=clock)
    assert ask(second, caller).status == 200
    second.settled()
    assert second.available_nano(caller) == TEN_DOLLARS - 2 * COST_NANO


def dearer_from(moment_ns: int) -> Callable[[Settings], Settings]:
    """gpt-4o costs three times as much from then on."""

    def change(settings: Settings) -> Settings:
        now = settings.prices.at("gpt-4o", moment_ns)
        assert now is not None
        sell = {meter: rate * DEARER for meter, rate in now.sell.items()}
        later = Price.of("gpt-4o", moment_ns, sell, now.buy)
        return replace(settings, prices=PriceBook([*settings.prices, later]))

    return change


def test_19_the_price_is_the_one_of_the_hold(
    start: Start, clock: FakeClock, gate: Gate
) -> None:
    gateway = start(clock=clock, change=dearer_from(clock.wall_ns() + HOUR * NS))
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        streaming(dial, caller)
        clock.jump(DAY)
        gate.open()
        assert dial.pieces().endswith(b"data: [DONE]\n\n")
    assert gateway.available_nano(caller) == TEN_DOLLARS - COST_NANO
    assert ask(gateway, caller).status == 200
    clock.jump(-DAY)
    assert ask(gateway, caller).status == 200
    gateway.settled()
    paid = [charge.paid_nano for charge in gateway.charges(caller)]
    assert sorted(paid) == [COST_NANO, COST_NANO, DEARER * COST_NANO]


@jumps
def test_19_a_window_of_limits_is_never_longer_than_a_minute(
    start: Start, clock: FakeClock, seconds: int
) -> None:
    gateway = start(clock=clock, change=with_limits(rpm=2))
    caller = gateway.caller()

    def two_and_no_more() -> None:
        assert [ask(gateway, caller).status for _ in range(2)] == [200, 200]
        reply = ask(gateway, caller)
        assert reply.status == 429
        assert 0 < int(reply.headers["retry-after"]) <= 60

    two_and_no_more()
    clock.jump(seconds)
    # A window that lies elsewhere is over: nobody waits for an hour to come again.
    two_and_no_more()
    clock.advance(60)
    two_and_no_more()
