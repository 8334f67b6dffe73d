"""Files: whoever else may read the secret or the ledger is told."""

from pathlib import Path

import pytest

from addons.doctor.files import rights
from addons.doctor.finding import Level, Patient
from config.settings import LedgerSettings
from storage import open_storage
from tests.addons.doctor.conftest import Told


@pytest.fixture
def made(patient: Patient) -> Patient:
    """As a gateway leaves it."""
    open_storage(patient.data, LedgerSettings(), gateway=True).close()
    return patient


def test_what_a_gateway_makes_is_its_owners_alone(made: Patient, levels: Told) -> None:
    assert levels(rights, made) == ["ok"]


def test_there_need_be_nothing_yet(patient: Patient) -> None:
    (found,) = rights(patient)
    assert (found.level, "first start" in found.text) == (Level.OK, True)


@pytest.mark.parametrize("name", ["secret", "autolist.db"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_use_fails(made: Patient, name: str, mode: int) -> None:
    path = made.data / name
    path.chmod(mode)
    (found,) = rights(made)
    assert found.level is Level.FAIL
    assert found.todo == f"chmod 600 {path}"


def test_a_directory_that_others_may_list_is_warned_of(made: Patient) -> None:
    made.data.chmod(0o755)
    (found,) = rights(made)
    assert (found.level, found.todo) == (Level.WARN, f"chmod 700 {made.data}")


def test_a_file_in_its_place_fails(patient: Patient, tmp_path: Path) -> None:
    patient.data.write_text("")
    (found,) = rights(patient)
    assert found.level is Level.FAIL
