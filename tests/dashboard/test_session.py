"""Session: the cookie alone opens nothing, and every end is final."""

import pytest
from itsdangerous import Signer

from dashboard.session import COOKIE, Sessions, hash_token, needs_tls, replace, start
from storage import Storage
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock

WEEK_SECONDS = 7 * 86_400


@pytest.fixture
def sessions(storage: Storage) -> Sessions:
    return Sessions(storage, WEEK_SECONDS)


@pytest.fixture
def cookie(storage: Storage, sessions: Sessions, user: Visitor) -> str:
    new = sessions.prepare("192.0.2.1", "test")
    storage.writer.wait(start, user.id, new)
    return new.cookie


def test_a_session_is_found_by_its_cookie(
    sessions: Sessions, cookie: str, user: Visitor
) -> None:
    found = sessions.find(cookie)
    assert found is not None and found.user.id == user.id


def test_a_prepared_session_is_nobody_until_it_is_stored(sessions: Sessions) -> None:
    assert sessions.find(sessions.prepare("192.0.2.1", "test").cookie) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cookie: None,
        lambda cookie: "",
        lambda cookie: cookie[:-1],
        lambda cookie: cookie + "x",
        lambda cookie: "x" + cookie,
        lambda cookie: cookie.rpartition(".")[0],
        lambda cookie: cookie.rpartition(".")[0] + ".",
        lambda cookie: cookie.swapcase(),
        lambda cookie: cookie * 50,
        lambda cookie: "密\ud800",
        lambda cookie: Signer("another key").sign(cookie.rpartition(".")[0]).decode(),
    ],
)
def test_a_cookie_that_was_touched_opens_nothing(
    sessions: Sessions, cookie: str, spoil: object
) -> None:
    assert callable(spoil)
    assert sessions.find(spoil(cookie)) is None


def test_a_session_ends_on_time(
    sessions: Sessions, cookie: str, clock: FakeClock
) -> None:
    clock.advance(WEEK_SECONDS - 1)
    assert sessions.find(cookie) is not None
    clock.advance(2)
    assert sessions.find(cookie) is None


def test_replacing_ends_the_old_one(
    storage: Storage, sessions: Sessions, cookie: str, user: Visitor
) -> None:
    new = sessions.prepare("192.0.2.1", "test")
    storage.writer.wait(replace, user.id, sessions.read(cookie), new)
    assert sessions.find(cookie) is None
    assert sessions.find(new.cookie) is not None


def test_the_database_does_not_know_the_token(sessions: Sessions) -> None:
    new = sessions.prepare("192.0.2.1", "test")
    token = new.cookie.rpartition(".")[0].encode()
    assert hash_token(token) == new.token_hash
    assert token not in new.token_hash


def test_tokens_and_their_csrf_tokens_never_repeat(sessions: Sessions) -> None:
    made = [sessions.prepare("192.0.2.1", "test") for _ in range(100)]
    assert len({one.cookie for one in made}) == 100
    assert len({sessions.csrf_token(one.token_hash) for one in made}) == 100


@pytest.mark.parametrize(
    ("scheme", "host", "public_url", "secure"),
    [
        ("http", "localhost:8000", None, False),
        ("https", "localhost:8000", None, True),
        ("http", "api.example.com", "https://api.example.com", True),
        ("http", "localhost:8000", "https://api.example.com", False),
        ("http", "api.example.com", "http://api.example.com", False),
    ],
)
def test_the_cookie_is_secure_wherever_tls_is(
    scheme: str, host: str, public_url: str | None, secure: bool
) -> None:
    assert needs_tls(scheme, host, public_url) is secure


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(user: Visitor) -> None:
    header = user.login().headers["Set-Cookie"]
    assert header.startswith(f"{COOKIE}=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={WEEK_SECONDS}"):
        assert part in header
    assert "Secure" not in header


def test_over_tls_the_cookie_stays_on_tls(user: Visitor) -> None:
    answer = user.client.post(
        "/api/auth.php?action=login",
        json={"email": "user@example.com", "password": "correct horse"},
        base_url="https://localhost",
    )
    assert "Secure" in answer.headers["Set-Cookie"]
