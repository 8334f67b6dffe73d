"""Scripted attacks: what a stranger, another site or another user might try."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from config import Settings
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from tests.dashboard.visitor import EMAIL, PASSWORD, Visitor
from tests.fakes.clock import FakeClock

CHANGES: list[tuple[str, str, dict[str, object]]] = [
    ("auth", "register", {"email": "new@example.com", "password": PASSWORD}),
    ("auth", "login", {"email": EMAIL, "password": PASSWORD}),
    ("auth", "logout", {}),
    ("user", "charge", {"method": "test", "amount": 10}),
    ("user", "regenerate_key", {}),
    ("user", "reveal_key", {"password": PASSWORD}),
]
FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Referer": "https://evil.example/"},
]
SQL = [
    "' OR '1'='1",
    "'; DROP TABLE user; --",
    '" OR ""="',
    "1) UNION SELECT * FROM user --",
    "%' AND 1=0 UNION SELECT null --",
    "\\'; --",
]
SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</script><svg/onload=alert(1)>",
    "{{7*7}}${7*7}",
]


def code(answer: TestResponse) -> str | None:
    return answer.headers.get("X-AutoList-Code")


# Another site acts in the visitor's name.


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    ("place", "action", "fields"), CHANGES, ids=[action for _, action, _ in CHANGES]
)
def test_another_site_changes_nothing(
    user: Visitor,
    place: str,
    action: str,
    fields: dict[str, object],
    headers: dict[str, str],
) -> None:
    answer = user.post(place, action, fields, headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert user.balance() == "10.00"
    shown = user.post("user", "reveal_key", {"password": PASSWORD}).get_json()
    assert shown["data"]["api_key"] == user.api_key


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://localhost/public/dashboard.html"},
    ],
    ids=str,
)
def test_our_pages_do(user: Visitor, headers: dict[str, str]) -> None:
    assert user.post("user", "regenerate_key", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
def test_a_program_needs_the_token_except_where_the_document_shows_none(
    user: Visitor, headers: dict[str, str]
) -> None:
    charged = user.post("user", "charge", {"method": "test", "amount": 1}, headers)
    assert charged.status_code == 200
    refused = user.post("user", "regenerate_key", {}, headers)
    assert (refused.status_code, code(refused)) == (403, "foreign_origin")
    token = {"X-CSRF-Token": user.me().get_json()["data"]["csrf_token"]}
    answer = user.post("user", "regenerate_key", {}, headers | token)
    assert answer.status_code == 200


def test_the_token_of_somebody_else_is_refused(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    other = visitor()
    other.register("other@example.com")
    own = user.me().get_json()["data"]["csrf_token"]
    foreign = other.me().get_json()["data"]["csrf_token"]
    for token, status in ((own, 200), (foreign, 403), ("", 403), ("\u00e9", 403)):
        headers = {"X-CSRF-Token": token}
        assert user.post("user", "regenerate_key", {}, headers).status_code == status


@pytest.mark.parametrize("action", ["charge", "regenerate_key", "reveal_key"])
def test_a_link_changes_nothing(user: Visitor, action: str) -> None:
    fields = {"method": "test", "amount": "10", "password": PASSWORD}
    answer = user.get("user", action, **fields)
    assert answer.status_code == 405
    assert user.balance() == "10.00"


# Cookies.


def test_no_changed_cookie_opens_a_session(user: Visitor) -> None:
    cookie = user.client.get_cookie("autolist_session")
    assert cookie is not None
    value = cookie.value
    for place in range(len(value)):
        other = "A" if value[place] != "A" else "B"
        user.client.set_cookie(
            "autolist_session", value[:place] + other + value[place + 1 :]
        )
        # The last characters of a base64 text may carry no bits; nothing else may.
        if user.me().status_code == 200:
            assert same_bytes(value, value[:place] + other + value[place + 1 :])


def same_bytes(one: str, two: str) -> bool:
    signatures = [text.rpartition(".")[2] for text in (one, two)]
    first, second = [base64.urlsafe_b64decode(text + "==") for text in signatures]
    return first == second and one.rpartition(".")[0] == two.rpartition(".")[0]


@pytest.mark.parametrize("value", ["", "x", "a.b", "\xff", "x" * 4000, *SQL, *SCRIPTS])
def test_garbage_in_the_cookie_is_nobody(
    visitor: Callable[[], Visitor], value: str
) -> None:
    someone = visitor()
    headers = {"Cookie": f"autolist_session={value}"}
    answer = someone.client.get("/api/auth.php?action=me", headers=headers)
    assert answer.status_code == 401


# Strings with a purpose.


@pytest.mark.parametrize("text", [*SQL, *SCRIPTS])
def test_sql_and_scripts_are_only_text(
    storage: Storage, user: Visitor, visitor: Callable[[], Visitor], text: str
) -> None:
    stranger = visitor()
    answers = [
        stranger.login(text, PASSWORD),
        stranger.login(EMAIL, text),
        stranger.post("auth", "register", {"email": text, "password": PASSWORD}),
        stranger.get("auth", text),
        user.get("user", text),
        user.get("user", "transactions", before=text),
        user.get("user", "transactions", limit=text),
        user.post("user", "charge", {"method": text, "amount": text}),
        user.post("user", "charge", {"method": "voucher", "code": text}),
        user.post("user", "charge", {"method": "test", "amount": text}),
        user.post("user", "reveal_key", {"password": text}),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert answer.is_json and answer.get_json()["success"] is False
        assert text not in answer.text
    assert [one.email for one in storage.reader.users()] == [EMAIL]
    assert user.balance() == "10.00"


@pytest.mark.parametrize("agent", [*SQL, *SCRIPTS, "x" * 10_000])
def test_the_name_of_a_browser_is_only_text(user: Visitor, agent: str) -> None:
    fields = {"email": EMAIL, "password": PASSWORD}
    answer = user.post("auth", "login", fields, {"User-Agent": agent})
    assert answer.status_code == 200


@pytest.mark.parametrize("field", ["email", "password", "method", "code", "amount"])
@pytest.mark.parametrize("size", [10_000, 60_000])
def test_oversized_fields_are_refused_quickly(
    user: Visitor, field: str, size: int
) -> None:
    fields = {"email": EMAIL, "password": PASSWORD, "method": "test", "amount": "1"}
    if field == "code":
        fields["method"] = "voucher"
    for place, action in (("auth", "register"), ("user", "charge")):
        answer = user.post(place, action, fields | {field: "9" * size})
        assert answer.status_code in (200, 400, 409)
    assert user.get("user", "profile").status_code == 200


# Guessing.


def test_guessing_one_account_is_slowed_down(
    user: Visitor, visitor: Callable[[], Visitor], settings: Settings, clock: FakeClock
) -> None:
    guesser = visitor()
    allowed = settings.accounts.login_per_minute
    answers = [guesser.login(password=f"guess {n}") for n in range(allowed + 5)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * allowed + [429] * 5
    wait = int(answers[-1].headers["Retry-After"])
    assert 1 <= wait <= 60
    assert str(wait) in answers[-1].get_json()["message"]
    assert guesser.login().status_code == 429
    clock.advance(wait)
    assert guesser.login().status_code == 200


def test_the_right_password_is_never_slowed_down(user: Visitor) -> None:
    assert {user.login().status_code for _ in range(30)} == {200}


def test_asking_for_the_key_is_no_way_around(user: Visitor, settings: Settings) -> None:
    for number in range(settings.accounts.login_per_minute):
        user.post("user", "reveal_key", {"password": f"guess {number}"})
    assert user.post("user", "reveal_key", {"password": PASSWORD}).status_code == 429
    assert user.login().status_code == 429


def test_registering_in_bulk_is_slowed_down(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    few = replace(settings, accounts=replace(settings.accounts, register_per_hour=3))
    app = create_app(storage, few, demo=True, passwords=passwords)
    statuses = [register_number(app, number) for number in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert register_number(app, 9, "198.51.100.7") == 200


def register_number(app: Flask, number: int, address: str = "192.0.2.1") -> int:
    fields = {"email": f"user{number}@example.com", "password": PASSWORD}
    return app.test_client().post(
        "/api/auth.php?action=register",
        json=fields,
        environ_overrides={"REMOTE_ADDR": address},
    ).status_code


def test_a_header_does_not_change_who_is_asking(
    user: Visitor, visitor: Callable[[], Visitor], settings: Settings
) -> None:
    allowed = settings.accounts.login_per_minute
    statuses = [
        visitor()
        .post(
            "auth",
            "login",
            {"email": f"nobody{number}@example.com", "password": PASSWORD},
            {"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"},
        )
        .status_code
        for number in range(allowed + 1)
    ]
    assert statuses[-1] == 429


# Anything at all.

JUNK: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@hypothesis_settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    change=st.sampled_from(CHANGES),
    junk=st.dictionaries(
        st.sampled_from(["email", "password", "method", "amount", "code"]), JUNK
    ),
)
def test_no_body_breaks_anything(
    app: Flask, change: tuple[str, str, dict[str, object]], junk: dict[str, object]
) -> None:
    place, action, _ = change
    answer = app.test_client().post(
        f"/api/{place}.php?action={action}", data=json.dumps(junk)
    )
    assert answer.status_code < 500
    assert set(answer.get_json()) == {"success", "message", "data"}
