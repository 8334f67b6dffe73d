"""Keys: shown once, shown again for the password, replaced at once."""

import pytest

from storage import Storage
from storage.keys import revoke_key
from tests.dashboard.visitor import PASSWORD, Visitor


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
