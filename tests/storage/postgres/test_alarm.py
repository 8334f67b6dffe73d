"""The alarm in a shared database: heard by gateways that share nothing else."""

import psycopg
import pytest

from storage.alarm import BYTES_MAX
from storage.errors import LedgerUnavailable
from storage.postgres.alarm import TableAlarm


def test_it_is_heard_from_another_directory(storage, open_ledger, other_data):
    other = open_ledger(data=other_data())
    assert other.alarm.reason() is None
    storage.alarm.sound("I1: 总账 does not add up")
    assert other.alarm.reason() == "I1: 总账 does not add up"
    storage.alarm.sound("I2: nor does this")
    assert other.alarm.reason() == "I2: nor does this"
    other.alarm.silence()
    assert storage.alarm.reason() is None


def test_a_long_reason_is_cut_and_cleaned(storage):
    storage.alarm.sound("总\0" * BYTES_MAX)
    assert storage.alarm.reason() == "总" * (BYTES_MAX // 3)
    storage.alarm.silence()


def test_a_database_without_a_schema_has_heard_nothing(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bare")

    def bare():
        return psycopg.connect(url, autocommit=True, options="-c search_path=bare")

    assert TableAlarm(bare).reason() is None


def test_one_that_cannot_be_reached_says_so():
    alarm = TableAlarm(lambda: psycopg.connect("host=/nowhere"))
    with pytest.raises(LedgerUnavailable, match="cannot be used now"):
        alarm.reason()
