"""Checkpoints: written, read again, and refused when they are not what was written."""

from types import MappingProxyType

import pytest

from storage import checkpoint
from storage.audit import prove
from storage.checkpoint import BEGINNING, FILE, Checkpoint
from storage.errors import DatabaseDamaged
from tests.storage.teller import NANO

ONE = Checkpoint(7, 8, bytes(range(32)), MappingProxyType({-2: (1, 2), 2: (3, 4)}))


def test_what_is_written_is_read_again(tmp_path):
    checkpoint.write(tmp_path, ONE)
    assert checkpoint.read(tmp_path) == ONE
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_without_one_all_is_proved(tmp_path):
    assert checkpoint.read(tmp_path) == BEGINNING


@pytest.mark.parametrize(
    "old, new", [(b'"seq":7', b'"seq":6'), (b"}", b""), (b'"digest"', b'"d"')]
)
def test_a_changed_one_is_refused(tmp_path, old, new):
    checkpoint.write(tmp_path, ONE)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(DatabaseDamaged, match="verify the whole ledger"):
        checkpoint.read(tmp_path)


def test_an_empty_ledger_is_proved_up_to_the_beginning(storage):
    with storage.engine.snapshot() as snapshot:
        assert prove(snapshot) == ([], BEGINNING)


def test_a_proof_reaches_to_the_newest_transfer(teller, storage):
    teller.admit(teller.caller(), "r1", NANO)
    teller.settle("r1", 7)
    with storage.engine.snapshot() as snapshot:
        findings, reached = prove(snapshot)
    assert (findings, reached.seq) == ([], 2)
    assert (reached.house[2], reached.house[-2], reached.house[-3]) == (
        (0, 7),
        (7, 0),
        (0, 7),
    )
