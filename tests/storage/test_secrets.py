"""The secret file and what is derived from it."""

import stat
import threading

import pytest

from storage.errors import DatabaseDamaged
from storage.secrets import Secrets


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path):
    first = Secrets.load(tmp_path)
    again = Secrets.load(tmp_path)
    path = tmp_path / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 32
    assert first.key_hash("tk_x") == again.key_hash("tk_x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_many_that_start_at_once_agree(tmp_path):
    hashes, together = set(), threading.Barrier(8)

    def load():
        together.wait()
        hashes.add(Secrets.load(tmp_path).key_hash("tk_x"))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashes) == 1


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_cut_secret_is_refused(tmp_path, size):
    (tmp_path / "secret").write_bytes(bytes(size))
    with pytest.raises(DatabaseDamaged):
        Secrets.load(tmp_path)


def test_what_is_sealed_can_be_opened_by_its_owner_only(tmp_path):
    mine, other = Secrets(b"m" * 32), Secrets(b"o" * 32)
    sealed = mine.seal("tk_钥匙")
    assert mine.open(sealed) == "tk_钥匙"
    assert b"tk_" not in sealed
    for wrong in (sealed[:-1], b"", b"x"):
        with pytest.raises(ValueError):
            mine.open(wrong)
    with pytest.raises(ValueError):
        other.open(sealed)


def test_each_purpose_has_its_own_key():
    secrets = Secrets(b"m" * 32)
    keys = {secrets.signing("session"), secrets.signing("csrf"), (b"m" * 32).hex()}
    keys.add(secrets.key_hash("session").hex())
    keys |= {secrets.seed("session").hex(), secrets.seed("csrf").hex()}
    assert len(keys) == 6


def test_a_seed_is_the_same_for_the_same_secret_and_label():
    seed = Secrets(b"m" * 32).seed("x")
    assert (len(seed), Secrets(b"m" * 32).seed("x")) == (32, seed)
    assert Secrets(b"o" * 32).seed("x") != seed


@pytest.mark.parametrize("plain", ["", "tk_a", "钥匙", "\udc80", "x" * 10_000])
def test_any_text_has_a_hash(plain):
    secrets = Secrets(b"m" * 32)
    assert len(secrets.key_hash(plain)) == 32
    assert secrets.key_hash(plain) != Secrets(b"o" * 32).key_hash(plain)
