"""App: one shape for every answer, whatever went right or wrong."""

import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from flask import Flask
from flask.testing import FlaskClient

from config import Settings
from config.current import Current
from config.gateway import LedgerSettings
from dashboard import create_app
from dashboard.app import as_refusal
from dashboard.passwords import Passwords
from dashboard.refusals import OurFault, Unavailable
from storage import Storage, open_storage
from storage.errors import LedgerBusy, LedgerUnavailable
from tests.dashboard.visitor import EMAIL, PASSWORD, Visitor

LOGIN = "/api/auth.php?action=login"
FORM_BYTES = 64 * 1024


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/api/auth.php", 400, "缺少参数 action"),
        ("GET", "/api/auth.php?action=", 400, "缺少参数 action"),
        ("GET", "/api/auth.php?action=nothing", 404, "未知操作"),
        ("GET", "/api/user.php?action=login", 404, "未知操作"),
        ("GET", "/api/user.php?action=profile", 401, "请先登录"),
        ("POST", "/api/user.php?action=charge", 401, "请先登录"),
        ("GET", "/api/auth.php?action=login", 405, "请求方法不正确，请使用 POST"),
        ("PUT", "/api/auth.php?action=login", 405, "请求方法不正确，请使用 POST"),
        ("POST", "/api/auth.php?action=me", 405, "请求方法不正确，请使用 GET, HEAD"),
        ("GET", "/api/other.php", 404, "页面不存在"),
        ("GET", "/api/auth.php/", 404, "页面不存在"),
    ],
)
def test_refusals_have_the_shape_of_answers(
    client: FlaskClient, method: str, path: str, status: int, message: str
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.get_json() == {"success": False, "message": message, "data": None}
    assert answer.content_type == "application/json; charset=utf-8"
    assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize(
    ("wish", "language", "message"),
    [
        (None, "zh", "请先登录"),
        ("zh-CN", "zh", "请先登录"),
        ("en-US,en;q=0.9", "en", "Please sign in first"),
    ],
)
def test_messages_come_in_the_visitors_language(
    client: FlaskClient, wish: str | None, language: str, message: str
) -> None:
    headers = {"Accept-Language": wish} if wish else {}
    answer = client.get("/api/auth.php?action=me", headers=headers)
    assert answer.get_json()["message"] == message
    assert answer.headers["Content-Language"] == language


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_a_preflight_finds_nobody_who_agrees(client: FlaskClient, method: str) -> None:
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
    }
    answer = client.open(LOGIN, method=method, headers=headers)
    assert answer.status_code == 405
    assert not any(name.startswith("Access-Control") for name, _ in answer.headers)


def test_head_is_a_get_without_a_body(user: Visitor) -> None:
    answer = user.client.head("/api/auth.php?action=me")
    assert (answer.status_code, answer.data) == (200, b"")


def test_a_form_works_as_well_as_json(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    form = {"email": EMAIL, "password": PASSWORD}
    assert visitor().client.post(LOGIN, data=form).status_code == 200


def test_json_sent_as_a_form_works(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    answer = visitor().client.post(
        LOGIN,
        data=f'{{"email": "{EMAIL}", "password": "{PASSWORD}"}}',
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("size", "status"), [(FORM_BYTES, 401), (FORM_BYTES + 1, 413)]
)
def test_the_body_limit_is_exact(client: FlaskClient, size: int, status: int) -> None:
    frame = '{"email": "a@b.cd", "password": ""}'
    padding = "x" * (size - len(frame))
    body = frame.replace('""', f'"{padding}"')
    answer = client.post(LOGIN, data=body, content_type="application/json")
    assert answer.status_code == status


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_a_body_of_unknown_length_is_limited_too(
    client: FlaskClient, content_type: str
) -> None:
    answer = client.post(
        LOGIN,
        input_stream=io.BytesIO(b'{"x": "' + b"x" * (FORM_BYTES * 4)),
        content_type=content_type,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert answer.get_json()["message"] == "请求内容过大"


def test_a_form_of_very_many_parts_is_refused(client: FlaskClient) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    answer = client.post(
        LOGIN,
        data=part * 1000 + "--x--",
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413


def test_a_body_of_a_get_is_not_read(user: Visitor) -> None:
    answer = user.client.get("/api/auth.php?action=me", data="x" * FORM_BYTES)
    assert answer.status_code == 200


def test_an_exception_is_ours_to_know(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    app.add_url_rule("/api/broken", view_func=broken)
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/api/broken")
    assert answer.status_code == 500
    assert answer.get_json()["message"] == "服务器内部错误，请稍后再试"
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("error", [LedgerUnavailable("disk full"), LedgerBusy("full")])
def test_a_ledger_that_cannot_write_is_unavailable(error: Exception) -> None:
    refusal = as_refusal(error)
    assert isinstance(refusal, Unavailable) and refusal.retry_after == 1


def test_anything_unexpected_is_our_fault() -> None:
    assert isinstance(as_refusal(KeyError("x")), OurFault)


@pytest.fixture
def locked_out(
    tmp_path: Path, settings: Settings, passwords: Passwords
) -> Iterator[tuple[Visitor, apsw.Connection]]:
    """Somebody signed in, and another process that can hold the file's write lock."""
    hasty = LedgerSettings(busy_seconds=0.05)
    storage = open_storage(tmp_path / "locked", hasty, gateway=True)
    app = create_app(storage, Current.of(settings), demo=True, passwords=passwords)
    someone = Visitor(app.test_client())
    someone.register()
    other = apsw.Connection(str(storage.engine.path))
    yield someone, other
    other.close()
    storage.close()


@pytest.mark.parametrize(
    ("place", "action", "fields"),
    [
        ("auth", "register", {"email": "new@example.com", "password": PASSWORD}),
        ("auth", "login", {"email": EMAIL, "password": PASSWORD}),
        ("auth", "logout", {}),
        ("user", "charge", {"method": "test", "amount": 10}),
        ("user", "charge", {"method": "voucher", "code": "whatever"}),
        ("user", "regenerate_key", {}),
    ],
)
def test_while_the_ledger_is_locked_nothing_happens_and_503_says_so(
    locked_out: tuple[Visitor, apsw.Connection],
    place: str,
    action: str,
    fields: dict[str, object],
) -> None:
    someone, other = locked_out
    before = someone.me().get_json()["data"]
    other.execute("BEGIN IMMEDIATE")
    answer = someone.post(place, action, fields)
    reading = someone.me()
    other.execute("ROLLBACK")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["success"] is False
    assert "Set-Cookie" not in answer.headers
    assert reading.get_json()["data"] == someone.me().get_json()["data"] == before


def test_importing_does_nothing_and_applications_share_nothing(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    accounts = replace(settings.accounts, register_per_hour=1)
    tight = replace(settings, accounts=accounts)
    first = create_app(storage, Current.of(tight), demo=False, passwords=passwords)
    second = create_app(storage, Current.of(tight), demo=False, passwords=passwords)
    Visitor(first.test_client()).register("a@example.com")
    Visitor(second.test_client()).register("b@example.com")
    third = Visitor(second.test_client())
    fields = {"email": "c@example.com", "password": PASSWORD}
    assert third.post("auth", "register", fields).status_code == 429
