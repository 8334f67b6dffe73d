"""What root makes for another user, who must be able to open it."""

import os

import pytest

from storage.ownership import give, open_owned
from tests.storage.teller import Teller

SOMEBODY = 65_534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give away")


def owners(place):
    return {path.name: path.stat().st_uid for path in place.rglob("*")}


@pytest.fixture
def theirs(tmp_path):
    """A directory of somebody else."""
    place = tmp_path / "theirs"
    place.mkdir(mode=0o700)
    os.chown(place, SOMEBODY, SOMEBODY)
    return place


def test_a_file_is_made_for_its_owner_alone(tmp_path):
    os.close(open_owned(tmp_path / "a"))
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert owners(tmp_path) == {"a": os.geteuid()}


@as_root
def test_what_root_makes_is_the_directorys_owners(theirs):
    os.close(open_owned(theirs / "a"))
    assert owners(theirs) == {"a": SOMEBODY}
    assert (theirs / "a").stat().st_gid == SOMEBODY


@as_root
def test_what_root_left_there_before_is_handed_over(theirs):
    (theirs / "old").touch()
    os.close(open_owned(theirs / "old"))
    assert owners(theirs) == {"old": SOMEBODY}


@as_root
def test_what_is_somebodys_stays_so(theirs):
    (theirs / "other").touch()
    os.chown(theirs / "other", SOMEBODY - 1, SOMEBODY - 1)
    give(theirs / "other")
    assert owners(theirs) == {"other": SOMEBODY - 1}


@as_root
def test_a_command_of_roots_leaves_nothing_that_the_gateway_cannot_open(
    only_sqlite, theirs, open_ledger
):
    """Its locks, its boot, its secret, the file itself, the proof and the alarm."""
    gateway = open_ledger(data=theirs)
    command = open_ledger(data=theirs, gateway=False)
    Teller(command).caller()
    assert gateway.auditor.audit() == []
    gateway.alarm.sound("why")
    found = owners(theirs)
    assert {"broken", "checkpoint.json", "secret", "turn.lock", "boots"} <= set(found)
    assert {name for name, owner in found.items() if owner != SOMEBODY} == set()
