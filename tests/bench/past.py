"""A ledger's past, written in bulk: requests that were admitted and settled long ago.

The verbs would take an hour for ten million. These rows are made by the same rules
(ids in the order of time, prices, digests, the chain, the counters) but straight into
the tables, with nothing synced until the end. `verify` must prove what comes out, and
the benchmark lets it.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from config.money import charge_nano_rounded_up
from config.prices import Price, sell_pico
from storage.chain import COLUMNS, HOLD_COLUMNS, USAGE_COLUMNS, Chain, digest
from storage.ids import Ids
from storage.ledger import COST, PAYABLE, REVENUE
from storage.statements import (
    ADD_USAGE_DAY,
    DAY_NS,
    LAST_TRANSFER,
    USAGE_DAY_COLUMNS,
)

CHUNK = 20_000
BOOT = "boot_00000000000000000000000000"
CACHE_KIB = 1 << 20

Account = tuple[int, int]
"""An account and its key."""


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


INSERT_HOLD = _insert("hold", HOLD_COLUMNS)
INSERT_USAGE = _insert("usage", USAGE_COLUMNS)
INSERT_TRANSFER = _insert(
    "transfer", (*COLUMNS, "request_hash", "prev_hash", "hash")
)


class StepClock:
    """Goes on by the same step each time it is asked."""

    def __init__(self, start_ns: int, step_ns: int) -> None:
        self.at_ns = start_ns
        self.step_ns = step_ns

    def wall_ns(self) -> int:
        self.at_ns += self.step_ns
        return self.at_ns

    def monotonic_ns(self) -> int:
        return self.at_ns


@dataclass
class Past:
    """Settled requests, dealt out to accounts in turn."""

    path: Path
    accounts: Sequence[Account]
    price: Price
    start_ns: int
    step_ns: int
    spent: dict[tuple[int, int], int] = field(default_factory=dict)
    days: dict[tuple[int, int, int], Counter[str]] = field(default_factory=dict)
    debits: dict[int, int] = field(default_factory=dict)
    revenue: int = 0

    def write(self, transfers: int) -> Iterator[int]:
        """Yields how many there are by now."""
        connection = apsw.Connection(str(self.path))
        for pragma in (
            "journal_mode = DELETE",
            "journal_mode = OFF",
            "synchronous = OFF",
            f"cache_size = -{CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("INSERT INTO boot VALUES (?, 1, 'host', 1, NULL)", (BOOT,))
        rows = self.rows(connection)
        for first in range(0, transfers, CHUNK):
            some = [next(rows) for _ in range(min(CHUNK, transfers - first))]
            connection.execute("BEGIN")
            connection.executemany(INSERT_HOLD, [hold for hold, _, _ in some])
            connection.executemany(INSERT_USAGE, [used for _, used, _ in some])
            connection.executemany(INSERT_TRANSFER, [moved for _, _, moved in some])
            connection.execute("COMMIT")
            yield first + len(some)
        self.write_counters(connection)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.close()

    def rows(self, connection: apsw.Connection) -> Iterator[tuple[tuple, ...]]:
        """A hold, its usage and its transfer, without end."""
        draw = random.Random(7)
        clock = StepClock(self.start_ns, self.step_ns)
        ids = Ids(clock, draw.randbytes)
        ((seq, at_ns, head),) = connection.execute(LAST_TRANSFER)
        assert at_ns < self.start_ns
        chain = Chain(head)
        balances = dict(
            connection.execute(
                "SELECT id, credits_posted - debits_posted FROM account"
                " WHERE kind = 'user'"
            )
        )
        while True:
            for account_id, key_id in self.accounts:
                seq += 1
                hold_id = ids.make("req")
                opened_ns, at_ns = clock.at_ns, clock.at_ns + self.step_ns // 2
                counts = {"input": draw.randrange(900), "output": draw.randrange(400)}
                pico = sell_pico(self.price, counts)
                cost = charge_nano_rounded_up(pico)
                hold = (
                    *(hold_id, account_id, key_id, 2 * cost + 1, 0, self.price.id),
                    *("gpt-4o", 100, opened_ns, "settled", None, BOOT),
                    *(opened_ns, at_ns),
                )
                used = (
                    *(hold_id, account_id, key_id, self.price.id, "gpt-4o", "openai"),
                    *("gpt-4o-2024", "reported", counts["input"], 0, 0),
                    *(counts["output"], None, str(pico), cost, cost, 0, "complete"),
                    *(200, 1, 5, 9, 46, 1, at_ns, str(pico), cost, "", "", None),
                )
                balances[account_id] -= cost
                content = (
                    *(seq, f"usage:{hold_id}", "usage", account_id, REVENUE, cost),
                    *(cost, account_id, balances[account_id], hold_id, None, None),
                    *(None, None, at_ns),
                )
                request, previous = digest(hold + used), chain.head
                hashed = chain.link(content, request)
                self.count(account_id, key_id, at_ns // DAY_NS, cost, counts)
                yield hold, used, (*content, request, previous, hashed)

    def count(
        self, account_id: int, key_id: int, day: int, cost: int, counts: dict[str, int]
    ) -> None:
        self.revenue += cost
        self.debits[account_id] = self.debits.get(account_id, 0) + cost
        self.spent[key_id, day] = self.spent.get((key_id, day), 0) + cost
        sums = self.days.setdefault((account_id, day, key_id), Counter())
        sums.update(counts, requests=1, cost_nano=cost, paid_nano=cost, buy_nano=cost)

    def write_counters(self, connection: apsw.Connection) -> None:
        """What the verbs would have counted."""
        connection.execute("BEGIN")
        debit = "UPDATE account SET debits_posted = debits_posted + ? WHERE id = ?"
        credit = "UPDATE account SET credits_posted = credits_posted + ? WHERE id = ?"
        for account_id, cost in self.debits.items():
            connection.execute(debit, (cost, account_id))
        connection.execute(credit, (self.revenue, REVENUE))
        connection.execute(debit, (self.revenue, COST))
        connection.execute(credit, (self.revenue, PAYABLE))
        spent = [(key, day, cost) for (key, day), cost in self.spent.items()]
        connection.executemany("INSERT INTO spending VALUES (?, ?, ?)", spent)
        connection.executemany(
            ADD_USAGE_DAY,
            (
                (*where, "gpt-4o", *(sums[name] for name in USAGE_DAY_COLUMNS[4:]))
                for where, sums in self.days.items()
            ),
        )
        connection.execute(
            'UPDATE "key" SET spent_nano = (SELECT coalesce(sum(s.spent_nano), 0)'
            ' FROM spending s WHERE s.key_id = "key".id)'
        )
        connection.execute("COMMIT")
