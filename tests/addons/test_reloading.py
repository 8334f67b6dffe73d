"""Reloading: prices first, then the plan, then everybody."""

import asyncio
import logging

import pytest

from addons.reloading import Reloading
from config import PriceBook
from config.current import Loaded
from config.settings import Settings
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.plans import plans, settings
from tests.fakes.writers import FailingWriter, ScriptedWriter

BOOK = PriceBook([exchanges.PRICE, exchanges.VIDEO_PRICE])
SETTINGS = settings(
    prices=BOOK,
    models={"gpt-4o": exchanges.MODEL},
    providers={"openai": exchanges.provider()},
)
OTHER = Loaded(SETTINGS, 5)


class Listener:
    """An addon that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Settings] = []

    def configured(self, settings: Settings) -> None:
        self.told.append(settings)


def reloading(writer, *told: Listener) -> Reloading:
    found = plans(prices=PriceBook([exchanges.PRICE]))
    return Reloading(found, writer, FakeClock(), 0, told)


async def test_everybody_is_told_at_the_start_and_after_each_swap() -> None:
    listener = Listener()
    addon = reloading(ScriptedWriter([None]), listener)
    addon.running()
    first = addon.plans.plan.settings
    await addon.take(OTHER)
    assert listener.told == [first, OTHER.settings]
    assert addon.plans.current.loaded is OTHER
    assert addon.plans.plan.catalogue.models == OTHER.settings.models


async def test_only_prices_that_are_new_are_written(storage) -> None:
    addon = reloading(storage.writer)
    await addon.take(OTHER)
    with storage.engine.snapshot() as snapshot:
        found = {id for (id,) in snapshot.rows("SELECT id FROM price")}
    assert found == {price.id for price in BOOK}


async def test_nothing_is_in_force_before_the_ledger_has_its_prices(
    caplog: pytest.LogCaptureFixture,
) -> None:
    addon = reloading(FailingWriter(ScriptedWriter([None]), 1))
    before, seen = addon.plans.plan, []

    class Watching:
        async def run(self, verb, *args):
            seen.append(addon.plans.plan is before)
            return await writer.run(verb, *args)

    writer, addon.writer = addon.writer, Watching()
    with caplog.at_level(logging.WARNING):
        await addon.take(OTHER)
    assert seen == [True, True]
    assert "not written yet" in caplog.text
    assert addon.plans.current.loaded is OTHER


async def test_what_was_read_later_takes_the_place_of_what_cannot_be_written() -> None:
    addon = reloading(FailingWriter(ScriptedWriter([]), 1))
    before = addon.plans.plan
    addon.rereading.next = lambda: OTHER
    await addon.take(OTHER)
    assert addon.plans.plan is before


async def test_a_refusal_is_noted_and_nothing_else() -> None:
    addon = reloading(ScriptedWriter([]))
    before = addon.plans.plan
    await addon.take(Loaded(before.settings, 0, refusal="no such key"))
    assert addon.plans.plan is before
    assert addon.plans.current.loaded.refusal == "no such key"


async def test_a_refusal_after_files_that_were_not_taken_yet_takes_them() -> None:
    addon = reloading(ScriptedWriter([None]))
    refused = Loaded(OTHER.settings, OTHER.at_ns, refusal="no such key")
    await addon.take(refused)
    assert addon.plans.current.loaded is refused
    assert addon.plans.plan.settings is OTHER.settings


async def test_it_takes_what_it_is_given_to_read() -> None:
    addon = reloading(ScriptedWriter([None]))
    addon.begin(lambda: OTHER)
    await asyncio.wait([addon.rereading.task])
    assert addon.plans.current.loaded is OTHER
    addon.done()
