"""Standing: where a caller stands, in the shapes that OpenRouter's clients read.

`GET key` tells what the key spent and may still spend, `GET credits` what its account
has. Amounts are JSON numbers written digit by digit, and stand beside them as exact
text. OpenRouter knows one limit a key and we know three: `limit` is the one that leaves
least now, and `caps` has them all.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from mitmproxy.http import HTTPFlow

from addons.endpoints import Kind
from addons.exchange import Exchange, KeyLimits
from addons.rendering import amount, json_response
from addons.wire.errors import InternalError, LedgerDown, UnknownKey
from config.money import dollars
from storage.caps import Cap, tightest
from storage.clock import Clock
from storage.errors import LedgerUnavailable
from storage.instants import instant_text
from storage.keys import KeyRecord
from storage.reader import Reader
from storage.standing import Standing as Record

# When a cap begins anew, in OpenRouter's words.
RESETS = {"total": None, "month": "monthly", "day": "daily"}
UNLIMITED = -1
WINDOW = "60s"
WINDOW_NOTE = "Requests in an interval; -1 is no limit."


class Standing:
    """Answers what a key and its account have left."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self.reader = reader
        self.clock = clock

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        shape = SHAPES.get(exchange.endpoint.kind)
        if exchange.refusal is not None or shape is None:
            return
        caller, limits = exchange.caller, exchange.limits
        if caller is None or limits is None:
            exchange.refuse(InternalError())
            return
        try:
            record = await asyncio.to_thread(
                self.reader.standing, caller.id, self.clock.wall_ns()
            )
        except LedgerUnavailable:
            exchange.refuse(LedgerDown())
            return
        if record is None:
            exchange.refuse(UnknownKey())
            return
        body = orjson.dumps({"data": shape(caller, limits, record)})
        flow.response = json_response(200, body)


def key_shape(caller: KeyRecord, limits: KeyLimits, record: Record) -> dict[str, Any]:
    """OpenRouter's fields first; nobody brings keys of providers here, so all that is
    about those is nothing."""
    spending = record.spending
    cap = tightest(spending.caps)
    return {
        "label": caller.label or caller.mask,
        "limit": None if cap is None else optional(cap.limit_nano),
        "limit_remaining": None if cap is None else optional(cap.left_nano),
        "limit_reset": None if cap is None else RESETS[cap.name],
        "usage": amount(spending.total.spent_nano),
        "usage_daily": amount(spending.day.spent_nano),
        "usage_weekly": amount(spending.week_nano),
        "usage_monthly": amount(spending.month.spent_nano),
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "include_byok_in_limit": False,
        "is_free_tier": record.only_welcome,
        "is_management_key": False,
        "is_provisioning_key": False,
        "creator_user_id": caller.user_id,
        "expires_at": (
            None if caller.expires_ns is None else instant_text(caller.expires_ns)
        ),
        "rate_limit": {
            "requests": limits.rpm or UNLIMITED,
            "interval": WINDOW,
            "note": WINDOW_NOTE,
        },
        "mask": caller.mask,
        "usage_exact": dollars(spending.total.spent_nano),
        "usage_daily_exact": dollars(spending.day.spent_nano),
        "usage_weekly_exact": dollars(spending.week_nano),
        "usage_monthly_exact": dollars(spending.month.spent_nano),
        "held_exact": dollars(spending.held_nano),
        "caps": {cap.name: cap_shape(cap) for cap in spending.caps},
        "limits": {
            "rpm": limits.rpm or None,
            "tpm": limits.tpm or None,
            "concurrency": limits.concurrency or None,
        },
        "balance": amount(record.available_nano),
        "balance_exact": dollars(record.available_nano),
    }


def credits_shape(
    caller: KeyRecord, limits: KeyLimits, record: Record
) -> dict[str, Any]:
    """Credits less usage is what is there, and less what is held is the balance."""
    return {
        "total_credits": amount(record.credits_nano),
        "total_usage": amount(record.used_nano),
        "balance": amount(record.available_nano),
        "held": amount(record.held_nano),
        "total_credits_exact": dollars(record.credits_nano),
        "total_usage_exact": dollars(record.used_nano),
        "balance_exact": dollars(record.available_nano),
        "held_exact": dollars(record.held_nano),
    }


def cap_shape(cap: Cap) -> dict[str, str | None]:
    return {
        "limit_exact": exact(cap.limit_nano),
        "spent_exact": dollars(cap.spent_nano),
        "remaining_exact": exact(cap.left_nano),
    }


def optional(nano: int | None) -> orjson.Fragment | None:
    return None if nano is None else amount(nano)


def exact(nano: int | None) -> str | None:
    return None if nano is None else dollars(nano)


SHAPES: Mapping[
    Kind, Callable[[KeyRecord, KeyLimits, Record], dict[str, Any]]
] = MappingProxyType({Kind.KEY: key_shape, Kind.CREDITS: credits_shape})
