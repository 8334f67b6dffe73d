"""Recovering: the leader sweeps, again and again; the others only ask."""

import asyncio

import pytest

from addons.recovering import Recovering
from storage.errors import LedgerUnavailable


class Ledger:
    """Led by this process from the moment it may, and swept as often as asked."""

    def __init__(self, leading: bool = True) -> None:
        self.leading = leading
        self.asked = 0
        self.swept = 0
        self.fault: Exception | None = None

    def leads(self) -> bool:
        self.asked += 1
        return self.leading

    def sweep(self) -> None:
        self.swept += 1
        if self.fault is not None:
            raise self.fault


@pytest.mark.parametrize(("leading", "swept"), [(True, 1), (False, 0)])
async def test_only_who_leads_sweeps(leading: bool, swept: int) -> None:
    ledger = Ledger(leading)
    await Recovering(ledger.leads, ledger.sweep).look()
    assert (ledger.asked, ledger.swept) == (1, swept)


async def test_a_ledger_that_cannot_be_written_is_tried_again(caplog) -> None:
    ledger = Ledger()
    recovering = Recovering(ledger.leads, ledger.sweep)
    ledger.fault = LedgerUnavailable("the disk is full")
    await recovering.look()
    assert "not void yet: the disk is full" in caplog.text
    ledger.fault = None
    await recovering.look()
    assert ledger.swept == 2


async def test_who_does_not_lead_asks_until_it_does() -> None:
    ledger = Ledger(leading=False)
    recovering = Recovering(ledger.leads, ledger.sweep, interval_seconds=0)
    recovering.running()
    while ledger.asked < 3:
        await asyncio.sleep(0)
    assert ledger.swept == 0
    ledger.leading = True
    while not ledger.swept:
        await asyncio.sleep(0)
    recovering.done()
    await asyncio.gather(recovering.task, return_exceptions=True)
    assert recovering.task.cancelled()
