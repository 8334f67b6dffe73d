"""Payments: who may be paid through, for how much, and what a dollar costs there.

Stripe and epay (易支付) are off until their secrets are in the environment. The file
names the variables; a secret is in a record's field, never in its repr and never in a
complaint. What a dollar costs in another currency is exact decimal text and becomes a
whole number of millionths: the amount of an order is computed once, rounded up to the
currency's smallest unit, and compared digit by digit with what was paid.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from config.document import Node
from config.money import NANO, parse_millionths
from config.providers import Credential, read_credential
from config.values import (
    Reader,
    Table,
    address,
    amount,
    choice,
    duration,
    list_of,
    matching,
    money,
    optional,
    record,
    whole,
)

CURRENCIES = {"cny": 2, "eur": 2, "gbp": 2, "hkd": 2, "jpy": 0, "sgd": 2, "usd": 2}
"""What can be charged, and how many decimals its amounts have."""
MILLION = 10**6
CENT_NANO = NANO // 100
ORDER_SECONDS_MIN, ORDER_SECONDS_MAX = 3600.0, 23 * 3600.0
RATE_MAX = 100_000 * MILLION

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What one order may be worth, and in which currency it is paid.

    `rate_millionths` is what a dollar costs; None where the currency is the dollar.
    """

    currency: str
    rate_millionths: int | None
    minimum_nano: int
    maximum_nano: int

    def minor_rounded_up(self, amount_nano: int) -> int:
        """What an amount costs, in the currency's smallest unit. Of what is no whole
        unit the house keeps the rest."""
        units: int = 10 ** CURRENCIES[self.currency]
        rate = MILLION if self.rate_millionths is None else self.rate_millionths
        return -(-amount_nano * rate * units // (NANO * MILLION))


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """Stripe: off without a key and a secret of its webhook."""

    key: Credential | None = None
    webhook_secrets: tuple[Credential, ...] = ()
    base_url: str = "https://api.stripe.com"
    currency: str = "usd"
    rate_millionths: int | None = None
    minimum_nano: int = NANO
    maximum_nano: int = 1000 * NANO
    request_seconds: float = 10.0
    tolerance_seconds: float = 300.0

    @property
    def ready(self) -> bool:
        """Whether an order can be paid this way, and we hear of it."""
        return self.key is not None and bool(self.webhook_secrets)

    @property
    def terms(self) -> Terms:
        return Terms(
            self.currency, self.rate_millionths, self.minimum_nano, self.maximum_nano
        )


@dataclass(frozen=True, slots=True)
class EpaySettings:
    """An epay shop: off without its address, number and key."""

    key: Credential | None = None
    url: str | None = None
    pid: str | None = None
    types: tuple[str, ...] = ("alipay", "wxpay")
    currency: str = "cny"
    rate_millionths: int | None = 7_200_000
    minimum_nano: int = NANO
    maximum_nano: int = 1000 * NANO

    @property
    def ready(self) -> bool:
        """Whether an order can be paid this way, and we hear of it."""
        return None not in (self.key, self.url, self.pid) and bool(self.types)

    @property
    def terms(self) -> Terms:
        return Terms(
            self.currency, self.rate_millionths, self.minimum_nano, self.maximum_nano
        )


@dataclass(frozen=True, slots=True)
class Payments:
    """How long an order may be paid, how many of one account may wait for that, what
    a dispute does to its account, and for how long callbacks are remembered."""

    order_seconds: float = 7200.0
    orders_waiting_max: int = 20
    record_seconds: float = 90 * 86_400.0
    disputed_account: Literal["block", "keep"] = "block"
    stripe: StripeSettings = field(default_factory=StripeSettings)
    epay: EpaySettings = field(default_factory=EpaySettings)


def _read_keys(node: Node) -> tuple[Credential, ...]:
    found = (read_credential(item) for item in node.items("a list"))
    return tuple(credential for credential in found if credential)


def _rate(node: Node) -> int:
    what = 'what a dollar costs, quoted, such as "7.20"'
    rate = money(parse_millionths, what)(node)
    if not 0 < rate <= RATE_MAX:
        raise node.expected(what)
    return rate


def _order_time(node: Node) -> float:
    """Stripe lets a payment page live from half an hour to a day."""
    seconds = duration()(node)
    if not ORDER_SECONDS_MIN <= seconds <= ORDER_SECONDS_MAX:
        raise node.expected("a duration from 1h to 23h")
    return seconds


def _word(what: str) -> Reader[str]:
    return matching(_WORD, what)


def _number(node: Node) -> str:
    """A shop's number, which YAML may take for one."""
    value = node.text("a shop's number")
    if not _WORD.fullmatch(value):
        raise node.expected("a shop's number")
    return value


STRIPE: Table = {
    "key": ("key", read_credential),
    "webhook_secrets": ("webhook_secrets", _read_keys),
    "base_url": ("base_url", address),
    "currency": ("currency", choice(*CURRENCIES)),
    "rate_millionths": ("rate", optional(_rate)),
    "minimum_nano": ("minimum", amount),
    "maximum_nano": ("maximum", amount),
    "request_seconds": ("request_time", duration()),
    "tolerance_seconds": ("tolerance", duration(1000)),
}

EPAY: Table = {
    "key": ("key", read_credential),
    "url": ("url", optional(address)),
    "pid": ("pid", optional(_number)),
    "types": ("types", list_of(_word("a way to pay such as alipay"))),
    "currency": ("currency", choice(*CURRENCIES)),
    "rate_millionths": ("rate", optional(_rate)),
    "minimum_nano": ("minimum", amount),
    "maximum_nano": ("maximum", amount),
}


def _with_terms[T: (StripeSettings, EpaySettings)](read: Reader[T]) -> Reader[T]:
    """The currency and its rate fit together, and some amount is allowed."""

    def read_method(node: Node) -> T:
        found = read(node)
        if (found.currency == "usd") != (found.rate_millionths is None):
            raise node.expected("a rate where the currency is not usd, and only there")
        if not CENT_NANO <= found.minimum_nano <= found.maximum_nano:
            raise node.expected("a minimum of a cent or more, not above the maximum")
        return found

    return read_method


PAYMENTS: Table = {
    "order_seconds": ("order_time", _order_time),
    "orders_waiting_max": ("orders_waiting_max", whole(1, 1000)),
    "record_seconds": ("record_time", duration()),
    "disputed_account": ("disputed_account", choice("block", "keep")),
    "stripe": ("stripe", _with_terms(record(StripeSettings, STRIPE))),
    "epay": ("epay", _with_terms(record(EpaySettings, EPAY))),
}
