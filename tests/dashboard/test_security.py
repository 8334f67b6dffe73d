"""Security: passwords, sessions, language, and what is told of them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.dashboard.visitor import EMAIL, OURS, PASSWORD, Visitor
from tests.fakes.clock import FakeClock

NEW = "another password"


def change(user: Visitor, **fields: object) -> Any:
    return user.post(
        "user", "change_password", {"password": PASSWORD, "new_password": NEW, **fields}
    )


def listed(user: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.get("user", "sessions").get_json()["data"][
        "sessions"
    ]
    return found


def test_a_new_password_ends_every_other_session(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    elsewhere = visitor()
    elsewhere.login()
    before = user.client.get_cookie("autolist_session")
    assert change(user).status_code == 200
    after = user.client.get_cookie("autolist_session")
    assert before is not None and after is not None and before.value != after.value
    assert user.me().status_code == 200
    assert elsewhere.me().status_code == 401
    assert visitor().login().status_code == 401
    assert visitor().login(password=NEW).status_code == 200


def test_the_cookie_of_before_is_nobodys(user: Visitor) -> None:
    old = user.client.get_cookie("autolist_session")
    assert old is not None
    change(user)
    user.client.set_cookie("autolist_session", old.value)
    assert user.me().status_code == 401


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"password": "wrong"}, 403, "wrong_password"),
        ({"password": ""}, 400, "missing_password"),
        ({"new_password": "12345"}, 400, "short_password"),
        ({"new_password": "x" * 1025}, 400, "long_password"),
        ({"new_password": None}, 400, "short_password"),
    ],
)
def test_a_password_is_changed_by_its_owner_to_a_good_one(
    user: Visitor, fields: dict[str, object], status: int, code: str
) -> None:
    answer = change(user, **fields)
    assert answer.status_code == status
    assert answer.headers["X-AutoList-Code"] == code
    assert user.login().status_code == 200


def test_sessions_are_listed_and_revoked(
    user: Visitor, visitor: Callable[[], Visitor], clock: FakeClock
) -> None:
    clock.advance(5)
    phone = visitor()
    fields = {"email": EMAIL, "password": PASSWORD}
    phone.post("auth", "login", fields, {**OURS, "User-Agent": "Phone"})
    first, second = listed(user)
    assert (first["agent"], first["current"]) == ("Phone", False)
    assert second["current"] is True
    answer = user.post("user", "revoke_session", {"id": first["id"]})
    assert answer.status_code == 200
    assert phone.me().status_code == 401
    assert len(listed(user)) == 1


def test_all_others_are_revoked_at_once(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    others = [visitor() for _ in range(3)]
    for other in others:
        other.login()
    answer = user.post("user", "revoke_sessions").get_json()
    assert answer["data"] == {"revoked": 3}
    assert {other.me().status_code for other in others} == {401}
    assert user.me().status_code == 200


def test_ones_own_session_can_be_revoked(user: Visitor) -> None:
    (only,) = listed(user)
    answer = user.post("user", "revoke_session", {"id": only["id"]})
    assert "autolist_session=;" in answer.headers["Set-Cookie"]
    assert user.me().status_code == 401


@pytest.mark.parametrize("id", ["", "x", "0" * 24, "x" * 9999, None])
def test_an_unknown_session_is_not_found(user: Visitor, id: str | None) -> None:
    assert user.post("user", "revoke_session", {"id": id}).status_code == 404


def test_a_session_of_somebody_else_is_unknown(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    other = visitor()
    other.register("other@example.com")
    (theirs,) = listed(other)
    assert user.post("user", "revoke_session", {"id": theirs["id"]}).status_code == 404
    assert other.me().status_code == 200


def test_who_comes_back_is_seen_again(user: Visitor, clock: FakeClock) -> None:
    clock.advance(599)
    assert listed(user)[0]["seen_at"] == "2026-01-01T00:00:00.000Z"
    clock.advance(1)
    user.me()
    assert listed(user)[0]["seen_at"] == "2026-01-01T00:10:00.000Z"


def test_a_language_that_was_chosen_is_spoken(user: Visitor) -> None:
    assert user.post("user", "set_language", {"language": "en"}).status_code == 200
    assert user.me().get_json()["message"] == "OK"
    assert user.me().get_json()["data"]["language"] == "en"
    switched = {**OURS, "X-AutoList-Language": "zh"}
    assert user.post("user", "set_language", {"language": ""}, switched).get_json()[
        "message"
    ] == "已保存"
    assert user.me().get_json()["message"] == "获取成功"
    user.post("user", "set_language", {"language": "en"})
    refused = user.post("user", "set_language", {"language": "fr"})
    assert refused.status_code == 400
    assert refused.get_json()["message"] == "The language is zh or en"
    assert refused.headers["Content-Language"] == "en"


def test_what_was_done_is_told(user: Visitor) -> None:
    user.login(password="wrong")
    user.login()
    user.post("user", "reveal_key", {"password": PASSWORD})
    user.post("user", "regenerate_key")
    user.post("user", "create_key", {"label": "ci"})
    change(user)
    answer = user.get("user", "activity")
    acts = answer.get_json()["data"]["acts"]
    # Acts of one moment are in no order.
    assert {one["act"] for one in acts} == {
        "password_changed",
        "key_created",
        "key_regenerated",
        "key_revealed",
        "signed_in",
        "sign_in_failed",
        "registered",
    }
    assert {one["actor"] for one in acts} == {"self"}
    assert {one["address"] for one in acts} == {"127.0.0.1"}
    for secret in (PASSWORD, NEW, "wrong", user.api_key):
        assert secret not in answer.text
