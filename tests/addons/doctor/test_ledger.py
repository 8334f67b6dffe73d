"""Ledger: reached or not, older or newer than the program, whole or not."""

import apsw
import pytest

from addons.doctor.finding import Level, Patient
from addons.doctor.ledger import database, judged
from config.settings import LedgerSettings
from storage import DATABASE, open_storage
from storage.alarm import FileAlarm
from storage.condition import Condition
from tests.addons.doctor.conftest import Make, Told


@pytest.fixture
def made(patient: Patient) -> Patient:
    open_storage(patient.data, LedgerSettings(), gateway=True).close()
    return patient


def execute(patient: Patient, statement: str) -> None:
    connection = apsw.Connection(str(patient.data / DATABASE))
    connection.execute(statement)
    connection.close()


def test_one_that_fits(made: Patient) -> None:
    (found,) = database(made)
    assert found.level is Level.OK
    assert found.text.startswith("SQLite 3.") and "schema 00" in found.text


def test_none_yet(patient: Patient, levels: Told) -> None:
    assert levels(database, patient) == ["ok"]
    assert not patient.data.exists(), "it only looks"


def test_an_older_one_is_warned_of(made: Patient) -> None:
    execute(made, "DELETE FROM migration WHERE name = '0006_access'")
    (found,) = database(made)
    assert found.level is Level.WARN
    assert "0006_access" in found.text and "backup" in found.todo


def test_a_newer_one_fails(made: Patient) -> None:
    execute(made, "INSERT INTO migration VALUES ('0999_later', 0)")
    (found,) = database(made)
    assert (found.level, "0999_later" in found.text) == (Level.FAIL, True)


def test_what_is_no_database_fails(patient: Patient) -> None:
    patient.data.mkdir()
    (patient.data / DATABASE).write_bytes(b"no database at all" * 100)
    (found,) = database(patient)
    assert found.level is Level.FAIL


def test_one_that_does_not_add_up_fails(made: Patient) -> None:
    FileAlarm(made.data).sound("I6 transfer 3")
    whole, alarm = database(made)
    assert (whole.level, alarm.level) == (Level.OK, Level.FAIL)
    assert "I6 transfer 3" in alarm.text


def test_a_server_that_does_not_answer_fails(make: Make) -> None:
    patient = make(AUTOLIST_STORAGE="postgresql://nobody@127.0.0.1:9/none")
    (found,) = database(patient)
    assert found.level is Level.FAIL


def test_a_server_of_ours(make: Make, postgres_url: str) -> None:
    patient = make(AUTOLIST_STORAGE=postgres_url)
    open_storage(patient.data, LedgerSettings(), gateway=True, url=postgres_url).close()
    (found,) = database(patient)
    assert (found.level, found.text.startswith("PostgreSQL 1")) == (Level.OK, True)


def test_a_server_that_is_too_old_fails() -> None:
    (found,) = judged(Condition("PostgreSQL 14.1", (), (), "PostgreSQL 15", True))
    assert (found.level, found.todo) == (Level.FAIL, "upgrade to PostgreSQL 15")
