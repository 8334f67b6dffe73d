"""Recovery: what a crash left behind.

A hold belongs to the boot that opened it: one start of one process. The open holds of
a dead boot are voided, never those of a living one; what the provider charged for them
is the house's loss, and the usage row says `recovered`. A boot that was taken for dead
and was not is harmless: its settle arrives late and is charged.

What a job holds is left alone: the job goes on without the boot that opened it, and
whoever runs the jobs ends it, also if a crash left it half submitted.
"""

import os
import socket
from collections.abc import Callable, Iterable

from config.price_text import price_texts
from config.prices import Price
from storage import statements as sql
from storage.database import Ledgerbase
from storage.ledger import void

REASON = "recovered"
VOIDS_MAX = 500
"""How many holds one transaction voids, so that nobody waits long for the lock."""


def record_boot(db: Ledgerbase) -> None:
    host = socket.gethostname()
    db.sql(sql.INSERT_BOOT, (db.boot_id, os.getpid(), host, db.now_ns))


def register_prices(db: Ledgerbase, prices: Iterable[Price]) -> None:
    """Known ones are left alone: a price's id is the digest of its content."""
    for price in prices:
        db.sql(
            sql.INSERT_PRICE,
            (
                price.id,
                price.model,
                price.effective_from_ns,
                *price_texts(price),
                db.now_ns,
            ),
        )


def boots_with_open_holds(db: Ledgerbase) -> list[str]:
    return [boot_id for (boot_id,) in db.sql(sql.BOOTS_WITH_OPEN_HOLDS)]


def void_holds_of(db: Ledgerbase, boot_id: str) -> int:
    """Voids some; how many. Call again until none are left."""
    found = db.sql(sql.OPEN_HOLDS_OF_BOOT, (boot_id, VOIDS_MAX))
    for (hold_id,) in found:
        void(db, hold_id, REASON, None)
    return len(found)


def recover(wait: Callable[..., int], dead: Iterable[str]) -> int:
    """Void the open holds of all dead boots; how many. `wait` is the writer's."""
    voided = 0
    for boot_id in dead:
        while some := wait(void_holds_of, boot_id):
            voided += some
    return voided
