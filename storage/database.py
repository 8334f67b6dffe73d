"""The open write transaction, as a verb sees it."""

from operator import add

from storage.chain import FIRST
from storage.clock import Clock
from storage.engine import Connection, Params, Row, Tip
from storage.ids import Ids
from storage.statements import ADD_USAGE_DAY, BOOK_SALES

__all__ = ["Ledgerbase", "Params", "Row", "Tip"]

type UsageDay = tuple[int, int, int, str]
"""Account, day since 1970 (UTC), key and model."""
type Sums = tuple[int, ...]
"""What is summed up for them, in the order of USAGE_DAY_COLUMNS."""


class Ledgerbase:
    """What a verb works with.

    `sql` runs a statement and answers with its rows. It is the connection's own, since
    a call more for each statement would cost a fiftieth of all that the ledger does.
    `now_ns` is the wall clock at the start of the operation and may jump. Transfers
    are numbered, dated and chained by `tip()`: what the newest one in the ledger has,
    read inside the transaction because other processes write too.

    The house's counters of sales and the sums of a day's usage are changed once for all
    verbs of a batch, by `finish`: a row that each request changes would be the slowest
    of them all.
    """

    __slots__ = (
        "boot_id",
        "ids",
        "now_ns",
        "changed",
        "sql",
        "_clock",
        "_connection",
        "_tip",
        "_sold_nano",
        "_bought_nano",
        "_used",
    )

    def __init__(
        self, connection: Connection, clock: Clock, ids: Ids, boot_id: str
    ) -> None:
        self.boot_id = boot_id
        self.ids = ids
        self.now_ns = clock.wall_ns()
        self.changed = False
        self.sql = connection.sql
        self._clock = clock
        self._connection = connection
        self._tip: Tip | None = None
        self._sold_nano = 0
        self._bought_nano = 0
        self._used: dict[UsageDay, Sums] = {}

    def begin_operation(self) -> None:
        """Called by the writer before each verb of a batch."""
        self.now_ns = self._clock.wall_ns()

    def sell(self, sold_nano: int, bought_nano: int) -> None:
        """Revenue, and what providers take for it: cost of sales against payable."""
        self._sold_nano += sold_nano
        self._bought_nano += bought_nano

    def use(self, where: UsageDay, sums: Sums) -> None:
        """Counts a request under its account, day, key and model."""
        known = self._used.get(where)
        if known is not None:
            sums = tuple(map(add, known, sums))
        self._used[where] = sums

    def finish(self) -> None:
        """Called by the writer after the last verb."""
        for where, sums in self._used.items():
            self.sql(ADD_USAGE_DAY, (*where, *sums))
        self._used.clear()
        if self._sold_nano or self._bought_nano:
            self.sql(BOOK_SALES, (self._sold_nano, self._bought_nano))
            self._sold_nano = self._bought_nano = 0

    def tip(self) -> Tip:
        """The newest transfer's seq, date and hash."""
        if self._tip is None:
            self._tip = self._connection.tip() or (0, 0, FIRST)
        return self._tip

    def grow(self, seq: int, at_ns: int, head: bytes) -> None:
        """A transfer was written: it is the newest now."""
        self._tip = seq, at_ns, head

    def keys_changed(self) -> None:
        """Tells this process's cache of keys to forget, once this is committed."""
        self.changed = True
