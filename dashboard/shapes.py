"""How records look in JSON.

Fields of the customer's document keep its types: `balance` is a number written with
two decimals. Beside every amount stands the same amount as an exact decimal string,
for programs that do not want to trust a float. Numbers are written digit by digit
from the integer, never through a float.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import orjson

from config.money import cents, dollars
from dashboard.messages import say
from storage.accounts import UserRecord
from storage.reader import TransactionRecord

JSON_TYPE = "application/json; charset=utf-8"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANO_PER_MICRO = 1000
KIND_WORDS = {
    "promo": "kind_promo",
    "topup": "kind_topup",
    "usage": "kind_usage",
    "late": "kind_late",
    "refund": "kind_refund",
}
# Where money that came in came from: the kind, and how the reference begins.
SOURCE_WORDS = {
    ("promo", "welcome"): "kind_welcome",
    ("topup", "voucher"): "kind_voucher",
    ("topup", "stripe"): "kind_stripe",
    ("topup", "epay"): "kind_epay",
    ("topup", "test"): "kind_test",
}


def number(text: str) -> orjson.Fragment:
    """Decimal text as a JSON number, digit by digit."""
    return orjson.Fragment(text)


def balance_shape(available_nano: int) -> dict[str, object]:
    return {
        "balance": number(cents(available_nano)),
        "balance_exact": dollars(available_nano),
    }


def user_shape(
    user: UserRecord, available_nano: int, api_key: str | None
) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        **balance_shape(available_nano),
        "api_key": api_key,
        "status": user.status,
    }


def transaction_shape(record: TransactionRecord, language: str) -> dict[str, object]:
    return {
        "id": record.id,
        "type": record.kind,
        "amount": number(dollars(record.amount_nano)),
        "amount_exact": dollars(record.amount_nano),
        "balance_after": number(dollars(record.balance_nano)),
        "balance_after_exact": dollars(record.balance_nano),
        "model": record.model,
        "request_id": record.request_id,
        "tokens": dict(record.quantities or {}),
        "evidence": record.evidence,
        "description": describe(record, language),
        "created_at": iso_time(record.at_ns),
    }


def describe(record: TransactionRecord, language: str) -> str:
    """One line for a person. Ids of money that comes in read `topup:voucher:…`."""
    kind, _, reference = record.id.partition(":")
    source = SOURCE_WORDS.get((kind, reference.partition(":")[0]))
    word = source or KIND_WORDS.get(record.kind, "kind_other")
    return say(word, language, {"model": record.model or "—"})


def iso_time(at_ns: int) -> str:
    at = EPOCH + timedelta(microseconds=at_ns // NANO_PER_MICRO)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(success: bool, message: str, data: Mapping[str, object] | None) -> bytes:
    return orjson.dumps({"success": success, "message": message, "data": data})
