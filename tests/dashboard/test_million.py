"""A million requests of one user: every call stays quick, and walks an index."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import Settings
from storage import Storage, open_storage
from storage.accounts import set_role
from storage.engine import Params, Row
from tests.dashboard.million import DAYS, REQUESTS, fill
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = 0.2
TRIES = 3
# The sums of days are small: a planner may well read all of them.
LARGE = ("usage", "transfer")

CALLS: list[tuple[str, str, dict[str, str]]] = [
    ("user", "profile", {}),
    ("user", "overview", {}),
    ("user", "overview", {"days": "90"}),
    ("user", "transactions", {}),
    ("user", "transactions", {"limit": "200", "type": "usage"}),
    ("user", "transactions", {"type": "topup,promo"}),
    ("user", "transactions", {"model": "no-such-model", "limit": "200"}),
    ("user", "transactions", {"key_id": "999", "limit": "200"}),
    ("user", "transactions", {"from": "2025-12-20", "to": "2025-12-21"}),
    ("user", "requests", {"limit": "200"}),
    ("user", "requests", {"model": "no-such-model"}),
    ("user", "requests", {"key_id": "999"}),
    ("user", "requests", {"from": "2025-12-20", "to": "2025-12-21"}),
    ("user", "usage", {"by": "day"}),
    ("user", "usage", {"by": "model", "from": "2025-02-01", "to": "2026-01-01"}),
    ("user", "usage", {"by": "key"}),
    ("user", "usage", {"by": "day_model"}),
    ("user", "keys", {}),
    ("user", "sessions", {}),
    ("user", "activity", {}),
    ("admin", "users", {"search": "example"}),
    ("admin", "live", {}),
    ("admin", "candidates", {}),
    ("admin", "spend", {}),
    ("admin", "acts", {}),
    ("admin", "vouchers", {}),
]


class Watched:
    """Remembers what is asked of the database."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.asked: list[tuple[str, Params]] = []

    def __call__(self, statement: str, params: Params = ()) -> list[Row]:
        self.asked.append((statement, tuple(params)))
        return list(self.rows(statement, params))


@pytest.fixture
def storage(
    tmp_path: Path, settings: Settings, clock: FakeClock, url: str
) -> Iterator[Storage]:
    opened = open_storage(
        tmp_path,
        settings.ledger,
        clock=clock,
        gateway=True,
        prices=settings.prices,
        url=url,
    )
    yield opened
    opened.close()


@pytest.fixture
def watched(storage: Storage) -> Watched:
    """Before the application is made, which takes hold of it."""
    watched = Watched(storage.reader._rows)
    storage.reader._rows = watched
    storage.reader.reports._rows = watched
    return watched


@pytest.fixture
def million(
    watched: Watched, storage: Storage, app: Flask, clock: FakeClock, url: str
) -> Visitor:
    visitor = Visitor(app.test_client())
    visitor.register()
    user = storage.reader.user(visitor.id)
    assert user is not None
    storage.writer.wait(set_role, user.id, "operator")
    default = storage.reader.default_key(user.account_id)
    assert default is not None
    fill(storage, user.account_id, default[0].id, clock.wall_ns(), url)
    return visitor


def test_every_call_is_quick_walks_an_index_and_adds_up(
    million: Visitor, watched: Watched, storage: Storage, url: str
) -> None:
    slow: dict[str, float] = {}
    # The server of PostgreSQL works elsewhere: there the time that passes counts.
    clock = time.perf_counter if url else time.process_time
    for place, action, query in CALLS:
        watched.asked.clear()
        seconds = []
        for _ in range(TRIES):
            started = clock()
            answer = million.get(place, action, **query)
            seconds.append(clock() - started)
            assert answer.status_code == 200, answer.text
        name = f"{action} {query}"
        if min(seconds) > SECONDS:
            slow[name] = min(seconds)
        for statement, params in watched.asked[: len(watched.asked) // TRIES]:
            assert walked(storage, statement, params, url) == [], (name, statement)
    assert slow == {}
    days = million.get("user", "usage", by="day").get_json()["data"]["usage"]
    # Midnight has just been: nothing is of today.
    assert len(days) == DAYS - 1
    whole = million.get("user", "usage", **{"from": "2025-12-01"}).get_json()["data"]
    total = whole["total"]
    assert (total["requests"], total["cost"]) == (REQUESTS, "0.50")


def walked(storage: Storage, statement: str, params: Params, url: str) -> list[str]:
    """The large tables that a statement reads from end to end."""
    explain = "EXPLAIN " if url else "EXPLAIN QUERY PLAN "
    rows = storage.reader._rows.rows(explain + statement, params)
    plan = "\n".join(str(row[0] if url else row[3]) for row in rows)
    if url:
        return re.findall(rf"Seq Scan on ({'|'.join(LARGE)})\b", plan)
    aliases = {"usage u": "u", "transfer t": "t"}
    names = [*LARGE, *(name for text, name in aliases.items() if text in statement)]
    return re.findall(rf"SCAN ({'|'.join(names)})(?! USING)\b", plan)
