"""Transactions: newest first, page by page, exactly once each."""

from collections.abc import Callable
from typing import Any

import pytest

from config.money import dollars
from storage import Storage
from tests.dashboard.spending import hold, spend
from tests.dashboard.visitor import Visitor


def page(user: Visitor, **query: str) -> dict[str, Any]:
    data: dict[str, Any] = user.get("user", "transactions", **query).get_json()["data"]
    return data


def test_the_first_entry_is_the_welcome_money(user: Visitor) -> None:
    (entry,) = page(user)["transactions"]
    assert (entry["type"], entry["amount_exact"]) == ("promo", "10.00")
    assert (entry["description"], entry["tokens"]) == ("注册赠送", {})
    assert entry["created_at"] == "2026-01-01T00:00:00.000Z"


def test_a_charge_is_listed_to_the_nano_dollar(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    request_id = spend(storage, user.id, price_id, 421_301, {"input": 12, "output": 3})
    entry = page(user)["transactions"][0]
    assert entry["amount_exact"] == "-0.000421301"
    assert entry["balance_after_exact"] == "9.999578699"
    assert (entry["model"], entry["request_id"]) == ("gpt-4o", request_id)
    assert entry["tokens"] == {"input": 12, "output": 3}
    assert entry["evidence"] == "reported"
    assert entry["description"] == "调用 gpt-4o"


def test_the_newest_comes_first_and_pages_join(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    for cost_nano in range(1, 12):
        spend(storage, user.id, price_id, cost_nano)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        part = page(user, limit="5", before=cursor)
        seen += [entry["amount_exact"] for entry in part["transactions"]]
        cursor = part["next"]
    assert seen == [dollars(-cost) for cost in range(11, 0, -1)] + ["10.00"]


@pytest.mark.parametrize(
    ("limit", "more"), [("11", True), ("12", False), ("13", False)]
)
def test_the_last_page_says_so(
    storage: Storage, user: Visitor, price_id: str, limit: str, more: bool
) -> None:
    for _ in range(11):
        spend(storage, user.id, price_id, 1)
    assert (page(user, limit=limit)["next"] is not None) is more


def test_what_arrives_meanwhile_shifts_nothing(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    for _ in range(4):
        spend(storage, user.id, price_id, 1)
    first = page(user, limit="3")
    spend(storage, user.id, price_id, 2)
    second = page(user, limit="3", before=first["next"])
    ids = [one["id"] for one in first["transactions"] + second["transactions"]]
    assert len(ids) == len(set(ids)) == 5


def test_what_still_runs_is_not_listed(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    hold(storage, user.id, price_id, 5)
    assert len(page(user)["transactions"]) == 1


def test_nobody_sees_anybody_else(
    storage: Storage, user: Visitor, visitor: Callable[[], Visitor], price_id: str
) -> None:
    other = visitor()
    other.register("other@example.com")
    spend(storage, user.id, price_id, 5)
    assert [one["type"] for one in page(other)["transactions"]] == ["promo"]


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "x", " 5", "٣", "9" * 99])
def test_a_bad_limit_is_refused(user: Visitor, limit: str) -> None:
    answer = user.get("user", "transactions", limit=limit)
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "参数 limit 应为 1 到 200 的整数"


@pytest.mark.parametrize(
    "before", ["0", "-1", "x", "1 OR 1=1", "1;", "9" * 19, "9" * 99, "٣"]
)
def test_a_bad_cursor_is_refused(user: Visitor, before: str) -> None:
    answer = user.get("user", "transactions", before=before)
    assert answer.status_code == 400


@pytest.mark.parametrize("query", [{}, {"limit": ""}, {"before": ""}, {"limit": "200"}])
def test_good_queries_pass(user: Visitor, query: dict[str, str]) -> None:
    assert user.get("user", "transactions", **query).status_code == 200
