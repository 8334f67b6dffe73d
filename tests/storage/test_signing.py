"""Signing: the canonical form byte for byte, and keys in every form they come in."""

import base64
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from storage.secrets import Secrets
from storage.signing import (
    INTEGER_MAX,
    Signer,
    VerifyingKey,
    canonical,
    decoded,
)

SIGNER = Signer(b"s" * 32)
OTHER = Signer(b"o" * 32)


# The canonical form.


@pytest.mark.parametrize(
    "content, form",
    [
        ({}, "{}"),
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ({"b": {"z": 0, "y": -1}, "B": ""}, '{"B":"","b":{"y":-1,"z":0}}'),
        ({"é": "你好 😀"}, '{"é":"你好 😀"}'),
        ({"a": '"\\/\b\f\n\r\t\x00\x1f\x7f'}, '{"a":"\\"\\\\/\\b\\f\\n\\r\\t'
         '\\u0000\\u001f\x7f"}'),
        ({"n": INTEGER_MAX, "m": -INTEGER_MAX},
         '{"m":-9007199254740991,"n":9007199254740991}'),
        ({"a": 1, "signature": {"value": "any"}}, '{"a":1}'),
        ({"a": {"signature": 1}}, '{"a":{"signature":1}}'),
    ],
)
def test_the_canonical_form(content, form):
    assert canonical(content) == form.encode()


@pytest.mark.parametrize(
    "value",
    [1.0, 0.5, INTEGER_MAX + 1, -INTEGER_MAX - 1, (1,), b"x", {1: 2}, "\ud800",
     [{"a": [1.5]}]],
    ids=repr,
)
def test_what_could_be_read_in_two_ways_has_no_canonical_form(value):
    with pytest.raises(ValueError):
        canonical({"a": value})


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="ascii")), values, max_size=4))
def test_the_form_reads_back_and_does_not_depend_on_the_order(content):
    content.pop("signature", None)
    form = canonical(content)
    assert json.loads(form) == content
    assert canonical(dict(reversed(content.items()))) == form


# Signatures.


def test_a_signature_stands_beside_what_it_signs():
    signed = SIGNER.signed({"id": "req_1", "n": 7})
    signature = signed.pop("signature")
    assert signed == {"id": "req_1", "n": 7}
    assert (signature["algorithm"], signature["key_id"]) == ("Ed25519", SIGNER.key.id)
    assert VerifyingKey(decoded(signature["public_key"])).raw == SIGNER.key.raw
    assert SIGNER.key.verifies(decoded(signature["value"]), signed)
    assert not OTHER.key.verifies(decoded(signature["value"]), signed)
    assert not SIGNER.key.verifies(decoded(signature["value"]), {**signed, "n": 8})


def test_the_same_content_has_the_same_signature():
    assert SIGNER.signed({"b": 1, "a": 2}) == SIGNER.signed({"a": 2, "b": 1})


def test_gateways_that_share_a_secret_share_a_key_and_others_do_not(tmp_path):
    here, there = Secrets.load(tmp_path), Secrets.load(tmp_path)
    assert Signer.of(here).key.raw == Signer.of(there).key.raw
    assert Signer.of(Secrets(b"x" * 32)).key.raw != Signer.of(here).key.raw


def test_the_key_is_derived_as_it_says():
    """By other means than ours, from a root of 32 times the letter m."""
    assert Signer.of(Secrets(b"m" * 32)).key.raw == (
        Ed25519PrivateKey.from_private_bytes(
            hkdf_sha256(b"m" * 32, b"autolist receipt signing v1")
        )
        .public_key()
        .public_bytes(Encoding.Raw, PublicFormat.Raw)
    )


def hkdf_sha256(root, info):
    """RFC 5869, for one block."""
    pseudorandom = hmac.digest(bytes(32), root, "sha256")
    return hmac.digest(pseudorandom, info + b"\x01", "sha256")


# Keys.


def test_a_key_is_read_in_each_form_it_is_shown_in():
    shown = SIGNER.key.shown()
    for data in (shown["pem"].encode(), b"\n" + shown["pem"].encode(),
                 json.dumps(shown).encode()):
        assert VerifyingKey.parse(data).raw == SIGNER.key.raw
    assert (shown["key_id"], shown["algorithm"]) == (SIGNER.key.id, "Ed25519")


def other_kind():
    public = generate_private_key(SECP256R1()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"public_key": 7}',
        b'{"public_key": "AAAA"}',
        b'{"public_key": "not base64"}',
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        other_kind(),
        b"\xff",
    ],
    ids=range(9),
)
def test_what_is_no_key_is_refused(data):
    with pytest.raises(ValueError):
        VerifyingKey.parse(data)


@pytest.mark.parametrize("raw", [b"", b"a", b"ab", b"abc", bytes(64)])
def test_bytes_have_one_base64(raw):
    text = base64.b64encode(raw).decode()
    assert decoded(text) == raw
    for wrong in (text + "=", text + "\n", " " + text, text + "A"):
        with pytest.raises(ValueError):
            decoded(wrong)


def test_bits_that_base64_does_not_need_are_refused():
    text = base64.b64encode(b"a").decode()
    assert text == "YQ=="
    with pytest.raises(ValueError):
        decoded("YR==")
