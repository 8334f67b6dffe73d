"""The server that tests bring along."""

import psycopg

from tests.postgres import Databases


def test_a_ledger_that_is_lent_is_empty_each_time(databases: Databases) -> None:
    for _ in range(2):
        name = databases.lend()
        ask = "SELECT count(*), (SELECT count(*) FROM boot) FROM account"
        assert databases.cluster.sql(name, ask) == [(7, 0)]
        databases.cluster.sql(name, "INSERT INTO boot VALUES ('b', 1, 'h', 1)")
        databases.give_back(name)


def test_one_whose_schema_was_changed_is_lent_to_nobody(databases: Databases) -> None:
    name = databases.lend()
    databases.cluster.sql(name, "DROP TRIGGER hold_no_delete ON hold")
    databases.give_back(name)
    assert databases.lend() != name


def test_nobody_is_reached_over_the_network(databases: Databases) -> None:
    with psycopg.connect(databases.cluster.url("postgres")) as connection:
        assert connection.info.hostaddr == ""
