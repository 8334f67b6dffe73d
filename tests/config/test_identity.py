"""Identity: a certificate and its key, or one line that says what is wrong."""

import pickle
import ssl
from pathlib import Path

import pytest

from config import ConfigError
from config.identity import FILE_BYTES_MAX, read_identity, server_context
from tests.scenarios.fronts import CERTIFICATE, KEY, certificate


@pytest.fixture
def home(tmp_path: Path) -> Path:
    certificate(tmp_path)
    return tmp_path


def complaint(chain: Path | None, key: Path | None) -> str:
    with pytest.raises(ConfigError) as raised:
        read_identity(chain, key)
    return str(raised.value)


def test_nothing_named_is_no_tls() -> None:
    assert read_identity(None, None) is None


def test_what_belongs_together_is_carried_and_shown(home: Path) -> None:
    found = read_identity(home / CERTIFICATE, home / KEY)
    assert found is not None
    (home / KEY).unlink()
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    context = server_context(again)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_key_is_never_shown(home: Path) -> None:
    found = read_identity(home / CERTIFICATE, home / KEY)
    assert "PRIVATE" not in repr(found)


def test_one_without_the_other_is_a_mistake(home: Path) -> None:
    assert "listen.tls_key: " in complaint(home / CERTIFICATE, None)
    assert "listen.tls_certificate: " in complaint(None, home / KEY)


def test_what_cannot_be_read_is_named(home: Path) -> None:
    said = complaint(home / "gone.pem", home / KEY)
    assert "listen.tls_certificate" in said and "No such file" in said
    (home / CERTIFICATE).write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    assert "one mebibyte" in complaint(home / CERTIFICATE, home / KEY)


def test_the_key_of_another_is_refused(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    certificate(other)
    said = complaint(home / CERTIFICATE, other / KEY)
    assert "key values mismatch" in said
    assert "PRIVATE" not in said


@pytest.mark.parametrize("name", [CERTIFICATE, KEY])
def test_what_is_no_pem_is_refused(home: Path, name: str) -> None:
    (home / name).write_text("hello")
    assert "expected the key" in complaint(home / CERTIFICATE, home / KEY)
