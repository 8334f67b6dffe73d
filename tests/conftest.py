"""Fixtures that several test files share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.fakes.openai_server import FakeOpenAI
from tests.postgres import REQUIRED, Cluster, Databases, binaries, memory

TEMPORARY = "PYTEST_DEBUG_TEMPROOT"


def pytest_configure() -> None:
    """Thousands of small ledgers, each synced several times: nobody cuts the power, so
    memory does as well as a disk, in half the time. Who names a place gets that one."""
    found = memory()
    if found is not None:
        os.environ.setdefault(TEMPORARY, str(found))
    # Every run tries the same examples, and none has to be quick.
    settings.register_profile(
        "the same", derandomize=True, deadline=None, database=None
    )
    settings.load_profile("the same")


@pytest.fixture
def fake_openai() -> Iterator[FakeOpenAI]:
    """An honest OpenAI on a real socket; script it to make it anything else."""
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Ledgers on a PostgreSQL server of our own."""
    found = binaries()
    if found is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"no PostgreSQL server is installed, and {REQUIRED} is set")
        pytest.skip("no PostgreSQL server is installed (Debian's package postgresql)")
    with Cluster(found) as cluster:
        databases = Databases(cluster)
        yield databases
        databases.close()


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """The address of an empty ledger."""
    name = databases.lend()
    yield databases.cluster.url(name)
    databases.give_back(name)


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each test that asks for it runs once on every engine it is for."""
    return str(request.param)


@pytest.fixture
def url(engine_name: str, request: pytest.FixtureRequest) -> str:
    """Where the ledger is: empty for a file in the data directory."""
    if engine_name == "sqlite":
        return ""
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def only_sqlite() -> None:
    """The test is about the file: pages, locks, the WAL."""


@pytest.fixture
def only_postgres() -> None:
    """The test is about the server: sessions, leases, several machines."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine_name" not in metafunc.fixturenames:
        return
    names = ["sqlite", "postgres"]
    for name in names:
        if f"only_{name}" in metafunc.fixturenames:
            names = [name]
    metafunc.parametrize("engine_name", names, indirect=True)
