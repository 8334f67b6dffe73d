"""epay: the address at which an order is paid, and the notice that it was.

Both are signed with MD5 over all parameters but the signature, its type and the empty
ones, sorted by name, with the shop's key at the end. It is what every such shop does;
its strength is the key's. A notice is believed if the signature, the shop and all that
was ordered fit.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from config.money import minor_text, parse_minor
from config.payments import CURRENCIES, EpaySettings
from dashboard.refusals import BadInput
from storage.orders import Nothing, Notice, Order, Paid

SUCCESS = "TRADE_SUCCESS"
DONE = "success"
"""The whole of an answer that says: need not come again."""
FIELDS_MAX = 40
_TRADE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_STATUS = re.compile(r"[A-Z_]{1,64}")
_UNSIGNED = ("sign", "sign_type")


def sign(fields: Mapping[str, str], key: str) -> str:
    signed = "&".join(
        f"{name}={fields[name]}"
        for name in sorted(fields)
        if name not in _UNSIGNED and fields[name]
    )
    return hashlib.md5((signed + key).encode(), usedforsecurity=False).hexdigest()


def is_signed(fields: Mapping[str, str], key: str) -> bool:
    if fields.get("sign_type", "MD5") != "MD5":
        return False
    expected = sign(fields, key).encode()
    return hmac.compare_digest(expected, fields.get("sign", "").lower().encode())


def pay_address(
    settings: EpaySettings, order: Order, way: str, product: str, home: str, back: str
) -> str:
    """Where the user goes to pay."""
    assert settings.key is not None and settings.pid is not None
    fields = {
        "pid": settings.pid,
        "type": way,
        "out_trade_no": order.id,
        "notify_url": f"{home}/api/payments/epay",
        "return_url": back,
        "name": product,
        "money": minor_text(order.minor, CURRENCIES[order.currency]),
    }
    signature = sign(fields, settings.key.secret)
    query = urlencode({**fields, "sign": signature, "sign_type": "MD5"})
    return f"{settings.url}/submit.php?{query}"


def read_fields(encoded: bytes) -> dict[str, str]:
    """The fields of a query or a form; BadInput if one is there twice, or too many."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise BadInput() from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadInput()
    return fields


def read_notice(settings: EpaySettings, fields: Mapping[str, str]) -> Notice:
    """What a signed notice says; BadInput if it is not about this shop."""
    if fields.get("pid") != settings.pid:
        raise BadInput()
    if status_of(fields) != SUCCESS:
        return Nothing("ignored")
    places = CURRENCIES[settings.currency]
    try:
        minor = parse_minor(fields.get("money", ""), places)
    except ValueError:
        raise BadInput() from None
    trade = trade_of(fields)
    return Paid(
        fields.get("out_trade_no", "")[:128], trade, None, settings.currency, minor
    )


def trade_of(fields: Mapping[str, str]) -> str:
    trade = fields.get("trade_no", "")
    if not _TRADE.fullmatch(trade):
        raise BadInput()
    return trade


def status_of(fields: Mapping[str, str]) -> str:
    status = fields.get("trade_status", "")
    if not _STATUS.fullmatch(status):
        raise BadInput()
    return status
