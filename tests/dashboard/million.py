"""A million finished requests of one user, written past the verbs, on either engine.

They are the rows that the gateway would have left, not money: the ledger of such a
storage does not add up and is not audited.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import apsw
import psycopg

from storage import Storage
from storage.chain import USAGE_COLUMNS
from storage.ids import first_id
from storage.statements import DAY_NS, USAGE_DAY_COLUMNS

REQUESTS = 1_000_000
DAYS = 30
MODELS = ("gpt-4o", "gpt-4o-mini", "qwen-plus")
TRANSFER_COLUMNS = (
    "id",
    "seq",
    "code",
    "debit_id",
    "credit_id",
    "amount_nano",
    "account_id",
    "balance_nano",
    "hold_id",
    "at_ns",
    "prev_hash",
    "hash",
)
BATCH = 10_000

type Row = tuple[Any, ...]


def fill(storage: Storage, account_id: int, key_id: int, now_ns: int, url: str) -> None:
    """Rows of the last thirty days, evenly."""
    step_ns = DAYS * DAY_NS // REQUESTS
    first_ns = now_ns - REQUESTS * step_ns
    moments = [first_ns + n * step_ns for n in range(REQUESTS)]
    usage = (usage_row(n, at, account_id, key_id) for n, at in enumerate(moments))
    transfers = (transfer_row(n, at, account_id) for n, at in enumerate(moments))
    days: dict[Row, list[int]] = {}
    for n, at in enumerate(moments):
        where = (account_id, at // DAY_NS, key_id, MODELS[n % len(MODELS)])
        sums = days.setdefault(where, [0] * (len(USAGE_DAY_COLUMNS) - len(where)))
        for place, value in ((0, 1), (2, 12), (5, 34), (8, 500), (9, 500), (10, 400)):
            sums[place] += value
    tables = (
        ("usage", USAGE_COLUMNS, usage),
        ("transfer", TRANSFER_COLUMNS, transfers),
        ("usage_day", USAGE_DAY_COLUMNS, ((*k, *v) for k, v in days.items())),
    )
    if url:
        fill_postgres(url, tables)
    else:
        fill_sqlite(str(storage.data / "autolist.db"), tables)


def usage_row(number: int, at_ns: int, account_id: int, key_id: int) -> Row:
    row = {
        "request_id": first_id("req", at_ns),
        "account_id": account_id,
        "key_id": key_id,
        "price_id": "price",
        "model": MODELS[number % len(MODELS)],
        "provider": "openai",
        "upstream_model": "gpt-4o-2024",
        "evidence": "reported",
        "input": 12,
        "cache_read": 0,
        "cache_write": 0,
        "output": 34,
        "cost_pico": "500000",
        "cost_nano": 500,
        "paid_nano": 500,
        "shortfall_nano": 0,
        "outcome": "complete",
        "status": 200,
        "attempts": 1,
        "first_byte_ms": 5,
        "total_ms": 9,
        "tokens": 46,
        "stream": 1,
        "at_ns": at_ns,
        "buy_pico": "400000",
        "buy_nano": 400,
        "upstream_id": "chatcmpl",
        "finish": "stop",
    }
    return tuple(row.get(name) for name in USAGE_COLUMNS)


def transfer_row(number: int, at_ns: int, account_id: int) -> Row:
    request_id = first_id("req", at_ns)
    seq = number + 2
    return (
        f"usage:{request_id}",
        seq,
        "usage",
        account_id,
        2,
        500,
        account_id,
        10**10 - 500 * seq,
        request_id,
        at_ns,
        b"",
        b"",
    )


def fill_sqlite(path: str, tables: Iterable[tuple[str, Row, Iterator[Row]]]) -> None:
    connection = apsw.Connection(path)
    connection.execute("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")
    for table, columns, rows in tables:
        places = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows
        )
    connection.execute("COMMIT; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def fill_postgres(url: str, tables: Iterable[tuple[str, Row, Iterator[Row]]]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, columns, rows in tables:
            statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
            with connection.cursor().copy(statement.encode()) as copy:
                while batch := list(islice(rows, BATCH)):
                    for row in batch:
                        copy.write_row(row)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
