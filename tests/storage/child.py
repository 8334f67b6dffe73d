"""Programs that another process runs: one that is killed, and one that pays in.

    python -m tests.storage.child spend DATA ACCOUNT KEY
    python -m tests.storage.child earn DATA ACCOUNT COUNT
    python -m tests.storage.child drain DATA ACCOUNT KEY

The ledger is in DATA, or in the PostgreSQL database that AUTOLIST_STORAGE names.
`spend` is a gateway under load: it admits and settles from several threads for as long
as it lives. What the ledger acknowledged goes to standard output, one line each, at
once: whoever reads it knows what must be in the file whatever happened since.
"""

import os
import sys
import threading
from pathlib import Path

from config.gateway import LedgerSettings
from storage import open_storage
from storage.ledger import Admission, Granted, admit, settle, topup
from tests.storage.teller import PRICE, settlement

THREADS = 16
HELD_NANO, COST_NANO = 1000, 700
SETTINGS = LedgerSettings(busy_seconds=10.0)
URL = os.environ.get("AUTOLIST_STORAGE", "")


def say(*words):
    os.write(1, (" ".join(words) + "\n").encode())


def spend(data: Path, account_id: int, key_id: int) -> None:
    storage = open_storage(data, SETTINGS, gateway=True, prices=[PRICE], url=URL)
    wait, make = storage.writer.wait, storage.ids.make

    def requests():
        while True:
            hold_id = make("req")
            ask = Admission(
                hold_id, account_id, key_id, HELD_NANO, PRICE.id, "gpt-4o", 1, 0, 0, 0
            )
            assert isinstance(wait(admit, ask), Granted)
            say("admitted", hold_id)
            wait(settle, settlement(hold_id, COST_NANO))
            say("settled", hold_id)

    for _ in range(THREADS):
        threading.Thread(target=requests, daemon=True).start()
    sys.stdin.read()


def earn(data: Path, account_id: int, count: int) -> None:
    storage = open_storage(data, SETTINGS, gateway=False, url=URL)
    name = str(os.getpid())
    for number in range(count):
        storage.writer.wait(topup, account_id, 1, "test", f"{name}-{number}")
    storage.close()


def drain(data: Path, account_id: int, key_id: int) -> None:
    """Holds as much as it can get, from several threads; says how often it got it."""
    storage = open_storage(data, SETTINGS, gateway=True, prices=[PRICE], url=URL)
    granted = []

    def requests():
        while True:
            ask = Admission(
                storage.ids.make("req"), account_id, key_id, HELD_NANO, PRICE.id,
                "gpt-4o", 1, 0, 0, 0,
            )
            if not isinstance(storage.writer.wait(admit, ask), Granted):
                return
            granted.append(ask.hold_id)

    threads = [threading.Thread(target=requests) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(str(len(granted)))
    storage.close()


if __name__ == "__main__":
    program = {"spend": spend, "earn": earn, "drain": drain}[sys.argv[1]]
    program(Path(sys.argv[2]), *map(int, sys.argv[3:]))
