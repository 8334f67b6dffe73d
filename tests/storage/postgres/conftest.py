"""Ledgers on a server, and lines to it that break."""

from pathlib import Path

import psycopg
import pytest

from config.gateway import LedgerSettings
from tests.fakes.postgres_line import PostgresLine
from tests.postgres import PORT, USER


@pytest.fixture(autouse=True)
def here(only_postgres):
    """Everything in this directory is about the server."""


@pytest.fixture
def settings():
    """Longer than a stopped session is borne with."""
    return LedgerSettings(busy_seconds=5.0)


@pytest.fixture
def line(databases):
    with PostgresLine(Path(databases.cluster.home) / f".s.PGSQL.{PORT}") as line:
        yield line


@pytest.fixture
def by_line(open_ledger, url, line):
    """A gateway whose every connection goes over the line."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    storage = open_ledger(url=f"postgresql://{USER}@127.0.0.1:{line.port}/{name}")
    yield storage


@pytest.fixture
def server(url):
    """Runs a statement as somebody else."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda statement: connection.execute(statement).fetchall()


@pytest.fixture
def end_sessions(server):
    """Ends all of the gateways' sessions, as an administrator might."""

    def end():
        return len(
            server(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'autolist'"
                " AND datname = current_database()"
            )
        )

    return end
