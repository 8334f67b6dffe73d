"""The sweeper: whose clock has run out, phase by phase."""

import asyncio
from dataclasses import dataclass, field

import pytest

from addons.gateway.http1_server import SlowRequest
from addons.gateway.phase import Phase
from addons.gateway.sweeper import Sweeper
from config.settings import Listen
from tests.fakes.loop import leap

LISTEN = Listen(idle_seconds=75, header_seconds=10, body_seconds=60)


@dataclass(eq=False)
class Connection:
    """What the sweeper sees of a handler."""

    phase: Phase = Phase.IDLE
    stream_id: int = 1
    client: object = None
    told: list[float] = field(default_factory=list)

    @property
    def http(self) -> "Connection":
        return self

    @property
    def http1(self) -> "Connection":
        return self

    async def server_event(self, event: SlowRequest) -> None:
        assert isinstance(event, SlowRequest)
        self.told.append(asyncio.get_running_loop().time())


@pytest.mark.parametrize(
    ("phase", "seconds", "late"),
    [
        (Phase.IDLE, 74, False),
        (Phase.IDLE, 75, True),
        (Phase.HEAD, 9, False),
        (Phase.HEAD, 10, True),
        (Phase.BODY, 59, False),
        (Phase.BODY, 60, True),
        (Phase.BUSY, 10**6, False),
    ],
)
def test_a_phase_has_its_time(phase: Phase, seconds: float, late: bool) -> None:
    sweeper, one = Sweeper(LISTEN), Connection(phase)
    assert sweeper.overdue([one], 100) == []
    assert sweeper.overdue([one], 100 + seconds) == ([one] if late else [])


@pytest.mark.parametrize(
    "change", [{"phase": Phase.BODY}, {"stream_id": 3}], ids=["phase", "request"]
)
def test_a_new_phase_or_request_starts_the_clock_again(change) -> None:
    sweeper, one = Sweeper(LISTEN), Connection(Phase.HEAD)
    sweeper.overdue([one], 0)
    for name, value in change.items():
        setattr(one, name, value)
    assert sweeper.overdue([one], 9) == []
    assert sweeper.overdue([one], 18) == []


def test_slow_bytes_do_not_stop_the_clock() -> None:
    sweeper, one = Sweeper(LISTEN), Connection(Phase.HEAD)
    late = [sweeper.overdue([one], second) for second in range(11)]
    assert late == [[]] * 10 + [[one]]


def test_who_is_gone_is_forgotten() -> None:
    sweeper = Sweeper(LISTEN)
    sweeper.overdue([Connection()], 0)
    sweeper.overdue([], 1)
    assert sweeper.seen == {}


def test_only_the_late_ones_are_told() -> None:
    async def story() -> tuple[list[float], list[float]]:
        late, busy = Connection(Phase.HEAD), Connection(Phase.BUSY)
        task = asyncio.create_task(Sweeper(LISTEN).run({late, busy}))
        await asyncio.wait([task], timeout=11.5)
        task.cancel()
        return late.told, busy.told

    told, nobody = leap(story())
    # Seen first at 1 s.
    assert (told, nobody) == ([pytest.approx(11)], [])


@pytest.mark.parametrize(
    ("listen", "seconds"),
    [(LISTEN, 1), (Listen(header_seconds=0.2), 0.2), (Listen(body_seconds=0.5), 0.5)],
)
def test_it_looks_as_often_as_the_shortest_clock_wants(listen, seconds) -> None:
    assert Sweeper(listen).look_seconds == seconds
