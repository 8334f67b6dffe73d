"""The line that breaks, against a real server."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.fakes.postgres_line import PostgresLine
from tests.postgres import PORT, USER, Databases


@pytest.fixture
def line(databases: Databases) -> Iterator[PostgresLine]:
    with PostgresLine(Path(databases.cluster.home) / f".s.PGSQL.{PORT}") as line:
        yield line


def dial(line: PostgresLine, url: str) -> psycopg.Connection[tuple[int]]:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    return psycopg.connect(f"host=127.0.0.1 port={line.port} user={USER} dbname={name}")


def booted(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT id FROM boot").fetchall()


@pytest.mark.parametrize(
    ("arrives", "found"), [(None, ["a"]), (True, ["a"]), (False, [])]
)
def test_a_commit_arrives_or_not_and_its_answer_neither(
    line: PostgresLine, postgres_url: str, arrives: bool | None, found: list[str]
) -> None:
    connection = dial(line, postgres_url)
    connection.execute("INSERT INTO boot VALUES ('a', 1, 'h', 1)")
    if arrives is None:
        connection.commit()
    else:
        line.cut_at(b"COMMIT", arrives=arrives)
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        assert line.cuts == 1
    connection.close()
    assert booted(postgres_url) == [(name,) for name in found]


def test_it_can_be_cut_at_any_moment(line: PostgresLine, postgres_url: str) -> None:
    connection = dial(line, postgres_url)
    connection.execute("SELECT 1")
    line.cut()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
