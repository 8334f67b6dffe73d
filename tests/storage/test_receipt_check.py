"""The offline check: a true receipt passes, any other is refused by its figure."""

import base64
import copy
import hashlib
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.receipt_check import RECEIPT_BYTES_MAX, BadReceipt, check, read_receipt
from storage.receipts import receipt_of
from storage.signing import Signer
from tests.config.priced import prices, quantities, situations
from tests.storage.charged import REQUEST, charged, voided

SIGNER = Signer(b"s" * 32)
FORGER = Signer(b"f" * 32)
FOUND = {
    "settled": charged(short_nano=70),
    "late": charged(late=True),
    "voided": voided(),
}


def signed(found=FOUND["settled"], signer=SIGNER):
    return signer.signed(receipt_of(found))


def refused(data: bytes, key=SIGNER.key) -> bool:
    try:
        return bool(check(read_receipt(data), key))
    except BadReceipt:
        return True


def figures(receipt, key=SIGNER.key):
    return {wrong.figure for wrong in check(receipt, key)}


# What is true.


@pytest.mark.parametrize("state", FOUND)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_true_receipt_passes_however_it_is_laid_out(state, indent):
    data = json.dumps(signed(FOUND[state]), indent=indent, ensure_ascii=indent is None)
    assert check(read_receipt(data.encode()), SIGNER.key) == []
    assert check(read_receipt(data.encode())) == []


@given(prices(), quantities, situations, st.integers(0, 10**6))
def test_every_receipt_that_we_write_passes(price, used, situation, short_nano):
    receipt = signed(charged(price, used, situation, short_nano))
    assert check(receipt, SIGNER.key) == []


def test_others_can_verify_it_without_our_code():
    """The documented way, in a few lines of anybody's."""
    receipt = json.loads(json.dumps(signed()))
    signature = receipt.pop("signature")
    form = json.dumps(
        receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    raw = base64.b64decode(signature["public_key"])
    key = Ed25519PublicKey.from_public_bytes(raw)
    key.verify(base64.b64decode(signature["value"]), form)
    assert hashlib.sha256(raw).hexdigest()[:32] == signature["key_id"]
    terms = receipt["price"]["terms"].encode()
    assert hashlib.sha256(terms).hexdigest() == receipt["price"]["id"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
@pytest.mark.parametrize("changed", [False, True])
def test_openssl_agrees(tmp_path, changed):
    receipt = signed()
    signature = receipt.pop("signature")
    if changed:
        receipt["charge_nano"] = "1"
    form = json.dumps(
        receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    (tmp_path / "form").write_bytes(form.encode())
    (tmp_path / "signature").write_bytes(base64.b64decode(signature["value"]))
    (tmp_path / "key.pem").write_text(SIGNER.key.pem)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem",
         "-sigfile", "signature", "-in", "form"],
        cwd=tmp_path, capture_output=True,
    )
    assert (done.returncode == 0) is not changed, done.stderr


# What is not.


@pytest.mark.parametrize("state", FOUND)
def test_no_character_of_a_receipt_can_be_changed(state):
    text = json.dumps(signed(FOUND[state]), separators=(",", ":"))
    passed = []
    for place, old in enumerate(text):
        new = str((int(old) + 1) % 10) if old.isdigit() else "xy"[old == "x"]
        data = text[:place] + new + text[place + 1 :]
        if not refused(data.encode()):
            passed.append((place, text[max(0, place - 20) : place + 20], new))
    assert passed == []


@settings(max_examples=300)
@given(st.data())
def test_no_character_can_be_changed_to_any_other(data):
    text = json.dumps(signed(), separators=(",", ":"))
    place = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.characters(max_codepoint=0x2FFF).filter(text[place].__ne__))
    changed = text[:place] + new + text[place + 1 :]
    try:
        same = json.loads(changed) == json.loads(text)
    except ValueError:
        same = False
    assert same or refused(changed.encode("utf-8", "surrogatepass"))


def test_a_figure_that_is_left_out_or_put_in_is_missed():
    for name in signed():
        receipt = signed()
        del receipt[name]
        assert refused(json.dumps(receipt).encode())
    assert figures({**signed(), "note": "paid in full"}) == {"signature.value"}


def changed(path, value, signer=SIGNER, found=FOUND["settled"]):
    """A receipt with one figure set, and signed all the same."""
    receipt = copy.deepcopy(receipt_of(found))
    *parents, last = path
    inner = receipt
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return signer.signed(receipt)


@pytest.mark.parametrize(
    "path, value, named",
    [
        (("version",), 2, "version"),
        (("object",), "invoice", "version"),
        (("model",), "gpt-5", "model"),
        (("quantities", "output"), 33, "lines[1].quantity"),
        (("quantities", "output"), -34, "quantities.output"),
        (("quantities", "output"), True, "quantities.output"),
        (("quantities", "reasoning"), 1, "lines"),
        (("quantities", "image"), 1, "lines"),
        (("conditions", "weather"), "fine", "lines"),
        (("price", "id"), "0" * 64, "price.id"),
        (("price", "effective_from"), "2026-01-01T00:00:00.000000000Z",
         "price.effective_from"),
        (("price", "terms"), "{}", "price.id"),
        (("applied",), ["thinking"], "applied"),
        (("lines", 0, "meter"), "output", "lines[0].meter"),
        (("lines", 0, "quantity"), 13, "lines[0].quantity"),
        (("lines", 0, "rate"), "2.51", "lines[0].rate"),
        (("lines", 0, "unit"), "cents", "lines[0].unit"),
        (("lines", 0, "rate_pico"), "2500001", "lines[0].rate_pico"),
        (("lines", 1, "pico"), "340000035", "lines[1].pico"),
        (("lines", 1, "more"), "1", "lines[1].more"),
        (("lines",), [], "lines"),
        (("sum_pico",), "370000035", "sum_pico"),
        (("sum_pico",), "0370000034", "sum_pico"),
        (("rounding", "direction"), "down", "rounding"),
        (("rounding", "added_pico"), "0", "rounding"),
        (("charge",), "0.00037", "charge"),
        (("charge_nano",), "370002", "charge_nano"),
        (("paid",), "0.00", "paid"),
        (("paid_nano",), "369930", "paid_nano"),
        (("shortfall",), "0.00", "shortfall"),
        (("shortfall_nano",), "71", "paid_nano"),
        (("hold", "amount"), "1.00", "hold.amount"),
        (("hold", "amount_nano"), "1", "hold.amount"),
        (("transfer", "id"), "usage:req_2", "transfer.id"),
        (("transfer", "amount_nano"), "1", "transfer.amount_nano"),
        (("transfer",), None, "transfer"),
        (("state",), "late", "transfer.id"),
        (("state",), "voided", "charge_nano"),
        (("state",), "paid", "transfer"),
    ],
    ids=str,
)
def test_not_even_the_gateway_can_sign_a_bill_that_does_not_follow(path, value, named):
    """The signature is right; what is computed again is not, and is named."""
    found = figures(changed(path, value))
    assert named in found
    assert "signature.value" not in found


def test_a_price_by_the_gateways_whim_is_refused_too():
    """Terms, digest and lines that fit one another, and a sum that does not."""
    receipt = receipt_of(charged())
    other = receipt_of(charged(charged().price, {"input": 12, "output": 35}))
    forged = {**receipt, "lines": other["lines"], "quantities": other["quantities"]}
    assert figures(SIGNER.signed(forged)) == {"sum_pico", "charge_nano", "rounding"}


@pytest.mark.parametrize(
    "path, value",
    [(("lines",), [{}]), (("transfer",), {"id": f"usage:{REQUEST}"})],
)
def test_a_voided_receipt_has_no_bill(path, value):
    assert figures(changed(path, value, found=FOUND["voided"]))


# Whose it is.


def test_another_gateways_receipt_is_refused_where_a_key_is_given():
    forged = signed(signer=FORGER)
    assert figures(forged) == {"signature.public_key"}
    assert check(forged) == []


def test_a_key_that_was_put_beside_the_signature_of_another_is_refused():
    receipt = signed()
    receipt["signature"]["public_key"] = FORGER.key.text
    assert figures(receipt, None) == {"signature.key_id", "signature.value"}


@pytest.mark.parametrize(
    "name, value, named",
    [
        ("algorithm", "none", "signature.algorithm"),
        ("key_id", "0" * 32, "signature.key_id"),
        ("value", "AAAA", "signature.value"),
        ("value", 7, "signature"),
        ("public_key", "AAAA", "signature"),
        ("note", "trust me", "signature"),
    ],
)
def test_a_signature_is_wrong_in_many_ways(name, value, named):
    receipt = signed()
    receipt["signature"][name] = value
    assert named in figures(receipt)


@pytest.mark.parametrize("signature", [None, [], "x", {}])
def test_what_is_no_signature_is_none(signature):
    assert "signature" in figures({**signed(), "signature": signature})


# What is no receipt.


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"signature": 1.5}',
        b'{"signature": NaN}',
        b'{"signature": {}, "signature": {}}',
        b'{"signature": ' + b"[" * 200_000,
        b'{"signature": "' + b"x" * RECEIPT_BYTES_MAX + b'"}',
        b'{"signature": ' + b"9" * 5_000 + b"}",
    ],
    ids=range(11),
)
def test_what_is_no_receipt_says_so(data):
    with pytest.raises(BadReceipt):
        read_receipt(data)


def test_nesting_without_end_is_refused_not_followed():
    deep: object = "x"
    for _ in range(5_000):
        deep = [deep]
    assert refused_object({**signed(), "note": deep})


def refused_object(receipt) -> bool:
    return bool(check(receipt, SIGNER.key))


@settings(max_examples=200)
@given(st.sampled_from(sorted(signed())), st.data())
def test_nothing_in_the_place_of_a_figure_makes_the_check_fail(name, data):
    junk = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    several = st.lists(junk, max_size=2) | st.dictionaries(st.text(max_size=5), junk)
    value = data.draw(junk | several)
    receipt = signed()
    if receipt[name] != value:
        assert check({**receipt, name: value}, SIGNER.key)
