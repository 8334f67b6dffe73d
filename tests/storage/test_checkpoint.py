"""Checkpoints: written, read again, and refused when they are not what was written."""

from types import MappingProxyType

import pytest

from storage import checkpoint
from storage.audit import prove
from storage.checkpoint import BEGINNING, FILE, Checkpoint
from storage.errors import DatabaseDamaged
from storage.secrets import Secrets
from tests.storage.teller import NANO

SECRETS = Secrets(bytes(range(32)))
ONE = Checkpoint(7, 8, bytes(range(32)), MappingProxyType({-2: (1, 2), 2: (3, 4)}))


def test_what_is_written_is_read_again(tmp_path):
    checkpoint.write(tmp_path, SECRETS, ONE)
    assert checkpoint.read(tmp_path, SECRETS) == ONE
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_without_one_all_is_proved(tmp_path):
    assert checkpoint.read(tmp_path, SECRETS) == BEGINNING


@pytest.mark.parametrize(
    "old, new", [(b'"seq":7', b'"seq":6'), (b"}", b""), (b'"seal"', b'"s"')]
)
def test_a_changed_one_is_refused(tmp_path, old, new):
    checkpoint.write(tmp_path, SECRETS, ONE)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(DatabaseDamaged, match="verify the whole ledger"):
        checkpoint.read(tmp_path, SECRETS)


def test_one_that_another_secret_signed_is_refused(tmp_path):
    """Who can write both files but has not the secret hides nothing."""
    checkpoint.write(tmp_path, Secrets(bytes(32)), ONE)
    with pytest.raises(DatabaseDamaged, match="its seal"):
        checkpoint.read(tmp_path, SECRETS)


def test_one_of_the_time_before_seals_is_refused(tmp_path):
    text = '{"proved":{"seq":1,"at_ns":1,"hash":"00","house":[]},"digest":"00"}'
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DatabaseDamaged):
        checkpoint.read(tmp_path, SECRETS)


def test_a_forgotten_one_is_gone(tmp_path):
    checkpoint.write(tmp_path, SECRETS, ONE)
    checkpoint.forget(tmp_path)
    checkpoint.forget(tmp_path)
    assert checkpoint.read(tmp_path, SECRETS) == BEGINNING


def test_an_empty_ledger_is_proved_up_to_the_beginning(storage):
    assert prove(storage.engine.snapshot) == ([], BEGINNING)


def test_a_proof_reaches_to_the_newest_transfer(teller, storage):
    teller.admit(teller.caller(), "r1", NANO)
    teller.settle("r1", 7)
    findings, reached = prove(storage.engine.snapshot)
    assert (findings, reached.seq) == ([], 2)
    assert (reached.house[2], reached.house[-2], reached.house[-3]) == (
        (0, 7),
        (7, 0),
        (0, 7),
    )
