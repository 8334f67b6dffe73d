"""A real ledger on each engine, fresh, and proved after each test that used it."""

import shutil
from itertools import count

import pytest

from config.gateway import LedgerSettings
from storage import DATABASE, open_storage
from storage.sqlite import SqliteEngine
from tests.fakes.clock import FakeClock
from tests.storage.teller import PRICE, Teller
from tests.storage.unguarded import in_file, in_postgres


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def settings():
    """A lock is waited for briefly, so that tests of locked files are quick."""
    return LedgerSettings(queue_max=1000, batch_max=128, busy_seconds=0.05)


@pytest.fixture
def open_ledger(data, clock, settings, url):
    """Opens the directory as often as a test likes; all is closed at the end."""
    opened = []

    def open_one(
        gateway=True,
        clock=clock,
        settings=settings,
        data=data,
        url=url,
        joined=None,
        proved=False,
    ):
        storage = open_storage(
            data,
            settings,
            clock=clock,
            gateway=gateway,
            proved=proved or joined is not None,
            joined=joined,
            prices=[PRICE],
            url=url,
        )
        opened.append(storage)
        return storage

    yield open_one
    for storage in reversed(opened):
        storage.close()


@pytest.fixture
def other_data(data, tmp_path):
    """Directories of further machines, which were given the secret of the first."""
    numbers = count(2)

    def make():
        directory = tmp_path / f"data-{next(numbers)}"
        directory.mkdir()
        shutil.copy(data / "secret", directory)
        return directory

    return make


@pytest.fixture
def corrupt(storage, url):
    """Runs a statement past everything that guards the ledger."""
    edit = in_postgres(url) if url else in_file(storage.engine.path)
    with edit as execute:
        yield execute


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """A file with our tables and nothing in them, to be copied: making them takes
    longer than most tests. Those that open a directory themselves make their own."""
    path = tmp_path_factory.mktemp("empty") / DATABASE
    SqliteEngine(path).prepare(0, checked=False)
    return path


@pytest.fixture
def prepared(data, url, request):
    """As the directory looks when somebody stopped after making the tables."""
    if not url and not data.exists():
        data.mkdir(mode=0o700)
        shutil.copy(request.getfixturevalue("empty_file"), data)


@pytest.fixture
def storage(prepared, open_ledger):
    """A gateway's storage. Whatever the test did, the ledger must add up after it."""
    # There is nothing in it to prove; who opens it again proves what there is then.
    storage = open_ledger(proved=True)
    yield storage
    assert Teller(storage).audit() == []


@pytest.fixture
def teller(storage):
    return Teller(storage)
