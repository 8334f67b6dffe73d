"""Shapes: numbers digit by digit, times in UTC, descriptions in two languages."""

import json

import pytest

from dashboard.shapes import (
    balance_shape,
    describe,
    envelope,
    iso_time,
    transaction_shape,
)
from storage.reader import TransactionRecord

CHARGE = TransactionRecord(
    seq=7,
    id="usage:req_1",
    kind="usage",
    amount_nano=-421_300,
    balance_nano=9_999_578_700,
    at_ns=1_767_225_600_123_456_789,
    model="gpt-4o",
    request_id="req_1",
    quantities={"input": 12},
    ref=None,
    provider="openai",
    evidence="reported",
)


def moved(kind: str, transfer_id: str) -> TransactionRecord:
    return TransactionRecord(
        1, transfer_id, kind, 1, 1, 0, None, None, {}, None, None, None
    )


@pytest.mark.parametrize(
    ("available_nano", "text"),
    [
        (10_000_000_000, '"balance":10.00,"balance_exact":"10.00"'),
        (9_999_578_700, '"balance":9.99,"balance_exact":"9.9995787"'),
        (0, '"balance":0.00,"balance_exact":"0.00"'),
        (1, '"balance":0.00,"balance_exact":"0.000000001"'),
        (
            12_345_678_901_234_567_890,
            '"balance":12345678901.23,"balance_exact":"12345678901.23456789"',
        ),
    ],
)
def test_a_balance_is_a_number_with_two_decimals_and_exact_text(
    available_nano: int, text: str
) -> None:
    body = envelope(True, "", balance_shape(available_nano))
    assert text in body.decode()


def test_a_charge_is_negative_and_exact() -> None:
    body = envelope(True, "", transaction_shape(CHARGE, "zh")).decode()
    assert '"amount":-0.0004213,"amount_exact":"-0.0004213"' in body
    assert json.loads(body)["data"]["tokens"] == {"input": 12}


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_600_123_999_999, "2026-01-01T00:00:00.123Z"),
    ],
)
def test_times_are_iso_in_utc(at_ns: int, text: str) -> None:
    assert iso_time(at_ns) == text


@pytest.mark.parametrize(
    ("record", "zh", "en"),
    [
        (CHARGE, "调用 gpt-4o", "Call to gpt-4o"),
        (moved("late", "late:req_1"), "补记调用 —", "Late charge for —"),
        (moved("promo", "promo:welcome:1"), "注册赠送", "Welcome credit"),
        (moved("promo", "promo:grant:1"), "赠送余额", "Credit from the operator"),
        (moved("topup", "topup:voucher:1"), "兑换码充值", "Voucher"),
        (moved("topup", "topup:test:1"), "测试充值", "Test top-up"),
        (moved("topup", "topup:bank:1"), "充值", "Top-up"),
        (moved("adjust", "adjust:1"), "账务调整", "Adjustment"),
    ],
)
def test_every_kind_has_a_line(record: TransactionRecord, zh: str, en: str) -> None:
    assert describe(record, "zh") == zh
    assert describe(record, "en") == en


def test_braces_in_a_model_name_are_only_braces() -> None:
    odd = TransactionRecord(
        1, "usage:1", "usage", 1, 1, 0, "{model}{0}", "1", {}, None, None, None
    )
    assert describe(odd, "zh") == "调用 {model}{0}"
