"""Payments: what an operator sees of orders and callbacks, and resolves."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from storage import Storage
from storage.accounts import set_role
from tests.dashboard.visitor import EMAIL, OURS, Visitor
from tests.fakes.clock import FakeClock
from tests.storage.ordering import Till, failed, new_order, paid

BOSS = "boss@example.com"


@pytest.fixture
def operator(storage: Storage, visitor: Callable[[], Visitor]) -> Visitor:
    boss = visitor()
    boss.register(BOSS)
    storage.writer.wait(set_role, boss.id, "operator")
    return boss


@pytest.fixture
def till(storage: Storage) -> Till:
    return Till(SimpleNamespace(do=storage.writer.wait, storage=storage))


@pytest.fixture
def place(
    storage: Storage, user: Visitor, till: Till, clock: FakeClock
) -> Callable[[], str]:
    """An order of theirs, newer than the one before; its id."""

    def one() -> str:
        clock.advance(1)
        found = storage.reader.user(user.id)
        order_id: str = storage.ids.make("order")
        till.place(new_order(found, order_id))
        return order_id

    return one


def shown(operator: Visitor, action: str, **query: str) -> dict[str, Any]:
    answer = operator.get("admin", action, **query)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def pages(operator: Visitor, action: str, name: str, **query: str) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        page = shown(operator, action, limit="1", before=cursor, **query)
        found += page[name]
        if page["next"] is None:
            return found
        cursor = page["next"]


def resolve(operator: Visitor, **fields: object) -> Any:
    token = operator.me().get_json()["data"]["csrf_token"]
    headers = {**OURS, "X-CSRF-Token": token}
    return operator.post("admin", "resolve_order_event", fields, headers)


def test_an_order_is_shown_with_its_owner_and_its_problems(
    operator: Visitor, user: Visitor, till: Till, place: Callable[[], str]
) -> None:
    order_id = place()
    till.hear(paid(order_id, minor=1), "evt_wrong")
    (entry,) = shown(operator, "orders")["orders"]
    assert entry == {
        "order_id": order_id,
        "user": {"id": user.id, "email": EMAIL},
        "method": "stripe",
        "status": "open",
        "amount": "10.00",
        "charged": "10.00",
        "currency": "usd",
        "reversed": "0.00",
        "object_id": None,
        "payment_id": None,
        "transaction_id": None,
        "problems": 1,
        "created_at": "2026-01-01T00:00:01.000Z",
        "ended_at": None,
    }


def test_orders_are_selected_and_paged(
    operator: Visitor, user: Visitor, till: Till, place: Callable[[], str]
) -> None:
    first, second, third = place(), place(), place()
    till.hear(paid(second))
    till.hear(failed(third))

    def ids(**query: str) -> list[str]:
        found = pages(operator, "orders", "orders", **query)
        return [one["order_id"] for one in found]

    assert ids() == [third, second, first]
    assert ids(status="paid") == [second]
    assert ids(status="failed") == [third]
    assert ids(status="expired") == []
    assert ids(user_id=user.id, status="open") == [first]
    assert ids(user_id=operator.id) == []
    assert operator.get("admin", "orders", user_id="nobody").status_code == 404


def test_callbacks_are_paged_also_those_of_one_moment(
    operator: Visitor, till: Till, place: Callable[[], str]
) -> None:
    order_id = place()
    for number in range(3):
        till.hear(paid(order_id, minor=1), f"evt_{number}")
    till.hear(paid(order_id), "evt_3")
    names = [one["event"] for one in pages(operator, "order_events", "events")]
    assert names == [f"stripe:evt_{number}" for number in range(4)]
    found = pages(operator, "order_events", "events", status="problem")
    assert [one["event"] for one in found] == names[:3]
    assert found[0]["user"]["email"] == EMAIL
    assert (found[0]["outcome"], found[0]["problem"]) == ("wrong_amount", True)


def test_a_problem_is_resolved_once_and_logged(
    operator: Visitor, till: Till, place: Callable[[], str]
) -> None:
    till.hear(paid(place(), minor=1), "evt:wrong")
    answer = resolve(operator, event="stripe:evt:wrong", reason="sent back")
    assert answer.get_json()["data"] == {"event": "stripe:evt:wrong"}
    assert shown(operator, "order_events", status="problem")["events"] == []
    (entry,) = shown(operator, "order_events")["events"]
    assert (entry["resolution"], entry["resolved_by"]) == ("sent back", BOSS)
    again = resolve(operator, event="stripe:evt:wrong", reason="sent back")
    assert again.status_code == 404
    assert again.headers["X-AutoList-Code"] == "unknown_problem"
    (act,) = shown(operator, "acts", act="problem_resolved")["acts"]
    assert (act["actor"]["email"], act["target"]) == (BOSS, "stripe:evt:wrong")
    assert act["details"] == {"reason": "sent back"}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"event": "stripe:evt_1"}, 400, "bad_reason"),
        ({"event": "stripe:" + "x" * 300, "reason": "why"}, 400, "bad_text"),
        ({"event": 1, "reason": "why"}, 400, "bad_text"),
        ({"reason": "why"}, 404, "unknown_problem"),
        ({"event": "evt_1", "reason": "why"}, 404, "unknown_problem"),
    ],
)
def test_what_is_no_problem_is_not_resolved(
    operator: Visitor, fields: dict[str, object], status: int, code: str
) -> None:
    answer = resolve(operator, **fields)
    assert (answer.status_code, answer.headers["X-AutoList-Code"]) == (status, code)
    assert shown(operator, "acts", act="problem_resolved")["acts"] == []


@pytest.mark.parametrize(
    ("action", "query"),
    [
        ("orders", {"status": "absent"}),
        ("orders", {"before": "order_1"}),
        ("order_events", {"status": "resolved"}),
        ("order_events", {"before": "yesterday"}),
        ("order_events", {"before": f"{2**63}:stripe:evt_1"}),
        ("order_events", {"before": "1:stripe:" + "x" * 400}),
        ("order_events", {"before": "1:stripe:\n"}),
        ("order_events", {"limit": "201"}),
    ],
)
def test_what_is_no_page_is_refused(
    operator: Visitor, action: str, query: dict[str, str]
) -> None:
    assert operator.get("admin", action, **query).status_code == 400
