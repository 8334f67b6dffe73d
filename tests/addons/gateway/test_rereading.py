"""Rereading: one at a time, and the last word is heard."""

import asyncio
import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from addons.gateway.rereading import Rereading, tell
from config import load
from config.current import Loaded

CONFIG = Path(__file__).parents[3] / "config"
SETTINGS = load(CONFIG, {})


class Taken:
    """What was taken, in its order."""

    def __init__(self) -> None:
        self.all: list[Loaded] = []
        self.rereading = Rereading(self.take)

    async def take(self, loaded: Loaded) -> None:
        self.all.append(loaded)

    async def end(self) -> None:
        if self.rereading.task is not None:
            await asyncio.wait([self.rereading.task])


async def test_many_words_during_a_reading_are_one_afterwards() -> None:
    taken, gate, begun = Taken(), threading.Event(), asyncio.Event()
    loop, readings = asyncio.get_running_loop(), []

    def read() -> Loaded:
        assert threading.current_thread() is not threading.main_thread()
        readings.append(None)
        loop.call_soon_threadsafe(begun.set)
        gate.wait()
        return Loaded(SETTINGS, len(readings))

    taken.rereading.begin(read)
    await begun.wait()
    for _ in range(10):
        taken.rereading.begin(read)
    gate.set()
    await taken.end()
    assert [one.at_ns for one in taken.all] == [1, 2]


async def test_a_fault_of_ours_is_no_end_and_quotes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fall() -> Loaded:
        raise ValueError("sk-secret")

    taken = Taken()
    taken.rereading.begin(fall)
    await taken.end()
    taken.rereading.begin(lambda: Loaded(SETTINGS, 1))
    await taken.end()
    assert len(taken.all) == 1
    assert "ValueError" in caplog.text
    assert "sk-secret" not in caplog.text


async def test_it_can_be_stopped() -> None:
    taken = Taken()
    taken.rereading.stop()
    taken.rereading.begin(lambda: Loaded(SETTINGS, 1))
    taken.rereading.stop()
    await taken.end()
    assert taken.all == []


@pytest.mark.parametrize(
    ("loaded", "said", "level"),
    [
        (Loaded(SETTINGS), "are taken: 13 models", logging.INFO),
        (Loaded(SETTINGS, refusal="f: no"), "nothing is changed: f: no", logging.ERROR),
        (
            Loaded(SETTINGS, restart=("storage", "listen.port")),
            "only by a restart: storage, listen.port",
            logging.WARNING,
        ),
    ],
)
def test_the_operator_is_told(
    caplog: pytest.LogCaptureFixture, loaded: Loaded, said: str, level: int
) -> None:
    with caplog.at_level(logging.INFO, "autolist.configuration"):
        tell(loaded, 10**18 * 2)
    (found,) = [one for one in caplog.records if said in one.getMessage()]
    assert found.levelno == level


def test_what_sells_below_cost_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    dear = replace(SETTINGS, models={})
    with caplog.at_level(logging.INFO, "autolist.configuration"):
        tell(Loaded(dear), 10**18 * 2)
    assert "gen-2 sells below cost" in caplog.text
