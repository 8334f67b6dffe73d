"""Usage: at a glance, summed up, and request by request."""

from collections.abc import Callable
from typing import Any

import pytest

from storage import Storage
from storage.ledger import void
from tests.dashboard.spending import hold, spend
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock


def data(user: Visitor, action: str, **query: str) -> dict[str, Any]:
    answer = user.get("user", action, **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()["data"]
    return found


def test_a_new_account_has_used_nothing(user: Visitor) -> None:
    shown = data(user, "overview")
    assert shown["spend"] == {"today": "0.00", "week": "0.00", "month": "0.00"}
    assert (shown["chart"], shown["recent"], shown["days_left"]) == ([], [], None)
    assert (shown["balance"], shown["low_balance"]) == (10.0, False)


def test_the_overview_adds_days_up(
    storage: Storage, user: Visitor, price_id: str, clock: FakeClock
) -> None:
    for day in range(10):
        spend(storage, user.id, price_id, 10**9 // 10)
        if day < 9:
            clock.advance(86_400)
    held = hold(storage, user.id, price_id, 500)
    user.login()
    shown = data(user, "overview", days="5")
    assert shown["spend"] == {"today": "0.10", "week": "0.70", "month": "1.00"}
    assert shown["requests"] == {"today": 1, "week": 7, "month": 10}
    assert (shown["from"], shown["to"]) == ("2026-01-06", "2026-01-10")
    assert [one["day"] for one in shown["chart"]] == [
        f"2026-01-{day:02}" for day in range(6, 11)
    ]
    assert {one["cost"] for one in shown["chart"]} == {"0.10"}
    # Seven days at ten cents: what is left of nine dollars lasts 89 whole days.
    assert (shown["days_left"], shown["held"]) == (89, "0.0000005")
    assert len(shown["recent"]) == 10
    storage.writer.wait(void, held, "internal_error", None)
    assert data(user, "overview")["failed"]["today"] == 1


def test_a_balance_that_ends_soon_is_low(
    storage: Storage, user: Visitor, price_id: str, clock: FakeClock
) -> None:
    for _ in range(4):
        spend(storage, user.id, price_id, 10**9 * 2)
        clock.advance(86_400)
    shown = data(user, "overview")
    assert (shown["days_left"], shown["low_balance"]) == (1, True)


def test_requests_are_listed_and_paged(
    storage: Storage, user: Visitor, price_id: str, clock: FakeClock
) -> None:
    made = []
    for cost in range(5):
        made.append(spend(storage, user.id, price_id, cost))
        clock.advance(1)
    first = data(user, "requests", limit="3")
    second = data(user, "requests", limit="3", before=first["next"])
    shown = first["requests"] + second["requests"]
    assert [one["request_id"] for one in shown] == made[::-1]
    assert second["next"] is None
    newest = shown[0]
    assert (newest["input"], newest["output"], newest["cost"]) == (
        12,
        34,
        "0.000000004",
    )
    assert (newest["provider"], newest["outcome"]) == ("openai", "complete")


@pytest.mark.parametrize("by", ["day", "model", "key", "day_model"])
def test_usage_is_summed_by(
    storage: Storage, user: Visitor, price_id: str, by: str
) -> None:
    for cost in (100, 200):
        spend(storage, user.id, price_id, cost)
    shown = data(user, "usage", by=by)
    (entry,) = shown["usage"]
    assert (entry["requests"], entry["cost"]) == (2, "0.0000003")
    assert shown["total"]["output"] == 68
    names = {"day": {"day"}, "model": {"model"}, "key": {"key_id", "key"}}
    expected = names.get(by, {"day", "model"})
    assert expected <= set(entry)
    assert by != "key" or entry["key"]["mask"].startswith("tk_")


@pytest.mark.parametrize(
    "query",
    [
        {"by": "account_id"},
        {"from": "2020-01-01"},
        {"from": "yesterday"},
        {"key_id": "1 OR 1"},
        {"by": "day", "to": "2026-13-01"},
    ],
)
def test_a_bad_question_is_refused(user: Visitor, query: dict[str, str]) -> None:
    assert user.get("user", "usage", **query).status_code == 400


def test_nobody_sees_anothers_usage(
    storage: Storage, user: Visitor, visitor: Callable[[], Visitor], price_id: str
) -> None:
    request_id = spend(storage, user.id, price_id, 5)
    other = visitor()
    other.register("other@example.com")
    assert data(other, "requests")["requests"] == []
    assert data(other, "usage")["usage"] == []
    answer = other.get("user", "receipt", id=request_id)
    unknown = other.get("user", "receipt", id="req_" + "0" * 26)
    assert answer.status_code == unknown.status_code == 404
    assert answer.text == unknown.text
