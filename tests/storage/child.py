"""Programs that another process runs: one that is killed, and one that pays in.

    python -m tests.storage.child spend DATA ACCOUNT KEY
    python -m tests.storage.child earn DATA ACCOUNT COUNT
    python -m tests.storage.child drain DATA ACCOUNT KEY
    python -m tests.storage.child film DATA ACCOUNT KEY

The ledger is in DATA, or in the PostgreSQL database that AUTOLIST_STORAGE names.
`spend` is a gateway under load: it admits and settles from several threads for as long
as it lives. What the ledger acknowledged goes to standard output, one line each, at
once: whoever reads it knows what must be in the file whatever happened since. `film`
does the same with jobs, of which every third fails.
"""

import os
import sys
import threading
from itertools import count
from pathlib import Path

from config.gateway import LedgerSettings
from storage import open_storage
from storage.jobs import (
    JobError,
    LegChoice,
    NewJob,
    accepted,
    complete,
    fail,
    made,
    open_job,
    take,
)
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


def film(data: Path, account_id: int, key_id: int) -> None:
    storage = open_storage(data, SETTINGS, gateway=True, prices=[PRICE], url=URL)
    wait, make = storage.writer.wait, storage.ids.make

    def act(verb, *args):
        job = wait(verb, *args)
        say(job.state.value, job.id)
        return job

    def film_one(number):
        ask = Admission(
            make("req"), account_id, key_id, HELD_NANO, PRICE.id, "gpt-4o", 1, 0, 0, 0
        )
        new = NewJob(make("video"), "{}", 0, 1)
        assert isinstance(wait(open_job, ask, new, None), Granted)
        say("queued", new.id)
        job = act(take, new.id, 1, LegChoice(0, "p", "m", "K"), 1)
        job = act(accepted, job, "{}", 1)
        if number % 3 == 0:
            act(fail, job, JobError("failed", "x", 502), None)
            return
        job = act(made, job, "{}")
        act(complete, job, "a.mp4", "/a", settlement(job.request_id, COST_NANO))

    def films():
        for number in count():
            film_one(number)

    for _ in range(THREADS):
        threading.Thread(target=films, daemon=True).start()
    sys.stdin.read()


def earn(data: Path, account_id: int, times: int) -> None:
    storage = open_storage(data, SETTINGS, gateway=False, url=URL)
    name = str(os.getpid())
    for number in range(times):
        storage.writer.wait(topup, account_id, 1, "test", f"{name}-{number}")
    storage.close()


def drain(data: Path, account_id: int, key_id: int) -> None:
    """Holds as much as it can get, from several threads; says how often it got it.

    It begins when it is told to and stays until it is let go: what one that has gone
    still held, the next that starts would give back.
    """
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
    say("ready")
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(str(len(granted)))
    sys.stdin.read()
    storage.close()


PROGRAMS = {"spend": spend, "earn": earn, "drain": drain, "film": film}

if __name__ == "__main__":
    program = PROGRAMS[sys.argv[1]]
    program(Path(sys.argv[2]), *map(int, sys.argv[3:]))
