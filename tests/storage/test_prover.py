"""The prover: another process, its answer, and its end."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import orjson
import pytest

from storage.errors import LedgerUnavailable
from storage.prover import NICENESS, Prover
from tests.storage.teller import NANO, Teller

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def storage(prepared, open_ledger):
    """A ledger that these tests may break."""
    storage = open_ledger()
    teller = Teller(storage)
    teller.admit(teller.caller(), "r1", NANO)
    teller.settle("r1", 5)
    return storage


@pytest.fixture
def prover(storage, data, url):
    return Prover(data, url)


@pytest.fixture
def path(only_sqlite, storage):
    return storage.engine.path


def test_a_ledger_beside_its_gateway_is_proved(prover):
    assert prover.run() == []


def test_what_is_wrong_is_told_row_by_row(prover, corrupt):
    corrupt("UPDATE account SET credits_posted = 6 WHERE id = 2")
    found = prover.run()
    assert {(one.invariant, one.row) for one in found} == {
        ("I1", "account"),
        ("I2", "account 2"),
    }


def test_a_damaged_file_is_a_finding(path, open_ledger):
    """A server looks after its own pages."""
    storage = open_ledger(gateway=False)
    storage.close()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    ((page,),) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'usage'"
    )
    ((size,),) = connection.execute("PRAGMA page_size")
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    (found,) = Prover(path.parent).run()
    assert (found.row, "damaged" in found.text) == ("database", True)


def test_what_cannot_be_read_proves_nothing(tmp_path):
    with pytest.raises(LedgerUnavailable, match="could not be proved: "):
        Prover(tmp_path / "nowhere").run()


def test_one_that_is_stopped_proves_nothing(prover):
    """Stopped from another thread, as soon as there is something to stop."""
    raised = []

    def prove():
        try:
            prover.run()
        except LedgerUnavailable as error:
            raised.append(str(error))

    thread = threading.Thread(target=prove)
    thread.start()
    while thread.is_alive():
        prover.stop()
    assert raised == ["the whole could not be proved: it was ended"]


def test_it_ends_with_whoever_started_it():
    """The pipe closes: it does not wait for an answer nobody reads."""
    pipe = subprocess.PIPE
    program = "from storage import prover; prover._end_with_parent()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=pipe, cwd=ROOT) as process:
        process.stdin.close()
        assert process.wait(30) == 1


def test_it_gives_way_to_those_who_serve(storage, data, url):
    program = (
        "from storage import prover; import os\n"
        "prover.findings_of = lambda engine: os.write(2, b'%d' % os.nice(0)) and []\n"
        "prover.main()"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT
    ) as process:
        # The pipe stays open until it has answered: that is how it knows us alive.
        process.stdin.write(orjson.dumps([str(data), url]) + b"\n")
        process.stdin.flush()
        said = process.stderr.read()
    assert int(said) == min(os.nice(0) + NICENESS, 19)
