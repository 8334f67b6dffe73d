"""Receipt check: whether a receipt is true, from the receipt alone.

No ledger is read and no gateway asked. Each check is a small function over the parsed
receipt and names the figure that is wrong. The signature covers every member; the rest
is computed again all the same, so that a wrong figure is named, and so that not even
the gateway can sign a bill that does not follow from its own price.

A signature proves who signed. Without a key to compare with it proves only that the
receipt is whole as somebody signed it, and that somebody may be anyone.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from config.money import PICO_PER_NANO, charge_nano_rounded_up, dollars
from config.price_text import price_of_terms, terms_id
from config.prices import Price
from storage.instants import instant_text
from storage.receipts import VERSION, VOIDED, applied_in, lines_of, situation_of
from storage.signing import ALGORITHM, SIGNATURE, VerifyingKey, decoded

RECEIPT_BYTES_MAX = 1024 * 1024
TRANSFERS = {"settled": "usage:", "late": "late:"}
AMOUNTS = ("charge", "paid", "shortfall")
UNREADABLE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)

Receipt = dict[str, Any]


class BadReceipt(ValueError):
    """What was given is no receipt at all."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A figure that is not what it must be."""

    figure: str
    text: str

    def __str__(self) -> str:
        return f"{self.figure}: {self.text}"


Check = Callable[[Receipt], Iterator[Wrong]]


def read_receipt(data: bytes) -> Receipt:
    """The receipt in a file; BadReceipt if there is none. Each member once and no
    fractions, so that nobody reads it in two ways."""
    if len(data) > RECEIPT_BYTES_MAX:
        raise BadReceipt(f"a receipt has at most {RECEIPT_BYTES_MAX} bytes")
    try:
        found = json.loads(
            data.decode(),
            object_pairs_hook=_members,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise BadReceipt(f"this is no JSON of a receipt: {error}") from None
    if type(found) is not dict or SIGNATURE not in found:
        raise BadReceipt("this is no signed receipt")
    return found


def check(receipt: Receipt, key: VerifyingKey | None = None) -> list[Wrong]:
    """What is wrong with a receipt; nothing is the proof that it is true, if it was
    signed by `key`. Without one a receipt may be true of any gateway."""
    wrong = _tried("signature", lambda one: _signature(one, key), receipt)
    for figure, one in CHECKS:
        wrong += _tried(figure, one, receipt)
    return wrong


def _tried(figure: str, one: Check, receipt: Receipt) -> list[Wrong]:
    found = []
    try:
        for wrong in one(receipt):
            found.append(wrong)
    except UNREADABLE as error:
        text = f"it cannot be read: {type(error).__name__} {error}"
        found.append(Wrong(figure, text))
    return found


def _signature(receipt: Receipt, key: VerifyingKey | None) -> Iterator[Wrong]:
    signature = receipt[SIGNATURE]
    signer = VerifyingKey(decoded(signature["public_key"]))
    if key is not None and signer.raw != key.raw:
        text = f"it is by the key {signer.id}, not by {key.id}"
        yield Wrong("signature.public_key", text)
    if signature["key_id"] != signer.id:
        yield Wrong("signature.key_id", f"the key beside it is {signer.id}")
    if signature["algorithm"] != ALGORITHM:
        yield Wrong("signature.algorithm", f"it is not {ALGORITHM}")
    if set(signature) != {"algorithm", "key_id", "public_key", "value"}:
        yield Wrong("signature", "it has other members than a signature has")
    if not signer.verifies(decoded(signature["value"]), receipt):
        yield Wrong("signature.value", "it does not fit the receipt")


def form(receipt: Receipt) -> Iterator[Wrong]:
    if (receipt["object"], receipt["version"]) != ("receipt", VERSION):
        yield Wrong("version", f"it is not a receipt of version {VERSION}")


def price_is_its_text(receipt: Receipt) -> Iterator[Wrong]:
    price = receipt["price"]
    digest = terms_id(price["terms"])
    if price["id"] != digest:
        yield Wrong("price.id", f"the digest of the terms is {digest}")
    terms = _terms(receipt)
    since = instant_text(terms.effective_from_ns)
    if price["effective_from"] != since:
        yield Wrong("price.effective_from", f"the terms say {since}")
    if receipt["model"] != terms.model:
        yield Wrong("model", f"the terms are of {terms.model!r}")


def lines_follow(receipt: Receipt) -> Iterator[Wrong]:
    """Quantities, conditions and terms give the lines, one by one."""
    lines, applied = [], []
    quantities = receipt["quantities"]
    for meter, quantity in quantities.items():
        if type(quantity) is not int or quantity < 0:
            yield Wrong(f"quantities.{meter}", "a quantity is a number, zero or more")
    if receipt["state"] != VOIDED:
        terms, situation = _terms(receipt), situation_of(receipt["conditions"])
        lines = list(lines_of(terms, situation, quantities))
        applied = applied_in(terms, situation, quantities)
    if receipt["applied"] != applied:
        yield Wrong("applied", f"what applies is {applied}")
    if len(receipt["lines"]) != len(lines):
        yield Wrong("lines", f"there must be {len(lines)}")
    for place, pair in enumerate(zip(receipt["lines"], lines, strict=False)):
        told, right = pair
        for name in right.keys() | told.keys():
            if told.get(name) != right.get(name):
                text = f"it is {told.get(name)!r}, computed again {right.get(name)!r}"
                yield Wrong(f"lines[{place}].{name}", text)


def sum_is_rounded_up(receipt: Receipt) -> Iterator[Wrong]:
    sum_pico = sum(_whole(line["pico"]) for line in receipt["lines"])
    if _whole(receipt["sum_pico"]) != sum_pico:
        yield Wrong("sum_pico", f"the lines come to {sum_pico}")
    charge_nano = charge_nano_rounded_up(sum_pico)
    if _whole(receipt["charge_nano"]) != charge_nano:
        yield Wrong("charge_nano", f"{sum_pico} pico rounded up are {charge_nano}")
    rounding = {
        "to": "nano",
        "direction": "up",
        "added_pico": str(charge_nano * PICO_PER_NANO - sum_pico),
    }
    if receipt["rounding"] != rounding:
        yield Wrong("rounding", f"it is {rounding['added_pico']} pico")


def charge_is_paid(receipt: Receipt) -> Iterator[Wrong]:
    charge, paid, shortfall = (_whole(receipt[f"{name}_nano"]) for name in AMOUNTS)
    if paid + shortfall != charge:
        text = f"with a shortfall of {shortfall} it does not make {charge}"
        yield Wrong("paid_nano", text)
    for name in AMOUNTS:
        right = dollars(_whole(receipt[f"{name}_nano"]))
        if receipt[name] != right:
            yield Wrong(name, f"{name}_nano is {right} dollars")
    hold = receipt["hold"]
    if hold["amount"] != dollars(_whole(hold["amount_nano"])):
        yield Wrong("hold.amount", "it is not hold.amount_nano in dollars")


def transfer_is_the_payment(receipt: Receipt) -> Iterator[Wrong]:
    transfer, state = receipt["transfer"], receipt["state"]
    if state == VOIDED:
        if transfer is not None:
            yield Wrong("transfer", "a voided request has none")
        if _whole(receipt["charge_nano"]):
            yield Wrong("charge_nano", "a voided request costs nothing")
        return
    if transfer["id"] != TRANSFERS[state] + receipt["id"]:
        yield Wrong("transfer.id", "it is another request's")
    if transfer["amount_nano"] != receipt["paid_nano"]:
        yield Wrong("transfer.amount_nano", "it is not what was paid")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("version", form),
    ("price", price_is_its_text),
    ("lines", lines_follow),
    ("sum_pico", sum_is_rounded_up),
    ("paid_nano", charge_is_paid),
    ("transfer", transfer_is_the_payment),
)


def _terms(receipt: Receipt) -> Price:
    return price_of_terms(receipt["price"]["terms"])


def _whole(text: str) -> int:
    """An amount's digits, written in the one way that there is."""
    if not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise ValueError(f"{text!r} is no amount")
    return int(text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of a receipt")
