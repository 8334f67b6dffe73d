"""Keys: shown once, shown again for the password, replaced at once."""

from collections.abc import Callable
from typing import Any

import pytest

from storage import Storage
from storage.directory import Directory
from storage.keys import KEYS_MAX, revoke_key
from tests.dashboard.spending import spend
from tests.dashboard.visitor import PASSWORD, Visitor
from tests.fakes.clock import FakeClock


def find(storage: Storage, plain: str) -> str | None:
    record = storage.reader.key_by_hash(storage.secrets.key_hash(plain))
    return record.status if record else None


def revoke_default(storage: Storage, user: Visitor) -> None:
    record = storage.reader.user(user.id)
    assert record is not None
    default = storage.reader.default_key(record.account_id)
    assert default is not None
    storage.writer.wait(revoke_key, default[0].id)


def test_a_new_key_replaces_the_old_one_at_once(
    storage: Storage, user: Visitor
) -> None:
    answer = user.post("user", "regenerate_key").get_json()
    new = answer["data"]["api_key"]
    assert answer["message"] == "API Key 已重新生成，旧的已立即失效"
    assert new.startswith("tk_") and new != user.api_key
    assert find(storage, new) == "active"
    assert find(storage, user.api_key) != "active"
    shown = user.me().get_json()["data"]["user"]["api_key"]
    assert shown == answer["data"]["masked"]


async def test_the_directory_forgets_the_old_key(
    storage: Storage, user: Visitor
) -> None:
    assert await storage.directory.find(user.api_key) is not None
    new = user.post("user", "regenerate_key").get_json()["data"]["api_key"]
    found = await storage.directory.find(user.api_key)
    assert found is None or found.status != "active"
    assert await storage.directory.find(new) is not None


def test_the_key_is_shown_for_the_password(user: Visitor) -> None:
    answer = user.post("user", "reveal_key", {"password": PASSWORD})
    assert answer.get_json()["data"]["api_key"] == user.api_key
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({}, 400, "请输入密码"),
        ({"password": ""}, 400, "请输入密码"),
        ({"password": 1}, 400, "参数 password 应为文本"),
        ({"password": "wrong"}, 403, "密码不正确"),
        ({"password": PASSWORD + "\0"}, 403, "密码不正确"),
    ],
)
def test_without_the_password_it_is_not(
    user: Visitor, fields: dict[str, object], status: int, message: str
) -> None:
    answer = user.post("user", "reveal_key", fields)
    assert (answer.status_code, answer.get_json()["message"]) == (status, message)
    assert user.api_key not in answer.text
    assert user.me().status_code == 200


def test_an_account_without_a_key_is_told_what_to_do(
    storage: Storage, user: Visitor
) -> None:
    revoke_default(storage, user)
    answer = user.post("user", "reveal_key", {"password": PASSWORD})
    assert answer.status_code == 409
    assert answer.get_json()["message"] == "当前没有可用的 API Key，请重新生成"
    assert user.me().get_json()["data"]["user"]["api_key"] is None
    assert user.get("user", "profile").status_code == 200
    new = user.post("user", "regenerate_key").get_json()["data"]["api_key"]
    assert find(storage, new) == "active"


def test_no_other_answer_has_the_key_in_it(user: Visitor) -> None:
    answers = [
        user.login(),
        user.me(),
        user.get("user", "profile"),
        user.get("user", "transactions"),
    ]
    assert all(user.api_key not in answer.text for answer in answers)


# More keys.

LIMITS: dict[str, object] = {
    "label": "ci",
    "expires_at": "2026-06-01",
    "models": ["gpt-4o", "qwen-plus"],
    "cidrs": ["10.1.2.3/8", "2001:db8::1"],
    "rpm": 60,
    "tpm": "1000",
    "concurrency": 0,
    "limit": "12.50",
    "limit_month": 3.5,
    "limit_day": "0",
}
SHOWN = {
    "label": "ci",
    "status": "active",
    "default": False,
    "expires_at": "2026-06-01T00:00:00.000Z",
    "models": ["gpt-4o", "qwen-plus"],
    "cidrs": ["10.0.0.0/8", "2001:db8::1/128"],
    "rpm": 60,
    "tpm": 1000,
    "concurrency": 0,
    "limit": "12.50",
    "limit_month": "3.50",
    "limit_day": "0.00",
    "spent": "0.00",
    "requests_day": 0,
    "used_on": None,
    "revoked_at": None,
}


def create(user: Visitor, **fields: object) -> dict[str, Any]:
    answer = user.post("user", "create_key", fields)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.get_json()["data"]
    return made


def listed(user: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.get("user", "keys").get_json()["data"]["keys"]
    return found


def test_a_key_is_made_with_its_limits(storage: Storage, user: Visitor) -> None:
    made = create(user, **LIMITS)
    assert {name: made["key"][name] for name in SHOWN} == SHOWN
    assert made["api_key"].startswith("tk_")
    assert find(storage, made["api_key"]) == "active"
    assert listed(user)[0] == made["key"]
    assert made["api_key"] not in user.get("user", "keys").text


def test_a_key_may_have_no_limits(user: Visitor) -> None:
    key = create(user)["key"]
    assert {key[name] for name in ("rpm", "tpm", "models", "cidrs", "limit")} == {None}
    assert (key["label"], key["expires_at"]) == ("", None)


def test_limits_are_changed_one_by_one(user: Visitor) -> None:
    key = create(user, **LIMITS)["key"]
    changes = {"rpm": 5, "models": None, "label": "new", "limit": None, "cidrs": ""}
    answer = user.post("user", "update_key", {"id": key["id"], **changes})
    shown = answer.get_json()["data"]["key"]
    expected = {**key, "rpm": 5, "models": None, "label": "new", "limit": None}
    assert shown == {**expected, "cidrs": None}
    same = user.post("user", "update_key", {"id": key["id"]}).get_json()["data"]["key"]
    assert same == shown


def test_a_key_is_revoked_for_good(storage: Storage, user: Visitor) -> None:
    made = create(user, label="old")
    key_id = made["key"]["id"]
    answer = user.post("user", "revoke_key", {"id": key_id})
    assert answer.get_json()["data"]["key"]["status"] == "revoked"
    assert find(storage, made["api_key"]) == "revoked"
    assert listed(user)[-1]["id"] == key_id
    for action in ("revoke_key", "update_key"):
        assert user.post("user", action, {"id": key_id}).status_code == 404


def test_the_default_key_is_not_revoked(user: Visitor) -> None:
    (default,) = listed(user)
    answer = user.post("user", "revoke_key", {"id": default["id"]})
    assert answer.status_code == 409
    assert answer.headers["X-AutoList-Code"] == "default_key"


def test_a_key_whose_time_is_over_says_so(user: Visitor, clock: FakeClock) -> None:
    create(user, expires_at="2026-01-02")
    clock.advance(86_400)
    assert listed(user)[0]["status"] == "expired"


def test_there_are_only_so_many(user: Visitor) -> None:
    for _ in range(KEYS_MAX - 1):
        create(user)
    answer = user.post("user", "create_key")
    assert (answer.status_code, answer.headers["X-AutoList-Code"]) == (
        409,
        "too_many_keys",
    )


def test_what_a_key_was_used_for_is_shown(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    spend(storage, user.id, price_id, 500)
    (key,) = listed(user)
    assert (key["spent"], key["used_on"], key["requests_day"]) == (
        "0.0000005",
        "2026-01-01",
        1,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "x" * 65},
        {"label": "a\u202eb"},
        {"label": ["x"]},
        {"rpm": -1},
        {"rpm": 1.5},
        {"rpm": True},
        {"rpm": 2**31},
        {"tpm": "x"},
        {"limit": "-1"},
        {"limit": "0.0000000001"},
        {"limit_day": "much"},
        {"expires_at": "2025-12-31"},
        {"expires_at": "2026-06-01T00:00:00"},
        {"expires_at": 5},
        {"models": ["gpt-99"]},
        {"models": []},
        {"models": {"gpt-4o": 1}},
        {"models": ["gpt-4o"] * 101},
        {"cidrs": ["10.0.0.0/99"]},
        {"cidrs": ["here"]},
        {"cidrs": [5]},
        {"cidrs": [f"10.0.{n}.1" for n in range(33)]},
    ],
    ids=str,
)
def test_a_limit_that_is_none_changes_nothing(
    user: Visitor, fields: dict[str, object]
) -> None:
    (default,) = before = listed(user)
    for action in ("create_key", "update_key"):
        answer = user.post("user", action, {"id": default["id"], **fields})
        assert answer.status_code == 400, answer.text
    assert listed(user) == before


@pytest.mark.parametrize("action", ["update_key", "revoke_key"])
@pytest.mark.parametrize("id", [0, -1, None, "x", 1.5, True, 2**63, [], "1 OR 1=1"])
def test_an_id_is_a_number(user: Visitor, action: str, id: object) -> None:
    assert user.post("user", action, {"id": id}).status_code == 400


@pytest.mark.parametrize("action", ["update_key", "revoke_key"])
def test_the_keys_of_others_do_not_exist(
    user: Visitor, visitor: Callable[[], Visitor], action: str
) -> None:
    other = visitor()
    other.register("other@example.com")
    theirs = create(other, label="theirs")["key"]
    answer = user.post("user", action, {"id": theirs["id"], "label": "mine"})
    nobodys = user.post("user", action, {"id": 10**9, "label": "mine"})
    assert answer.status_code == nobodys.status_code == 404
    assert answer.text == nobodys.text
    assert listed(other)[0] == theirs


async def test_other_workers_learn_of_a_change_within_a_second(
    storage: Storage, user: Visitor, clock: FakeClock
) -> None:
    """Another process has a directory of its own, and sees the same file."""
    made = create(user, label="ci")
    other = Directory(storage.reader, storage.secrets, clock)
    found = await other.find(made["api_key"])
    assert found is not None and found.models is None
    changes: dict[str, object] = {
        "models": ["qwen-plus"],
        "cidrs": ["10.0.0.0/8"],
        "expires_at": "2027-01-01",
    }
    user.post("user", "update_key", {"id": made["key"]["id"], **changes})
    clock.advance(0.5)
    found = await other.find(made["api_key"])
    assert found is not None
    assert found.models == {"qwen-plus"} and found.networks and found.expires_ns
    user.post("user", "revoke_key", {"id": made["key"]["id"]})
    clock.advance(0.5)
    assert await other.find(made["api_key"]) is None
    other.close()
