"""Standing: OpenRouter's shapes, with amounts that are exact to the digit."""

import orjson
import pytest
from mitmproxy.http import HTTPFlow

from addons import endpoints
from addons.exchange import Exchange, KeyLimits
from addons.standing import Standing
from addons.wire.errors import UnknownKey
from storage.keys import Caps, Terms, create_key, mint, set_caps
from storage.ledger import (
    Admission,
    Settlement,
    UsageRecord,
    admit,
    settle,
    topup,
)
from tests.fakes import exchanges

LIMITS = KeyLimits(rpm=60, tpm=0, concurrency=5)


async def look(storage, clock, key, endpoint, **parts) -> HTTPFlow:
    known = {"caller": key, "limits": LIMITS}
    record = exchanges.exchange(endpoint, **{**known, **parts})
    flow = exchanges.travelling(record, method="GET")
    await Standing(storage.reader, clock).request(flow)
    return flow


async def told(storage, clock, key, endpoint) -> tuple[dict, str]:
    """What is said of a key, parsed and as text."""
    flow = await look(storage, clock, key, endpoint)
    assert Exchange.of(flow).refusal is None
    return orjson.loads(flow.response.content)["data"], flow.response.text


def spend(storage, caller, nano: int, held_nano: int = 0) -> None:
    """A request that cost so much, and one that still runs. A token written to the
    cache costs a nano-dollar."""
    for name, amount in (("paid", nano), ("held", held_nano)):
        if amount:
            storage.writer.wait(admit, admission(caller, name, amount))
    record = UsageRecord(
        model="gpt-4o",
        provider="openai",
        upstream_model="gpt-4o-2024",
        evidence="reported",
        quantities={"cache_write": nano},
        outcome="complete",
        status=200,
        attempts=1,
        first_byte_ms=1,
        total_ms=2,
        tokens=nano,
        stream=False,
    )
    pico = nano * 1000
    storage.writer.wait(settle, Settlement("paid", nano, pico, record, nano, pico))


def admission(caller, name: str, nano: int) -> Admission:
    return Admission(
        hold_id=name,
        account_id=caller.key.account_id,
        key_id=caller.key.id,
        amount_nano=nano,
        price_id=exchanges.PRICE.id,
        model="gpt-4o",
        tokens=0,
        rpm=0,
        tpm=0,
        concurrency=0,
    )


async def test_a_new_key_has_used_nothing(storage, clock, caller) -> None:
    data, _ = await told(storage, clock, caller.key, endpoints.KEY)
    assert data == {
        "label": caller.key.mask,
        "limit": None,
        "limit_remaining": None,
        "limit_reset": None,
        "usage": 0,
        "usage_daily": 0,
        "usage_weekly": 0,
        "usage_monthly": 0,
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "include_byok_in_limit": False,
        "is_free_tier": True,
        "is_management_key": False,
        "is_provisioning_key": False,
        "creator_user_id": caller.key.user_id,
        "expires_at": None,
        "rate_limit": {
            "requests": 60,
            "interval": "60s",
            "note": "Requests in an interval; -1 is no limit.",
        },
        "mask": caller.key.mask,
        "usage_exact": "0.00",
        "usage_daily_exact": "0.00",
        "usage_weekly_exact": "0.00",
        "usage_monthly_exact": "0.00",
        "held_exact": "0.00",
        "caps": {
            name: {"limit_exact": None, "spent_exact": "0.00", "remaining_exact": None}
            for name in ("total", "month", "day")
        },
        "limits": {"rpm": 60, "tpm": None, "concurrency": 5},
        "balance": 10,
        "balance_exact": "10.00",
    }


async def test_money_is_written_digit_by_digit(storage, clock, caller) -> None:
    storage.writer.wait(set_caps, caller.key.id, Caps(total_nano=9 * 10**9))
    spend(storage, caller, 1, held_nano=5)
    data, text = await told(storage, clock, caller.key, endpoints.KEY)
    assert '"limit":9.00,"limit_remaining":8.999999994,' in text
    assert '"usage":0.000000001,"usage_daily":0.000000001,' in text
    assert data["held_exact"] == "0.000000005"
    assert data["balance_exact"] == "9.999999994"
    _, text = await told(storage, clock, caller.key, endpoints.CREDITS)
    assert text == (
        '{"data":{"total_credits":10.00,"total_usage":0.000000001,'
        '"balance":9.999999994,"held":0.000000005,'
        '"total_credits_exact":"10.00","total_usage_exact":"0.000000001",'
        '"balance_exact":"9.999999994","held_exact":"0.000000005"}}'
    )


@pytest.mark.parametrize(
    ("caps", "limit", "left", "reset"),
    [
        (Caps(total_nano=50), "0.00000005", "0.00000003", None),
        (Caps(day_nano=50), "0.00000005", "0.00000003", "daily"),
        (Caps(50, 40, 30), "0.00000003", "0.00000001", "monthly"),
        (Caps(50, 30, 40), "0.00000003", "0.00000001", "daily"),
        (Caps(total_nano=7), "0.000000007", "0.00", None),
    ],
)
async def test_the_limit_is_the_cap_that_leaves_least(
    storage, clock, caller, caps, limit: str, left: str, reset
) -> None:
    spend(storage, caller, 20)
    storage.writer.wait(set_caps, caller.key.id, caps)
    data, text = await told(storage, clock, caller.key, endpoints.KEY)
    assert f'"limit":{limit},"limit_remaining":{left},' in text
    assert data["limit_reset"] == reset
    assert data["caps"]["day"]["spent_exact"] == "0.00000002"


async def test_a_labelled_key_goes_by_its_label(storage, clock, caller) -> None:
    made = storage.writer.wait(
        create_key, caller.key.account_id, mint(storage.secrets), "ci", Terms()
    )
    data, _ = await told(storage, clock, made, endpoints.KEY)
    assert (data["label"], data["mask"]) == ("ci", made.mask)


async def test_who_has_put_money_in_is_no_free_tier(storage, clock, caller) -> None:
    storage.writer.wait(topup, caller.key.account_id, 1, "test", "t1")
    data, _ = await told(storage, clock, caller.key, endpoints.KEY)
    assert data["is_free_tier"] is False


async def test_no_limit_on_requests_is_minus_one(storage, clock, caller) -> None:
    flow = await look(
        storage, clock, caller.key, endpoints.KEY, limits=exchanges.NO_LIMITS
    )
    data = orjson.loads(flow.response.content)["data"]
    assert data["rate_limit"]["requests"] == -1
    assert data["limits"] == {"rpm": None, "tpm": None, "concurrency": None}


@pytest.mark.parametrize(
    ("endpoint", "parts"),
    [
        (endpoints.CHAT, {}),
        (endpoints.MODELS, {}),
        (endpoints.KEY, {"refusal": UnknownKey()}),
    ],
)
async def test_what_is_another_matter_is_left_alone(
    storage, clock, caller, endpoint, parts
) -> None:
    flow = await look(storage, clock, caller.key, endpoint, **parts)
    assert flow.response is None


@pytest.mark.parametrize("missing", ["caller", "limits"])
async def test_a_record_with_a_gap_is_our_fault(
    storage, clock, caller, missing: str
) -> None:
    flow = await look(storage, clock, caller.key, endpoints.KEY, **{missing: None})
    assert Exchange.of(flow).refusal.status == 500


async def test_a_key_that_went_away_is_unknown(storage, clock) -> None:
    flow = await look(storage, clock, exchanges.CALLER, endpoints.KEY)
    assert Exchange.of(flow).refusal.code == "invalid_api_key"


async def test_a_ledger_that_cannot_be_read_is_said_so(storage, clock, caller) -> None:
    storage.reader.close()
    flow = await look(storage, clock, caller.key, endpoints.CREDITS)
    refusal = Exchange.of(flow).refusal
    assert (refusal.status, refusal.code) == (503, "ledger_unavailable")
