"""Auth: coming in and going out, and what strangers can learn from it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from storage import Storage
from storage.accounts import set_account_status
from tests.dashboard.visitor import EMAIL, PASSWORD, Visitor

WRONG = {"success": False, "message": "邮箱或密码错误", "data": None}


def test_registering_gives_money_a_key_and_a_session(user: Visitor) -> None:
    shown = user.me().get_json()["data"]["user"]
    assert (shown["email"], shown["balance"]) == (EMAIL, 10.0)
    assert user.api_key.startswith("tk_") and len(user.api_key) >= 35


def test_the_new_key_works_at_once(storage: Storage, user: Visitor) -> None:
    key_hash = storage.secrets.key_hash(user.api_key)
    found = storage.reader.key_by_hash(key_hash)
    assert found is not None and found.user_id == user.id


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "邮箱格式不正确"),
        ({"email": "", "password": PASSWORD}, "邮箱格式不正确"),
        ({"email": "no-at-sign", "password": PASSWORD}, "邮箱格式不正确"),
        ({"email": "a@", "password": PASSWORD}, "邮箱格式不正确"),
        ({"email": "@b.c", "password": PASSWORD}, "邮箱格式不正确"),
        ({"email": "a b@c.de", "password": PASSWORD}, "邮箱格式不正确"),
        ({"email": "a" * 300 + "@b.cd", "password": PASSWORD}, "邮箱格式不正确"),
        ({"email": "short", "password": "12345"}, "邮箱格式不正确"),
        ({"email": EMAIL}, "密码至少6位"),
        ({"email": EMAIL, "password": ""}, "密码至少6位"),
        ({"email": EMAIL, "password": "12345"}, "密码至少6位"),
        ({"email": EMAIL, "password": "密" * 5}, "密码至少6位"),
        ({"email": EMAIL, "password": "a" * 1025}, "密码过长，最多 1024 字节"),
        ({"email": EMAIL, "password": "密" * 342}, "密码过长，最多 1024 字节"),
        ({"email": 1, "password": PASSWORD}, "参数 email 应为文本"),
        ({"email": EMAIL, "password": 123456}, "参数 password 应为文本"),
        ({"email": EMAIL, "password": ["secret"]}, "参数 password 应为文本"),
        ({"email": EMAIL, "password": "\ud800secret"}, "参数 password 应为文本"),
    ],
)
def test_what_cannot_be_registered_says_why(
    visitor: Callable[[], Visitor], fields: dict[str, object], message: str
) -> None:
    answer = visitor().post("auth", "register", fields)
    assert answer.status_code == 400
    assert answer.get_json() == {"success": False, "message": message, "data": None}
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "password", ["123456", "密码密码密码", "a" * 1024, " spaces ", "zero\0inside"]
)
def test_passwords_of_all_kinds_register_and_sign_in(
    visitor: Callable[[], Visitor], password: str
) -> None:
    visitor().register(password=password)
    assert visitor().login(password=password).status_code == 200


@pytest.mark.parametrize("email", [EMAIL, "USER@Example.com", "  user@example.com "])
def test_one_address_has_one_account(
    user: Visitor, visitor: Callable[[], Visitor], email: str
) -> None:
    second = visitor()
    answer = second.post("auth", "register", {"email": email, "password": PASSWORD})
    assert answer.status_code == 409
    assert answer.get_json()["message"] == "该邮箱已被注册"
    assert second.me().status_code == 401


def test_an_address_signs_in_however_it_is_spelled(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    assert visitor().login(email=" User@EXAMPLE.com").status_code == 200


def test_twenty_at_once_register_one_account(
    app: Flask, storage: Storage, visitor: Callable[[], Visitor]
) -> None:
    barrier = threading.Barrier(20)

    def race() -> int:
        someone = visitor()
        barrier.wait()
        fields = {"email": EMAIL, "password": PASSWORD}
        return someone.post("auth", "register", fields).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = [job.result() for job in [pool.submit(race) for _ in range(20)]]
    assert sorted(answers) == [200] + [409] * 19
    assert len(storage.reader.users()) == 1


def test_signing_in_shows_the_user_with_the_key_masked(user: Visitor) -> None:
    answer = user.login()
    shown = answer.get_json()["data"]["user"]
    assert answer.get_json()["message"] == "登录成功"
    assert shown["api_key"] != user.api_key
    assert shown["api_key"][-4:] == user.api_key[-4:]
    assert user.api_key not in answer.text


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong password"),
        (EMAIL, PASSWORD + " "),
        (EMAIL, PASSWORD.upper()),
        (EMAIL, "a" * 5000),
        ("nobody@example.com", PASSWORD),
        ("no-at-sign", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ],
)
def test_all_strangers_get_one_answer(
    user: Visitor, visitor: Callable[[], Visitor], email: str, password: str
) -> None:
    answer = visitor().login(email, password)
    assert (answer.status_code, answer.get_json()) == (401, WRONG)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "fields",
    [{}, {"email": EMAIL}, {"password": PASSWORD}, {"email": "", "password": ""}],
)
def test_signing_in_needs_both(
    visitor: Callable[[], Visitor], fields: dict[str, str]
) -> None:
    answer = visitor().post("auth", "login", fields)
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "请填写邮箱和密码"


def disable(storage: Storage, user: Visitor) -> None:
    record = storage.reader.user(user.id)
    assert record is not None
    storage.writer.wait(set_account_status, record.account_id, "blocked")


def test_a_disabled_account_is_told_so_only_with_the_password(
    storage: Storage, user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    disable(storage, user)
    answer = visitor().login()
    assert answer.status_code == 403
    assert answer.get_json()["message"] == "账户已被禁用，请联系管理员"
    assert visitor().login(password="wrong").status_code == 401


def test_disabling_reaches_open_sessions(storage: Storage, user: Visitor) -> None:
    disable(storage, user)
    assert user.me().status_code == 403
    assert user.post("user", "regenerate_key").status_code == 403
    assert user.post("auth", "logout").status_code == 200


def test_signing_in_again_ends_the_old_session(user: Visitor) -> None:
    old = user.client.get_cookie("autolist_session")
    assert old is not None
    assert user.login().status_code == 200
    new = user.client.get_cookie("autolist_session")
    assert new is not None and new.value != old.value
    user.client.set_cookie("autolist_session", old.value)
    assert user.me().status_code == 401


def test_a_planted_session_is_not_adopted(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    victim = visitor()
    victim.client.set_cookie("autolist_session", "planted.by-somebody")
    victim.login()
    cookie = victim.client.get_cookie("autolist_session")
    assert cookie is not None and cookie.value != "planted.by-somebody"


def test_signing_out_ends_the_session_and_the_cookie(user: Visitor) -> None:
    cookie = user.client.get_cookie("autolist_session")
    assert cookie is not None
    answer = user.post("auth", "logout")
    assert answer.get_json() == {
        "success": True,
        "message": "已退出登录",
        "data": None,
    }
    assert user.client.get_cookie("autolist_session") is None
    user.client.set_cookie("autolist_session", cookie.value)
    assert user.me().status_code == 401


def test_signing_out_twice_is_fine(visitor: Callable[[], Visitor]) -> None:
    assert visitor().post("auth", "logout").status_code == 200


def test_one_person_may_be_signed_in_twice(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    phone = visitor()
    phone.login()
    phone.post("auth", "logout")
    assert user.me().status_code == 200


def test_who_is_signed_in_gets_a_token_of_their_own(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    other = visitor()
    other.register("other@example.com")
    tokens = [one.me().get_json()["data"]["csrf_token"] for one in (user, user, other)]
    assert tokens[0] == tokens[1] != tokens[2]
