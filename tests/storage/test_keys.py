"""Keys at birth and at their end."""

import re
from dataclasses import replace

import pytest

from storage.errors import IllegalMove
from storage.keys import (
    KEYS_MAX,
    LABEL_LENGTH_MAX,
    Terms,
    TooManyKeys,
    adopt,
    create_key,
    mint,
    regenerate_key,
    revoke_key,
    well_formed,
)
from storage.ledger import OverBudget
from storage.models import TABLES
from tests.storage.teller import Teller


def test_a_key_is_unlike_all_others_and_hides_in_print(storage):
    key = mint(storage.secrets)
    assert re.fullmatch(r"tk_[A-Za-z0-9_-]{32}", key.plain)
    assert well_formed(key.plain)
    assert key.mask == f"{key.plain[:5]}…{key.plain[-4:]}"
    assert key.plain not in repr(key)
    assert storage.secrets.open(key.sealed) == key.plain
    assert key.hash == storage.secrets.key_hash(key.plain)
    assert mint(storage.secrets).plain != key.plain


@pytest.mark.parametrize("plain", ["", "tk_demo", "sk_" + "x" * 32, "tk_" + "é" * 32])
def test_a_given_key_has_the_shape_of_one(storage, plain):
    with pytest.raises(ValueError, match="a key is"):
        adopt(storage.secrets, plain)


def test_regenerate_revokes_the_old_key_at_once(teller, storage):
    caller, key = teller.caller(), mint(storage.secrets)
    made = teller.do(regenerate_key, caller.account_id, key)
    assert (made.mask, made.status, made.is_default) == (key.mask, "active", True)
    new, old = storage.reader.keys(caller.account_id)
    assert (new.id, old.id, old.status) == (made.id, caller.key_id, "revoked")
    record, sealed = storage.reader.default_key(caller.account_id)
    assert (record.id, storage.secrets.open(sealed)) == (made.id, key.plain)
    ((kept,),) = teller.sql("SELECT sealed FROM key WHERE id = ?1", (old.id,))
    assert kept == b""


def test_regenerate_again_with_the_same_key_is_the_same(teller, storage):
    caller, key = teller.caller(), mint(storage.secrets)
    first = teller.do(regenerate_key, caller.account_id, key)
    assert teller.do(regenerate_key, caller.account_id, key) == first
    assert len(storage.reader.keys(caller.account_id)) == 2
    bob = teller.caller(email="bob@example.com")
    with pytest.raises(IllegalMove, match="another account"):
        teller.do(regenerate_key, bob.account_id, key)


def test_regenerate_works_after_a_revocation(teller, storage):
    caller = teller.caller()
    assert teller.do(revoke_key, caller.key_id) is True
    assert teller.do(revoke_key, caller.key_id) is False
    assert storage.reader.default_key(caller.account_id) is None
    teller.do(regenerate_key, caller.account_id, mint(storage.secrets))
    assert storage.reader.default_key(caller.account_id) is not None


def test_no_plain_key_is_in_the_file(only_sqlite, open_ledger):
    """Nor in what SQLite keeps beside the rows."""
    storage = open_ledger()
    caller = Teller(storage).caller()
    storage.close()
    stored = storage.engine.path.read_bytes()
    assert caller.key.hash in stored
    assert caller.key.plain.encode() not in stored


def test_no_plain_key_is_in_any_row(teller):
    caller = teller.caller()
    names = [model._meta.table_name for model in TABLES]
    stored = str([teller.sql(f'SELECT * FROM "{name}"') for name in names])
    assert str(caller.key.hash) in stored
    assert caller.key.plain not in stored


def test_a_key_is_made_with_limits_and_caps_of_its_own(teller, storage):
    caller, key = teller.caller(), mint(storage.secrets)
    terms = Terms(rpm=1, tpm=0, total_nano=50, day_nano=40, month_nano=30)
    made = teller.do(create_key, caller.account_id, key, "ci", terms)
    assert (made.label, made.is_default, made.status) == ("ci", False, "active")
    assert (made.rpm, made.tpm, made.concurrency) == (1, 0, None)
    assert storage.reader.key_by_hash(key.hash) == made
    used = replace(caller, key_id=made.id)
    assert teller.admit(used, "r1", 31) == OverBudget("month", 31, 30)
    # The default key stays, and stays the default one.
    record, _ = storage.reader.default_key(caller.account_id)
    assert record.id == caller.key_id


def test_creating_the_same_key_again_is_the_same(teller, storage):
    caller, key = teller.caller(), mint(storage.secrets)
    first = teller.do(create_key, caller.account_id, key, "", Terms())
    assert teller.do(create_key, caller.account_id, key, "", Terms()) == first
    bob = teller.caller(email="bob@example.com")
    with pytest.raises(IllegalMove, match="another account"):
        teller.do(create_key, bob.account_id, key, "", Terms())


def test_an_account_has_only_so_many_keys(teller, storage):
    caller = teller.caller()

    def create():
        key = mint(storage.secrets)
        return teller.do(create_key, caller.account_id, key, "", Terms())

    made = [create() for _ in range(KEYS_MAX - 1)]
    assert create() == TooManyKeys()
    teller.do(revoke_key, made[0].id)
    assert create().status == "active"


@pytest.mark.parametrize("label", ["x" * (LABEL_LENGTH_MAX + 1), "a\nb", "\x1b[31m"])
def test_a_label_is_a_short_line(teller, storage, label):
    caller = teller.caller()
    with pytest.raises(IllegalMove, match="a label is printable"):
        teller.do(
            create_key, caller.account_id, mint(storage.secrets), label, Terms()
        )
