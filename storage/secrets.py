"""Secrets: one random file, and a key derived from it for each purpose.

`<data>/secret` is made once and never printed. Keys of callers are stored as keyed
hashes, so a stolen database does not let anyone test guesses without this file; what
must be shown again is sealed (encrypted and authenticated). A purpose never shares its
key with another: a signature can then not be mistaken for a seal or a hash.
"""

import base64
import hashlib
import hmac
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage import statements as sql
from storage.database import Ledgerbase
from storage.errors import DatabaseDamaged, WrongSecret
from storage.ownership import give

_FILE = "secret"
_BYTES = 32


class Secrets:
    def __init__(self, root: bytes) -> None:
        if len(root) != _BYTES:
            raise DatabaseDamaged(f"a secret has {_BYTES} bytes, not {len(root)}")
        self._root = root
        self._hash_key = self._derive("key-hash")
        self._fernet = Fernet(base64.urlsafe_b64encode(self._derive("seal")))

    @classmethod
    def load(cls, data: Path) -> "Secrets":
        """The directory's secret, made on first use."""
        path = data / _FILE
        if not path.exists():
            _create(path)
        return cls(path.read_bytes())

    @staticmethod
    def made(data: Path) -> bool:
        """Whether the directory has its secret."""
        return (data / _FILE).exists()

    def key_hash(self, plain: str) -> bytes:
        """How a caller's key is stored and looked up."""
        text = plain.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._hash_key, digest_size=32).digest()

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode("utf-8"))

    def open(self, sealed: bytes) -> str:
        """The sealed text; ValueError if it was sealed elsewhere or changed."""
        try:
            return self._fernet.decrypt(sealed).decode("utf-8")
        except InvalidToken:
            raise ValueError("not sealed by this secret") from None

    def signing(self, label: str) -> str:
        """A signing key for one purpose, as text."""
        return self._derive(f"signing:{label}").hex()

    def seed(self, label: str) -> bytes:
        """Thirty-two bytes to make a key pair of, by HKDF-SHA256 without a salt
        (RFC 5869): a way that whoever restores a gateway can follow elsewhere."""
        info = f"autolist {label}".encode()
        return HKDF(SHA256(), _BYTES, salt=None, info=info).derive(self._root)

    @property
    def digest(self) -> bytes:
        """What tells one secret from another and nothing else about it."""
        return self._derive("digest")

    def _derive(self, purpose: str) -> bytes:
        # The root is uniformly random, so one HMAC is a sound derivation.
        return hmac.digest(self._root, purpose.encode("utf-8"), "sha256")


def bind_secret(db: Ledgerbase, digest: bytes) -> None:
    """A ledger belongs to the first secret that opens it; WrongSecret to any other."""
    db.sql(sql.INSERT_SECRET, (digest,))
    ((known,),) = db.sql(sql.FIND_SECRET)
    if known != digest:
        raise WrongSecret(
            "this ledger belongs to another secret: bring the file `secret` from the"
            " data directory of its first gateway"
        )


def _create(path: Path) -> None:
    """Write the whole secret beside its place, then link it in.

    A link appears complete or not at all and never replaces: of two processes that
    start at once one wins and both read the winner's.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{_FILE}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        give(Path(temporary))
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
