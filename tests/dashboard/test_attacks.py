"""Scripted attacks: what a stranger, another site or another user might try."""

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.actions import ADMIN, AUTH, USER
from dashboard.passwords import Passwords
from storage import Storage
from storage.accounts import set_role
from storage.vouchers import create_vouchers, new_code
from tests.dashboard.spending import spend
from tests.dashboard.visitor import EMAIL, OURS, PASSWORD, Visitor
from tests.fakes.clock import FakeClock
from tests.storage.teller import Teller

CHANGES: list[tuple[str, str, dict[str, object]]] = [
    ("auth", "register", {"email": "new@example.com", "password": PASSWORD}),
    ("auth", "login", {"email": EMAIL, "password": PASSWORD}),
    ("auth", "logout", {}),
    ("user", "charge", {"method": "test", "amount": 10}),
    ("user", "regenerate_key", {}),
    ("user", "reveal_key", {"password": PASSWORD}),
    ("user", "create_key", {"label": "mine"}),
    ("user", "update_key", {"id": 1, "label": "mine"}),
    ("user", "revoke_key", {"id": 1}),
    ("user", "change_password", {"password": PASSWORD, "new_password": "another"}),
    ("user", "revoke_session", {"id": "0" * 24}),
    ("user", "revoke_sessions", {}),
    ("user", "set_language", {"language": "en"}),
]
RULES: list[tuple[str, str, dict[str, object]]] = [
    ("admin", name, {"user_id": "x", "amount": "1", "reason": "why", "count": 1})
    for name, action in ADMIN.items()
    if action.changes
]
# What may leave its visitor signed out.
ENDING = {"logout"}
# What every reading action takes, and every changing one.
PARAMETERS = (
    "limit",
    "before",
    "after",
    "type",
    "model",
    "from",
    "to",
    "by",
    "key_id",
    "id",
    "days",
    "search",
    "status",
    "user_id",
    "act",
)
FIELDS = (
    "event",
    "email",
    "password",
    "new_password",
    "method",
    "amount",
    "code",
    "label",
    "rpm",
    "tpm",
    "concurrency",
    "limit",
    "limit_day",
    "limit_month",
    "expires_at",
    "models",
    "cidrs",
    "id",
    "language",
    "user_id",
    "key_id",
    "reason",
    "ref",
    "count",
    "batch",
)
# What is a text of its owner's choice, or looks for one, takes any text.
FREE_FIELDS = {"label", "reason", "ref", "batch"}
FREE_PARAMETERS = {"model", "search", "after"}
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
    ("place", "action", "fields"),
    [*CHANGES, *RULES],
    ids=[action for _, action, _ in [*CHANGES, *RULES]],
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


@pytest.mark.parametrize(
    "action", [action for place, action, _ in CHANGES if place == "user"]
)
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


@pytest.fixture
def boss(storage: Storage, visitor: Callable[[], Visitor]) -> Visitor:
    """An operator, so that what only operators reach is attacked too."""
    someone = visitor()
    someone.register("boss@example.com")
    storage.writer.wait(set_role, someone.id, "operator")
    return someone


READS = [
    (place, action)
    for place, table in (("auth", AUTH), ("user", USER), ("admin", ADMIN))
    for action, entry in table.items()
    if not entry.changes
]


@pytest.mark.parametrize(("place", "action"), READS, ids=[name for _, name in READS])
def test_no_parameter_of_any_action_is_more_than_text(
    storage: Storage, boss: Visitor, place: str, action: str
) -> None:
    users = len(storage.reader.users())
    for text in (*SQL, *SCRIPTS, "x" * 5000, "\0", "\u202e", "-1", "1e9", "٣"):
        for name in PARAMETERS:
            answer = boss.get(place, action, **{name: text})
            assert answer.status_code in (200, 400, 404), (name, text)
            if answer.status_code != 200:
                assert text not in (*SQL, *SCRIPTS) or text not in answer.text
            elif name not in FREE_PARAMETERS and not answer.is_json:
                assert answer.mimetype == "text/csv"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            answer.close()
    assert len(storage.reader.users()) == users
    assert boss.balance() == "10.00"


@pytest.mark.parametrize(
    ("place", "action"),
    [(place, action) for place, action, _ in [*CHANGES, *RULES]],
    ids=[action for _, action, _ in [*CHANGES, *RULES]],
)
def test_no_field_of_any_change_is_more_than_text(
    storage: Storage,
    boss: Visitor,
    user: Visitor,
    settings: Settings,
    place: str,
    action: str,
) -> None:
    good: dict[str, object] = {
        "user_id": user.id,
        "amount": "1",
        "reason": "why",
        "count": 1,
    }
    token = boss.me().get_json()["data"]["csrf_token"]
    headers = {**OURS, "X-CSRF-Token": token}
    for text in (*SQL, *SCRIPTS, "x" * 5000, "\0", "\ud800"):
        for name in FIELDS:
            answer = boss.post(place, action, {**good, name: text}, headers)
            assert answer.status_code < 500, (name, text)
            assert answer.is_json
            assert set(answer.get_json()) == {"success", "message", "data"}
            if answer.status_code != 200 and not text.isdigit():
                assert text not in answer.text or name in FREE_FIELDS
            if action in ENDING and boss.me().status_code == 401:
                boss.login("boss@example.com")
                token = boss.me().get_json()["data"]["csrf_token"]
                headers = {**OURS, "X-CSRF-Token": token}
        # Whoever is signed out tries nothing.
        assert boss.me().status_code == 200
    tables = storage.writer.wait(lambda db: db.sql('SELECT count(*) FROM "user"'))
    assert tables == [(2,)]


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_script_in_a_name_comes_back_as_text_of_json(
    boss: Visitor, user: Visitor, text: str
) -> None:
    """Wherever it is shown: nothing but JSON, which no browser takes for a page."""
    made = user.post("user", "create_key", {"label": text})
    assert made.status_code == 200
    agent = {**OURS, "User-Agent": text}
    user.post("auth", "login", {"email": EMAIL, "password": PASSWORD}, agent)
    token = boss.me().get_json()["data"]["csrf_token"]
    boss.post(
        "admin",
        "create_vouchers",
        {"amount": "1", "count": 1, "batch": text},
        {**OURS, "X-CSRF-Token": token},
    )
    answers = {
        "label": user.get("user", "keys"),
        "agent": user.get("user", "sessions"),
        "details": user.get("user", "activity"),
        "keys": boss.get("admin", "user", id=user.id),
        "batch": boss.get("admin", "vouchers"),
        "target": boss.get("admin", "acts"),
    }
    for name, answer in answers.items():
        assert answer.mimetype == "application/json", name
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert text in values(answer.get_json()), name


def values(shape: Any) -> list[Any]:
    if isinstance(shape, dict):
        return [found for value in shape.values() for found in values(value)]
    if isinstance(shape, list):
        return [found for value in shape for found in values(value)]
    return [shape]


# What belongs to others.


def test_no_id_of_anybody_else_opens_anything(
    storage: Storage, user: Visitor, visitor: Callable[[], Visitor], price_id: str
) -> None:
    other = visitor()
    other.register("other@example.com")
    request_id = spend(storage, other.id, price_id, 500)
    key = other.get("user", "keys").get_json()["data"]["keys"][0]["id"]
    session = other.get("user", "sessions").get_json()["data"]["sessions"][0]["id"]
    before = other.get("user", "keys").text
    assert user.get("user", "receipt", id=request_id).status_code == 404
    assert user.get("user", "requests", key_id=str(key)).get_json()["data"][
        "requests"
    ] == []
    for action in ("update_key", "revoke_key"):
        answer = user.post("user", action, {"id": key, "label": "mine"})
        assert answer.status_code == 404
    assert user.post("user", "revoke_session", {"id": session}).status_code == 404
    for query in ({"user_id": other.id}, {"account_id": "2"}, {"id": other.id}):
        for action in ("profile", "overview", "transactions", "keys", "activity"):
            answer = user.get("user", action, **query)
            assert "other@example.com" not in answer.text
            assert request_id not in answer.text
    for name in ADMIN:
        assert user.get("admin", name, id=other.id).status_code in (403, 405)
    assert other.get("user", "keys").text == before


# All at once.

AT_ONCE = 50


def at_once[R](calls: list[Callable[[], R]]) -> list[R]:
    """Started together, as far as threads can be."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], R]) -> R:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_one_voucher_redeemed_fifty_times_at_once_pays_once(
    storage: Storage, app: Flask, user: Visitor
) -> None:
    code = new_code()
    storage.writer.wait(create_vouchers, [code], 5 * 10**9, "batch")
    cookie = user.client.get_cookie("autolist_session")
    assert cookie is not None

    def redeem() -> int:
        again = Visitor(app.test_client())
        again.client.set_cookie("autolist_session", cookie.value)
        fields = {"method": "voucher", "code": code}
        return again.post("user", "charge", fields).status_code

    statuses = at_once([redeem] * AT_ONCE)
    assert sorted(statuses) == [200] + [409] * (AT_ONCE - 1)
    assert user.balance() == "15.00"
    assert Teller(storage).audit() == []


def test_one_address_registered_in_parallel_is_one_user(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    many = replace(settings.accounts, register_per_hour=1000)
    app = create_app(
        storage,
        Current.of(replace(settings, accounts=many)),
        demo=True,
        passwords=passwords,
    )
    spellings = ["New@Example.com", "new@example.com ", " NEW@EXAMPLE.COM"]

    def register(number: int) -> int:
        fields = {"email": spellings[number % 3], "password": PASSWORD}
        return Visitor(app.test_client()).post("auth", "register", fields).status_code

    statuses = at_once([partial(register, number) for number in range(20)])
    assert sorted(statuses) == [200] + [409] * 19
    (only,) = storage.reader.users()
    assert only.email == "new@example.com"
    assert storage.reader.balance(only.account_id).available_nano == 10**10
    assert Teller(storage).audit() == []


# Guessing.


def test_guesses_in_parallel_do_not_slip_past_the_count(
    app: Flask, user: Visitor, settings: Settings
) -> None:
    def guess(number: int) -> int:
        return Visitor(app.test_client()).login(password=f"guess {number}").status_code

    statuses = at_once([partial(guess, number) for number in range(30)])
    assert statuses.count(401) == settings.accounts.login_per_minute
    assert statuses.count(429) == 30 - settings.accounts.login_per_minute


def test_a_planted_session_is_not_the_one_that_is_signed_in(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    """Fixation: whoever planted the cookie of before holds nothing."""
    attacker = visitor()
    attacker.register("attacker@example.com")
    planted = attacker.client.get_cookie("autolist_session")
    assert planted is not None
    victim = visitor()
    victim.client.set_cookie("autolist_session", planted.value)
    assert victim.login().status_code == 200
    fresh = victim.client.get_cookie("autolist_session")
    assert fresh is not None and fresh.value != planted.value
    assert attacker.me().status_code == 401


def test_an_unknown_address_is_answered_like_a_wrong_password(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    known = visitor().login(password="wrong")
    unknown = visitor().login("nobody@example.com", "wrong")
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    kept = {"Date", "Content-Length"}
    assert dict(known.headers).keys() - kept == dict(unknown.headers).keys() - kept


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
    app = create_app(storage, Current.of(few), demo=True, passwords=passwords)
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
