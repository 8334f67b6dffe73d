"""The auditor: what a start proves, and what the proof of the whole finds then."""

from dataclasses import replace
from functools import partial

import pytest

from storage import checkpoint
from storage.audit import prove
from storage.auditor import start_of
from storage.checkpoint import BEGINNING
from storage.errors import LedgerBroken, LedgerUnavailable
from storage.secrets import Secrets
from tests.storage.teller import NANO, Teller


@pytest.fixture
def storage(prepared, open_ledger):
    """A ledger that these tests may break: a welcome and three charges."""
    storage = open_ledger()
    teller = Teller(storage)
    caller = teller.caller()
    for number in range(3):
        teller.admit(caller, f"r{number}", NANO)
        teller.settle(f"r{number}", 5)
    return storage


@pytest.fixture
def since(storage):
    """Like the auditor of a start that went on from a checkpoint at the second
    transfer."""
    teller = Teller(storage)
    ((at_ns, hashed),) = teller.sql("SELECT at_ns, hash FROM transfer WHERE seq = 2")
    house = {-3: (0, 5), -2: (5, 0), -1: (0, 0), 1: (0, 0), 2: (0, 5), 3: (0, 0)}
    house[4] = (10 * NANO, 0)
    storage.auditor.proved = checkpoint.Checkpoint(2, at_ns, hashed, house)
    return storage.auditor


def test_an_old_row_is_not_looked_at_again_until_the_whole_is_proved(
    storage, since, corrupt
):
    """What it means to go on from a checkpoint, in one test."""
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 2")
    assert since.audit() == []
    (found,) = since.prove_whole()
    assert (found.invariant, found.row) == ("I6", "transfer 2 (usage:r0)")


def test_a_new_row_is_looked_at(storage, since, corrupt):
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 3")
    (found,) = since.audit()
    assert (found.invariant, found.row) == ("I6", "transfer 3 (usage:r1)")


def test_a_whole_that_is_proved_is_no_longer_due(storage, since):
    since.whole_due = True
    assert since.prove_whole() == []
    assert since.whole_due is False


def test_a_proof_leaves_a_checkpoint_and_a_failed_one_takes_it_away(
    storage, since, data, corrupt
):
    assert since.audit() == []
    assert checkpoint.read(data, storage.secrets).seq == 4
    corrupt("UPDATE account SET credits_posted = 1 WHERE id = 2")
    assert since.audit() != []
    assert checkpoint.read(data, storage.secrets) == BEGINNING


def test_a_whole_that_fails_takes_it_away_too(storage, since, data, corrupt):
    assert since.audit() == []
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 2")
    assert since.prove_whole() != []
    assert checkpoint.read(data, storage.secrets) == BEGINNING


def test_what_came_since_a_whole_that_failed_brings_it_not_back(
    storage, since, data, corrupt
):
    """Or `verify --since` would go on from there and call the ledger proved."""
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 2")
    assert since.prove_whole() != []
    assert since.audit() == []
    assert checkpoint.read(data, storage.secrets) == BEGINNING


def test_one_that_is_stopped_raises_and_may_run_again(storage, since):
    class Stopping:
        """Stops the audit at its first look."""

        def __init__(self, engine):
            self.engine = engine

        def snapshots(self):
            since.stop()
            return self.engine.snapshots()

    since._engine = Stopping(storage.engine)
    with pytest.raises(LedgerUnavailable, match="ended"):
        since.audit()
    since._engine = storage.engine
    assert since.audit() == []


# The start.


def test_a_start_goes_on_from_a_checkpoint_if_it_is_far(storage, data):
    """Four transfers are behind it; up to so many are proved again."""
    storage.auditor.audit()
    assert start_of(data, 3).seq == 4
    assert start_of(data, 4) == BEGINNING


def test_a_first_start_proves_all(tmp_path):
    assert start_of(tmp_path, 0) == BEGINNING
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_is_not_ours_is_said_and_all_is_proved(
    storage, data, caplog
):
    _, reached = prove(storage.engine.snapshot)
    checkpoint.write(data, Secrets(bytes(32)), reached)
    assert start_of(data, 0) == BEGINNING
    assert "checkpoint.json is damaged" in caplog.text


@pytest.fixture
def open_large(open_ledger, settings):
    """A start for which these few transfers are many."""
    return partial(open_ledger, settings=replace(settings, boot_proof_transfers=1))


def test_a_gateway_starts_beside_an_old_row_that_was_changed(
    storage, open_large, data, corrupt
):
    """And finds it: the proof of the whole is due, and then nobody starts again."""
    storage.auditor.audit()
    storage.close()
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 2")
    again = open_large()
    assert again.auditor.whole_due
    (found,) = again.auditor.prove_whole()
    assert found.row == "transfer 2 (usage:r0)"
    again.close()
    with pytest.raises(LedgerBroken, match="transfer 2"):
        open_large()


def test_a_small_ledger_is_proved_whole_at_each_start(storage, open_ledger, corrupt):
    """As is a large one, where an operator puts the number up."""
    storage.auditor.audit()
    storage.close()
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 2")
    with pytest.raises(LedgerBroken, match="transfer 2"):
        open_ledger()


def test_a_start_finds_what_came_after_the_checkpoint(storage, open_large, corrupt):
    storage.auditor.audit()
    teller = Teller(storage)
    teller.caller(NANO, "bob@example.com")
    storage.close()
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 5")
    with pytest.raises(LedgerBroken, match="transfer 5"):
        open_large()


def test_what_is_small_is_proved_in_full_at_each_start(storage, open_large, corrupt):
    storage.auditor.audit()
    storage.close()
    corrupt("UPDATE key SET open_holds = 7")
    with pytest.raises(LedgerBroken, match="I3 key 1"):
        open_large()


def test_after_a_start_that_proved_all_the_whole_is_not_due(open_ledger):
    assert open_ledger().auditor.whole_due is False


def test_an_alarm_that_cannot_be_sounded_hides_no_finding(
    storage, since, data, corrupt, caplog
):
    class Mute:
        """An alarm on a disk that is full."""

        def sound(self, reason):
            raise OSError(28, "No space left on device")

    assert since.audit() == []
    corrupt("UPDATE transfer SET ref = 'x' WHERE seq = 3")
    since._alarm = Mute()
    since.proved = BEGINNING
    assert since.audit() != []
    assert "cannot be told" in caplog.text
    assert checkpoint.read(data, storage.secrets) == BEGINNING
