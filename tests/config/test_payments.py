"""Payments: off without secrets, exact rates, and nothing that does not fit."""

from dataclasses import fields

import pytest

from config.document import ConfigError
from config.gateway import read_gateway
from config.money import NANO
from config.payments import (
    CURRENCIES,
    EPAY,
    STRIPE,
    EpaySettings,
    StripeSettings,
    Terms,
)


@pytest.mark.parametrize(
    ("kind", "table"), [(StripeSettings, STRIPE), (EpaySettings, EPAY)]
)
def test_each_field_has_one_key(kind, table):
    assert {field.name for field in fields(kind)} == set(table)


@pytest.mark.parametrize(
    ("currency", "rate", "nano", "minor"),
    [
        ("usd", None, 10 * NANO, 1000),
        ("usd", None, NANO // 100, 1),
        ("cny", 7_200_000, 10 * NANO, 7200),
        ("cny", 7_123_457, 10 * NANO, 7124),
        ("cny", 1, NANO // 100, 1),
        ("jpy", 151_500_000, NANO // 100, 2),
    ],
)
def test_an_amount_is_rounded_up_once(currency, rate, nano, minor):
    assert Terms(currency, rate, 0, 0).minor_rounded_up(nano) == minor


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_currency_has_its_decimals(currency):
    rate = None if currency == "usd" else 2_000_000
    units = 10 ** CURRENCIES[currency]
    expected = units if rate is None else 2 * units
    assert Terms(currency, rate, 0, 0).minor_rounded_up(NANO) == expected


def test_without_secrets_all_is_off(document):
    payments = read_gateway(document("payments: {}")).payments
    assert not payments.stripe.ready and not payments.epay.ready


COMPLAINTS = [
    ("order_time: 59m", "order_time"),
    ("order_time: 24h", "order_time"),
    ("orders_waiting_max: 0", "orders_waiting_max"),
    ("disputed_account: shoot", "disputed_account"),
    ("stripe: {currency: krw}", "currency"),
    ("stripe: {currency: eur}", "a rate where"),
    ('stripe: {rate: "1.1"}', "a rate where"),
    ('stripe: {currency: eur, rate: "0"}', "what a dollar costs"),
    ("stripe: {currency: eur, rate: 1.1}", "what a dollar costs"),
    ('stripe: {currency: eur, rate: "1.1234567"}', "what a dollar costs"),
    ('stripe: {minimum: "0.00"}', "a minimum"),
    ('stripe: {minimum: "5", maximum: "4"}', "a minimum"),
    ("stripe: {webhook_secrets: STRIPE}", "a list"),
    ("epay: {url: shop.example.com}", "http"),
    ("epay: {pid: a b}", "shop"),
    ('epay: {rate: ""}', "a rate where"),
]


@pytest.mark.parametrize(("section", "said"), COMPLAINTS)
def test_what_does_not_fit_is_said(document, section, said):
    with pytest.raises(ConfigError, match=said):
        read_gateway(document(f"payments:\n  {section}"))


SECRETS = {
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_WEBHOOK_SECRET_OLD": "",
}
ON = """
    listen: {public_url: "https://a.b"}
    payments:
      stripe:
        key: STRIPE_SECRET_KEY
        webhook_secrets: [STRIPE_WEBHOOK_SECRET, STRIPE_WEBHOOK_SECRET_OLD]
"""


def test_a_method_is_on_with_all_of_its_secrets(document):
    payments = read_gateway(document(ON, SECRETS)).payments
    assert payments.stripe.ready
    assert [one.secret for one in payments.stripe.webhook_secrets] == ["whsec_1"]
    assert "whsec_1" not in repr(payments) and "sk_live_1" not in repr(payments)
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"):
        found = read_gateway(document(ON, {**SECRETS, name: ""})).payments
        assert not found.stripe.ready


def test_who_is_paid_has_an_address(document):
    homeless = ON.replace("https://a.b", "")
    with pytest.raises(ConfigError, match="listen.public_url"):
        read_gateway(document(homeless, SECRETS))
    assert not read_gateway(document(homeless, {})).payments.stripe.ready
