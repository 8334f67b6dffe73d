"""Keys at birth and at their end."""

import re

import pytest

from storage.errors import IllegalMove
from storage.keys import adopt, mint, regenerate_key, revoke_key, well_formed
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
    storage = open_ledger()
    caller = Teller(storage).caller()
    storage.close()
    stored = storage.engine.path.read_bytes()
    assert caller.key.hash in stored
    assert caller.key.plain.encode() not in stored
