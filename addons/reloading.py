"""Reloading: another configuration takes the place of the one in force.

Its prices are written to the ledger first, as at a start: nobody is charged by a price
that the ledger does not have. Then the plan is swapped, at one moment, and whoever
keeps something of the configuration is told. As long as the ledger cannot be written
the old plan stays, and it is tried again.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from addons.gateway.rereading import Read, Rereading
from addons.plan import Plan, Plans
from addons.routes import routes_of
from config.current import Loaded
from config.settings import Settings
from storage.clock import Clock
from storage.errors import LedgerUnavailable
from storage.recovery import register_prices
from storage.writer import Writer

logger = logging.getLogger("autolist.configuration")


class Configured(Protocol):
    """An addon that keeps something of the configuration."""

    def configured(self, settings: Settings) -> None: ...


class Reloading:
    """Puts in force what was read again."""

    def __init__(
        self,
        plans: Plans,
        writer: Writer,
        clock: Clock,
        retry_seconds: float,
        told: Sequence[Configured] = (),
    ) -> None:
        self.plans = plans
        self.writer = writer
        self.clock = clock
        self.retry_seconds = retry_seconds
        self.told = told
        self.rereading = Rereading(self.take)

    def running(self) -> None:
        self.tell(self.plans.plan.settings)

    def done(self) -> None:
        self.rereading.stop()

    def begin(self, read: Read) -> None:
        """Put in force what `read` gives, which may block."""
        self.rereading.begin(read)

    async def take(self, loaded: Loaded) -> None:
        current = self.plans.current
        if loaded.at_ns == current.loaded.at_ns:
            # The same as is in force, and what became of the files since.
            current.loaded = replace(current.loaded, refusal=loaded.refusal)
            return
        plan = await asyncio.to_thread(self.plan, loaded.settings)
        if await self.write(plan):
            self.plans.swap(plan, loaded)
            self.tell(loaded.settings)
            logger.info("the configuration is in force")

    def plan(self, settings: Settings) -> Plan:
        demo = self.plans.plan.demo
        return Plan.of(settings, routes_of(settings, demo), self.clock, demo)

    async def write(self, plan: Plan) -> bool:
        """Whether the ledger has all prices; not if other files were read meanwhile."""
        known = {price.id for price in self.plans.plan.prices}
        fresh = [price for price in plan.prices if price.id not in known]
        while fresh:
            try:
                await self.writer.run(register_prices, fresh)
                break
            except LedgerUnavailable:
                logger.warning("the prices are not written yet")
            await asyncio.sleep(self.retry_seconds)
            if self.rereading.next is not None:
                return False
        return True

    def tell(self, settings: Settings) -> None:
        for one in self.told:
            one.configured(settings)
