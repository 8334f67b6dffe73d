"""The operator: users, money, keys and vouchers, and that it is the operator's."""

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.actions import ADMIN
from storage import Storage
from storage.accounts import set_role
from tests.dashboard.visitor import OURS, Visitor

BOSS = "boss@example.com"


class Operator(Visitor):
    """Sends the token with every change."""

    def rule(self, action: str, **fields: object) -> Any:
        token = self.me().get_json()["data"]["csrf_token"]
        return self.post("admin", action, fields, {**OURS, "X-CSRF-Token": token})

    def shown(self, action: str, **query: str) -> dict[str, Any]:
        answer = self.get("admin", action, **query)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.get_json()["data"]
        return data


@pytest.fixture
def operator(storage: Storage, visitor: Callable[[], Visitor]) -> Operator:
    boss = Operator(visitor().client)
    boss.register(BOSS)
    storage.writer.wait(set_role, boss.id, "operator")
    return boss


def audited(operator: Operator, act: str) -> dict[str, Any]:
    (entry,) = operator.shown("acts", act=act)["acts"]
    found: dict[str, Any] = entry
    return found


@pytest.mark.parametrize("action", ADMIN)
def test_it_is_for_operators_only(
    user: Visitor, visitor: Callable[[], Visitor], action: str
) -> None:
    method = user.post if ADMIN[action].changes else user.get
    answer = method("admin", action)
    assert answer.status_code == 403
    assert answer.headers["X-AutoList-Code"] == "operators_only"
    stranger = visitor()
    method = stranger.post if ADMIN[action].changes else stranger.get
    assert method("admin", action).status_code == 401


@pytest.mark.parametrize("action", [n for n, one in ADMIN.items() if one.changes])
def test_an_operators_change_takes_the_token(operator: Operator, action: str) -> None:
    for headers in (OURS, {}, {**OURS, "X-CSRF-Token": "0" * 64}):
        answer = operator.post("admin", action, {}, headers)
        assert answer.headers["X-AutoList-Code"] == "foreign_origin"
    assert operator.rule(action).status_code in (400, 404)


def test_who_is_no_operator_any_more_is_out(
    storage: Storage, operator: Operator
) -> None:
    storage.writer.wait(set_role, operator.id, "user")
    assert operator.get("admin", "users").status_code == 403


def test_users_are_found(operator: Operator, user: Visitor) -> None:
    shown = operator.shown("users")
    assert [one["email"] for one in shown["users"]] == [BOSS, "user@example.com"]
    assert operator.shown("users", search="USER@")["users"][0]["id"] == user.id
    assert operator.shown("users", search="%")["users"] == []
    assert operator.shown("users", status="disabled")["users"] == []
    first = operator.shown("users", limit="1")
    second = operator.shown("users", limit="1", after=first["next"])
    assert second["users"][0]["id"] == user.id and second["next"] is None


def test_a_user_is_shown_with_keys_and_money(operator: Operator, user: Visitor) -> None:
    shown = operator.shown("user", id=user.id)
    assert shown["user"]["balance_exact"] == "10.00"
    assert (len(shown["keys"]), shown["sessions"]) == (1, 1)
    assert shown["transactions"][0]["type"] == "promo"
    assert operator.get("admin", "user", id="nobody").status_code == 404


def test_a_disabled_user_is_out_at_once(
    storage: Storage, operator: Operator, user: Visitor
) -> None:
    answer = operator.rule("disable_user", user_id=user.id, reason="abuse")
    assert answer.get_json()["data"]["user"]["status"] == "disabled"
    assert user.me().status_code == 401
    assert user.login().status_code == 403
    key = storage.reader.key_by_hash(storage.secrets.key_hash(user.api_key))
    assert key is not None and key.account_status == "blocked"
    entry = audited(operator, "user_disabled")
    assert (entry["actor"]["email"], entry["user"]["email"]) == (BOSS, user_email())
    assert (entry["details"], entry["address"]) == ({"reason": "abuse"}, "127.0.0.1")
    operator.rule("enable_user", user_id=user.id, reason="a mistake")
    assert user.login().status_code == 200


def user_email() -> str:
    return "user@example.com"


def test_an_operator_does_not_lock_itself_out(operator: Operator) -> None:
    answer = operator.rule("disable_user", user_id=operator.id, reason="oops")
    assert (answer.status_code, answer.headers["X-AutoList-Code"]) == (409, "oneself")
    assert operator.me().status_code == 200


@pytest.mark.parametrize(
    ("amount", "moved", "short", "balance"),
    [("2.5", "2.50", "0.00", "12.50"), ("-3", "-3.00", "0.00", "7.00"),
     ("-15", "-10.00", "5.00", "0.00"), (1, "1.00", "0.00", "11.00")],
)
def test_a_balance_is_adjusted_once_with_a_reason(
    storage: Storage,
    operator: Operator,
    user: Visitor,
    amount: object,
    moved: str,
    short: str,
    balance: str,
) -> None:
    fields = {"user_id": user.id, "amount": amount, "reason": "paid twice", "ref": "a"}
    first = operator.rule("adjust", **fields).get_json()["data"]
    again = operator.rule("adjust", **fields).get_json()["data"]
    assert (first["amount"], first["shortfall"]) == (moved, short)
    assert (first["again"], again["again"]) == (False, True)
    assert first["transaction_id"] == again["transaction_id"]
    assert user.balance() == balance
    assert audited(operator, "adjusted")["details"]["reason"] == "paid twice"
    other = operator.rule("adjust", **{**fields, "amount": "7"})
    assert (other.status_code, other.headers["X-AutoList-Code"]) == (409, "ref_used")
    assert user.balance() == balance


def test_money_is_given_once(operator: Operator, user: Visitor) -> None:
    fields = {"user_id": user.id, "amount": "5", "reason": "sorry", "ref": "ticket 7"}
    assert operator.rule("grant", **fields).get_json()["data"]["again"] is False
    assert operator.rule("grant", **fields).get_json()["data"]["again"] is True
    assert user.balance() == "15.00"
    assert operator.rule("grant", **{**fields, "amount": "6"}).status_code == 409
    assert audited(operator, "granted")["details"]["amount"] == "5.00"


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1e3"},
        {"amount": "0.0000000001"},
        {"amount": "1000000.01"},
        {"amount": None},
        {"reason": ""},
        {"reason": " "},
        {"reason": "x" * 201},
        {"reason": 5},
        {"ref": "x" * 101},
        {"user_id": "nobody"},
        {"user_id": None},
        {"user_id": "x" * 9999},
    ],
    ids=str,
)
def test_nothing_moves_on_bad_words(
    operator: Operator, user: Visitor, fields: dict[str, object]
) -> None:
    good = {"user_id": user.id, "amount": "1", "reason": "why"}
    answer = operator.rule("grant", **{**good, **fields})
    assert answer.status_code in (400, 404)
    assert user.balance() == "10.00"


def test_a_users_key_is_revoked(
    storage: Storage, operator: Operator, user: Visitor
) -> None:
    (key,) = operator.shown("user", id=user.id)["keys"]
    fields = {"user_id": user.id, "key_id": key["id"], "reason": "leaked"}
    assert operator.rule("revoke_user_key", **fields).status_code == 200
    found = storage.reader.key_by_hash(storage.secrets.key_hash(user.api_key))
    assert found is not None and found.status == "revoked"
    assert operator.rule("revoke_user_key", **fields).status_code == 404
    assert audited(operator, "key_revoked")["target"] == key["mask"]


def test_vouchers_are_made_and_counted(operator: Operator, user: Visitor) -> None:
    made = operator.rule("create_vouchers", amount="2", count=3, batch="spring")
    data = made.get_json()["data"]
    assert (data["batch"], data["amount"], len(data["codes"])) == ("spring", "2.00", 3)
    user.post("user", "charge", {"method": "voucher", "code": data["codes"][0]})
    assert user.balance() == "12.00"
    (batch,) = operator.shown("vouchers")["batches"]
    assert (batch["count"], batch["spent"], batch["left"]) == (3, 1, 2)
    acts = operator.get("admin", "acts").text
    assert all(code not in acts for code in data["codes"])
    for bad in ({"count": 0}, {"count": 10_001}, {"batch": "x" * 65}, {"amount": "0"}):
        fields = {"amount": "2", "count": 3, **bad}
        assert operator.rule("create_vouchers", **fields).status_code == 400


@pytest.mark.parametrize(
    "before", ["x", "1", "1:a\nb", "9" * 30 + ":a", "1:" + "x" * 999]
)
def test_a_bad_place_of_a_batch_is_refused(operator: Operator, before: str) -> None:
    status = operator.get("admin", "vouchers", before=before).status_code
    assert status == (200 if before == "1" else 400)
