"""What an account used: at a glance, summed up, and request by request."""

from collections.abc import Iterable, Mapping
from typing import Any

from config.money import dollars
from dashboard.listing import (
    day_text,
    read_days,
    read_id_cursor,
    read_limit,
    read_name,
    read_number,
)
from dashboard.refusals import BadInput
from dashboard.services import Services
from dashboard.shapes import balance_shape, iso_time
from dashboard.transactions import read_selection
from dashboard.visit import Answer, Visit
from storage.caps import days_of
from storage.keys import KeyRecord
from storage.reports import GROUPS, RequestRecord, UsageSums
from storage.statements import DAY_NS

CHART_DAYS = 30
CHART_DAYS_MAX = 90
WEEK = 7
RECENT = 10
DAYS_KNOWN = 3
"""Days with spending before anybody is told how long the balance lasts."""
LOW_NANO = 10**9
LOW_DAYS = 3
FIGURES = (
    "requests",
    "failed",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "images",
    "videos",
)


def overview(services: Services, visit: Visit) -> Answer:
    account_id = visit.user.account_id
    reports = services.reports
    days = read_number(visit.query, "days") or CHART_DAYS
    if days > CHART_DAYS_MAX:
        raise BadInput("bad_number", name="days")
    today, first_of_month, _ = days_of(services.storage.clock.wall_ns() // DAY_NS)
    since = min(today - days + 1, first_of_month, today - WEEK + 1)
    sums = reports.usage(account_id, since, today, "day_model")
    balance = services.storage.reader.balance(account_id)
    left = days_left(sums, today, balance.available_nano)
    recent = reports.requests(account_id, limit=RECENT).entries
    firsts = {"today": today, "week": today - WEEK + 1, "month": first_of_month}
    spans = {name: since_day(sums, first) for name, first in firsts.items()}
    low = balance.available_nano < LOW_NANO or (left is not None and left < LOW_DAYS)
    return Answer(
        data={
            **balance_shape(balance.available_nano),
            "held": dollars(balance.pending_nano),
            "spend": {name: dollars(paid(one)) for name, one in spans.items()},
            "requests": {name: total(one, "requests") for name, one in spans.items()},
            "failed": {name: total(one, "failed") for name, one in spans.items()},
            "days_left": left,
            "low_balance": low,
            "from": day_text(today - days + 1),
            "to": day_text(today),
            "chart": [bar(one) for one in since_day(sums, today - days + 1)],
            "recent": [request_shape(one) for one in recent],
        }
    )


def requests(services: Services, visit: Visit) -> Answer:
    page = services.reports.requests(
        visit.user.account_id,
        read_selection(visit.query),
        read_id_cursor(visit.query.get("before")),
        read_limit(visit.query.get("limit")),
    )
    entries = [request_shape(one) for one in page.entries]
    return Answer(data={"requests": entries, "next": page.next})


def usage(services: Services, visit: Visit) -> Answer:
    by = visit.query.get("by") or "day"
    if by not in GROUPS:
        raise BadInput("bad_group", groups=", ".join(GROUPS))
    now_ns = services.storage.clock.wall_ns()
    first, last = read_days(visit.query, now_ns, CHART_DAYS)
    sums = services.reports.usage(
        visit.user.account_id,
        first,
        last,
        by,
        read_name(visit.query, "model"),
        read_number(visit.query, "key_id"),
    )
    if "day" not in GROUPS[by]:
        sums.sort(key=lambda one: (-one.paid_nano, one.model or "", one.key_id or 0))
    keys = services.storage.reader.keys(visit.user.account_id) if by == "key" else []
    known = {key.id: key for key in keys}
    return Answer(
        data={
            "by": by,
            "from": day_text(first),
            "to": day_text(last),
            "usage": [usage_shape(one, known) for one in sums],
            "total": figures(sums) | {"cost": dollars(paid(sums))},
        }
    )


def request_shape(record: RequestRecord) -> dict[str, Any]:
    get = record.quantities.get
    cached = get("cache_read", 0)
    return {
        "request_id": record.request_id,
        "at": iso_time(record.at_ns),
        "model": record.model,
        "provider": record.provider or None,
        "upstream_model": record.upstream_model or None,
        "key_id": record.key_id,
        "input": get("input", 0)
        + cached
        + get("cache_write", 0)
        + get("cache_write_1h", 0),
        "output": get("output", 0) + get("reasoning", 0),
        "cached": cached,
        "images": get("image", 0),
        "videos": get("generation", 0),
        "cost": dollars(record.cost_nano),
        "paid": dollars(record.paid_nano),
        "status": record.status,
        "outcome": record.outcome,
        "evidence": record.evidence,
        "stream": record.stream,
        "attempts": record.attempts,
        "first_byte_ms": record.first_byte_ms,
        "total_ms": record.total_ms,
    }


def usage_shape(sums: UsageSums, keys: Mapping[int, KeyRecord]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    if sums.day is not None:
        shape["day"] = day_text(sums.day)
    if sums.model is not None:
        shape["model"] = sums.model
    if sums.key_id is not None:
        key = keys.get(sums.key_id)
        shape["key_id"] = sums.key_id
        shape["key"] = key and {
            "mask": key.mask,
            "label": key.label,
            "status": key.status,
        }
    return shape | figures([sums]) | {"cost": dollars(sums.paid_nano)}


def bar(sums: UsageSums) -> dict[str, Any]:
    return {
        "day": day_text(sums.day or 0),
        "model": sums.model,
        "requests": sums.requests,
        "cost": dollars(sums.paid_nano),
    }


def days_left(
    sums: Iterable[UsageSums], today: int, available_nano: int
) -> int | None:
    """How many days the balance lasts at the rate of the last week, rounded down; None
    where too few days are known."""
    week = [one for one in since_day(sums, today - WEEK + 1) if one.paid_nano]
    known = {one.day for one in week}
    if len(known) < DAYS_KNOWN:
        return None
    first = min(day for day in known if day is not None)
    return max(0, available_nano) * (today - first + 1) // paid(week)


def since_day(sums: Iterable[UsageSums], first: int) -> list[UsageSums]:
    return [one for one in sums if one.day is not None and one.day >= first]


def figures(sums: Iterable[UsageSums]) -> dict[str, Any]:
    found = list(sums)
    return {name: total(found, name) for name in FIGURES}


def total(sums: Iterable[UsageSums], name: str) -> int:
    return sum(getattr(one, name) for one in sums)


def paid(sums: Iterable[UsageSums]) -> int:
    return total(sums, "paid_nano")
