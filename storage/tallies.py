"""Tallies: requests summed up by account, day, key and model, for pages.

A request is counted in the transaction that writes its usage row, on the day of that
row. A late settle replaces the row, so what the row said is taken off first. Nothing
of money is decided by these sums; they tell people what the rows add up to.
"""

from collections.abc import Mapping

from storage import statements as sql
from storage.chain import Value
from storage.database import Ledgerbase, Row, Sums

COMPLETE = "complete"
"""The outcome of a request that did not fail."""


def count(
    db: Ledgerbase, used: tuple[Value, ...] | Row, quantities: Mapping[str, int]
) -> None:
    """Part of other verbs: a usage row, in the order of its columns, was written."""
    db.use(_where(used), _sums(used, quantities))


def uncount(
    db: Ledgerbase, used: tuple[Value, ...] | Row, quantities: Mapping[str, int]
) -> None:
    """A usage row that was counted is about to be replaced."""
    db.use(_where(used), tuple(-one for one in _sums(used, quantities)))


def _where(used: Row) -> tuple[int, int, int, str]:
    return used[1], used[24] // sql.DAY_NS, used[2], used[4]


def _sums(used: Row, quantities: Mapping[str, int]) -> Sums:
    """In the order of USAGE_DAY_COLUMNS. Every request pays for this: the row's own
    columns are the token meters, and the others are rare."""
    input_, cache_read, cache_write, output, other = used[8:13]
    images = videos = 0
    if other is not None:
        get = quantities.get
        images, videos = get("image", 0), get("generation", 0)
        cache_write += get("cache_write_1h", 0)
        output += get("reasoning", 0)
    return (
        1,
        0 if used[17] == COMPLETE else 1,
        input_,
        cache_read,
        cache_write,
        output,
        images,
        videos,
        used[14],
        used[15],
        used[26],
    )
