"""Signing: who vouches for a receipt, and over which bytes.

The key pair is made of the data directory's secret, so all gateways that share a ledger
share it, and a restored gateway has it again. Ed25519 has no chance in it: the same
receipt has the same signature always.

The canonical form is what is signed: the receipt without its `signature` member, as
JSON in UTF-8 with no white space, members sorted by name, no escape that JSON does not
demand (`\\"`, `\\\\`, the control characters, short where there is a short form, else
with lower-case digits). There are texts, booleans, null, arrays, objects and integers
below 2⁵³ and no other numbers: amounts and instants are texts. For such content it is
the form of RFC 8785, which libraries of many languages write.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from storage.secrets import Secrets

ALGORITHM = "Ed25519"
SIGNATURE = "signature"
INTEGER_MAX = 2**53 - 1
LABEL = "receipt signing v1"
KEY_ID_CHARS = 32
PEM = b"-----BEGIN"


class Signer:
    """Signs content with the one key of a data directory."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifyingKey(self._private.public_key().public_bytes_raw())

    @classmethod
    def of(cls, secrets: Secrets) -> "Signer":
        return cls(secrets.seed(LABEL))

    def signed(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content with its signature as one more member."""
        value = self._private.sign(canonical(content))
        signature = {
            "algorithm": ALGORITHM,
            "key_id": self.key.id,
            "public_key": self.key.text,
            "value": base64.b64encode(value).decode(),
        }
        return {**content, SIGNATURE: signature}


class VerifyingKey:
    """A public key: what a signature is checked with."""

    def __init__(self, raw: bytes) -> None:
        self._public = Ed25519PublicKey.from_public_bytes(raw)
        self.raw = raw

    @classmethod
    def parse(cls, data: bytes) -> "VerifyingKey":
        """The key in a file: PEM, or JSON as the gateway shows it. ValueError if there
        is none."""
        if data.lstrip().startswith(PEM):
            key = load_pem_public_key(data)
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError("the key is of another kind than Ed25519")
            return cls(key.public_bytes_raw())
        shown = json.loads(data)
        if type(shown) is not dict or type(shown.get("public_key")) is not str:
            raise ValueError("there is no public key")
        return cls(decoded(shown["public_key"]))

    @property
    def id(self) -> str:
        """The first half of the raw key's sha256, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()[:KEY_ID_CHARS]

    @property
    def text(self) -> str:
        return base64.b64encode(self.raw).decode()

    @property
    def pem(self) -> str:
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._public.public_bytes(*form).decode()

    def shown(self) -> dict[str, str]:
        """As the gateway shows it to everybody."""
        return {
            "object": "receipt_key",
            "key_id": self.id,
            "algorithm": ALGORITHM,
            "public_key": self.text,
            "pem": self.pem,
        }

    def verifies(self, value: bytes, content: Mapping[str, Any]) -> bool:
        try:
            self._public.verify(value, canonical(content))
        except InvalidSignature:
            return False
        return True


def canonical(content: Mapping[str, Any]) -> bytes:
    """The bytes that are signed; ValueError for what has no canonical form."""
    kept = {name: value for name, value in content.items() if name != SIGNATURE}
    _check(kept)
    return json.dumps(
        kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def decoded(text: str) -> bytes:
    """The bytes of a base64 text; ValueError for any but the one way to write them,
    for a changed letter must never mean the same."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"this is no base64: {error}") from None
    if base64.b64encode(raw).decode() != text:
        raise ValueError("this is base64 with bits to spare")
    return raw


def _check(value: Any) -> None:
    if value is None or type(value) in (str, bool):
        return
    if type(value) is int:
        if abs(value) > INTEGER_MAX:
            raise ValueError(f"{value} is too large for a number")
    elif type(value) is list:
        for one in value:
            _check(one)
    elif type(value) is dict:
        for name, one in value.items():
            if type(name) is not str:
                raise ValueError("a member's name is a text")
            _check(one)
    else:
        raise ValueError(f"a {type(value).__name__} has no canonical form")
