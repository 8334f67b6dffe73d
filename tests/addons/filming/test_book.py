"""What must be written is written, however long the ledger cannot."""

import pytest

from addons.filming.book import Book
from storage.errors import IllegalMove, LedgerUnavailable


class Ledger:
    """Unavailable so many times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.runs = 0

    async def run(self, verb, *args, **kwargs):
        self.runs += 1
        if self.runs <= self.times:
            raise LedgerUnavailable("the disk is full")
        return verb(None, *args, **kwargs)


async def test_a_verb_is_tried_until_it_is_written(caplog) -> None:
    def add(db, one, two):
        return one + two

    ledger = Ledger(3)
    assert await Book(ledger, 0).write(add, 1, two=2) == 3
    assert ledger.runs == 4
    assert caplog.text.count("add is not written yet: the disk is full") == 3


async def test_what_is_a_mistake_is_not_repeated() -> None:
    def mistake(db):
        raise IllegalMove("no")

    ledger = Ledger(0)
    with pytest.raises(IllegalMove):
        await Book(ledger, 0).write(mistake)
    assert ledger.runs == 1
