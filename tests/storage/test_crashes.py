"""Real processes: killed under load, and several on one file."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.gateway import LedgerSettings
from storage import open_storage
from storage.errors import DatabaseInUse
from storage.job_states import JobState
from storage.jobs import JobError, fail
from storage.ledger import Granted, admit
from storage.postgres.connection import WRITER
from storage.recovery import REASON
from tests.storage.child import COST_NANO, HELD_NANO
from tests.storage.teller import NANO, PRICE, Teller, ask

ROOT = Path(__file__).parents[2]
SETTINGS = LedgerSettings(busy_seconds=10.0)
START_NANO = 10**6 * NANO


@dataclass(frozen=True)
class Place:
    """Where processes meet."""

    data: Path
    url: str

    def start(self, program, *args):
        command = [sys.executable, "-m", "tests.storage.child", program, self.data]
        return subprocess.Popen(
            [*map(str, command), *map(str, args)],
            cwd=ROOT,
            env=os.environ | {"AUTOLIST_STORAGE": self.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def opened(self, gateway=True):
        return open_storage(
            self.data, SETTINGS, gateway=gateway, prices=[PRICE], url=self.url
        )

    def outlive(self):
        """Until the leases of the dead have run out; a file's locks are free at once.

        What a killed process had begun is undone by then.
        """
        if self.url:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"SELECT pg_advisory_lock({WRITER})")
                connection.execute("UPDATE boot SET lease_ns = 1")


@pytest.fixture
def place(data, url):
    return Place(data, url)


def run_and_kill(place, caller, lines):
    """What a gateway acknowledged until it was killed after so many lines."""
    acknowledged = {"admitted": set(), "settled": set()}
    with place.start("spend", caller.account_id, caller.key_id) as child:
        for number, line in enumerate(child.stdout):
            # The pipe may end inside a line that was never said in full.
            if line.endswith(b"\n"):
                word, hold_id = line.decode().split()
                acknowledged[word].add(hold_id)
            if number == lines:
                child.kill()
    return acknowledged


def check_round(teller, caller, acknowledged):
    states = dict(teller.sql("SELECT id, state FROM hold"))
    assert acknowledged["admitted"] <= set(states)
    settled = {hold_id for hold_id, state in states.items() if state == "settled"}
    assert acknowledged["settled"] <= settled
    assert teller.audit() == []
    balance = teller.storage.reader.balance(caller.account_id)
    assert balance.posted_nano == START_NANO - COST_NANO * len(settled)


def kill_rounds(place, rounds):
    storage = place.opened()
    caller = Teller(storage).caller(START_NANO)
    storage.close()
    acknowledged = {"admitted": set(), "settled": set()}
    recovered = 0
    for number in range(rounds):
        for word, ids in run_and_kill(place, caller, 50 + 37 * number).items():
            acknowledged[word] |= ids
        place.outlive()
        # First as a command sees it, whose opening repairs nothing.
        beside = place.opened(gateway=False)
        check_round(Teller(beside), caller, acknowledged)
        left = len(beside.reader.open_holds())
        beside.close()
        storage = place.opened()
        assert storage.recovered == left
        recovered += left
        teller = Teller(storage)
        check_round(teller, caller, acknowledged)
        assert storage.reader.open_holds() == []
        assert storage.reader.balance(caller.account_id).pending_nano == 0
        assert teller.sql("SELECT open_holds FROM key") == [(0,)]
        outcomes = teller.sql(
            "SELECT count(*) FROM usage WHERE outcome = ?1", (REASON,)
        )
        assert outcomes == [(recovered,)]
        storage.close()
    # A run in which nothing was open when it was killed would have proved little.
    assert recovered > 0
    assert HELD_NANO > COST_NANO


def test_nothing_acknowledged_is_lost_to_a_kill(place):
    kill_rounds(place, 2)


PLACES = ("queued", "submitting", "running", "storing", "completed", "failed")


def film_and_kill(place, caller, lines):
    """The last state of each job that was acknowledged until the kill."""
    reached = {}
    with place.start("film", caller.account_id, caller.key_id) as child:
        for number, line in enumerate(child.stdout):
            if line.endswith(b"\n"):
                state, job_id = line.decode().split()
                reached[job_id] = state
            if number == lines:
                child.kill()
    return reached


def check_jobs(teller, caller, reached):
    """What was acknowledged is there or further, and the money is where it says."""
    found = {job_id: (state, held) for job_id, state, held in teller.sql(HELD)}
    for job_id, state in reached.items():
        assert PLACES.index(found[job_id][0]) >= PLACES.index(state)
    ended = {"completed": "settled", "failed": "voided"}
    assert all(ended.get(state, "open") == held for state, held in found.values())
    states = [state for state, _ in found.values()]
    balance = teller.storage.reader.balance(caller.account_id)
    live = sum(state not in ended for state in states)
    assert balance.pending_nano == HELD_NANO * live
    assert balance.posted_nano == START_NANO - COST_NANO * states.count("completed")
    assert teller.audit() == []
    return live


HELD = "SELECT j.id, j.state, h.state FROM job j JOIN hold h ON h.id = j.request_id"


def film_rounds(place, rounds):
    storage = place.opened()
    caller = Teller(storage).caller(START_NANO)
    storage.close()
    lost = 0
    for number in range(rounds):
        reached = film_and_kill(place, caller, 100 + 37 * number)
        place.outlive()
        storage = place.opened()
        teller, jobs = Teller(storage), storage.reader.jobs
        assert storage.recovered == 0
        live = check_jobs(teller, caller, reached)
        assert live > 0
        error = JobError("submission_lost", "x", 502)
        found = [*jobs.lost(storage.boots.is_dead), *jobs.due(10**18, 500)]
        assert len(found) == live == jobs.live()
        for job in found:
            lost += job.state is JobState.SUBMITTING
            assert storage.writer.wait(fail, job, error, None) is not None
        assert check_jobs(teller, caller, {}) == 0
        storage.close()
    return lost


def test_jobs_outlive_a_kill(place):
    film_rounds(place, 2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_jobs_outlive_many_kills(place):
    # Some were killed while nobody could know whether they had been begun.
    assert film_rounds(place, 15) > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_to_many_kills(place):
    kill_rounds(place, 25)


def test_several_processes_write_one_ledger(place):
    storage = place.opened()
    teller = Teller(storage)
    caller = teller.caller(0)
    spender = teller.caller(NANO, "bob@example.com")
    children = [place.start("earn", caller.account_id, 200) for _ in range(2)]
    grants = 0
    while any(child.poll() is None for child in children):
        answer = storage.writer.wait(admit, ask(spender, f"r{grants}", 1))
        assert isinstance(answer, Granted)
        grants += 1
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert teller.available(caller) == 400
    assert teller.available(spender) == NANO - grants
    assert teller.audit() == []
    storage.close()


def test_a_second_gateway_is_refused_while_the_first_lives(only_sqlite, place):
    """Of a file; a server has as many as there are."""
    storage = place.opened()
    caller = Teller(storage).caller(START_NANO)
    storage.close()
    with place.start("spend", caller.account_id, caller.key_id) as child:
        child.stdout.readline()
        with pytest.raises(DatabaseInUse, match="another gateway"):
            place.opened()
        # Nor does anything that may run beside it take its holds for a dead one's.
        beside = place.opened(gateway=False)
        assert beside.recovered == 0
        beside.close()
        child.kill()
    place.opened().close()


def test_several_gateways_spend_what_there_is_and_no_more(only_postgres, place):
    """Four machines, one balance: what each was granted adds up to all of it."""
    storage = place.opened()
    teller = Teller(storage)
    caller = teller.caller(500 * HELD_NANO)
    children = [
        place.start("drain", caller.account_id, caller.key_id) for _ in range(4)
    ]
    assert [child.stdout.readline() for child in children] == [b"ready\n"] * 4
    for child in children:
        child.stdin.write(b"go\n")
        child.stdin.flush()
    granted = [int(child.stdout.readline()) for child in children]
    assert sum(granted) == 500
    balance = storage.reader.balance(caller.account_id)
    assert (balance.available_nano, balance.pending_nano) == (0, 500 * HELD_NANO)
    for child in children:
        child.communicate()
    assert [child.returncode for child in children] == [0] * 4
    assert teller.audit() == []
    storage.close()
