"""Sessions: open, expired, closed."""

from storage.accounts import set_account_status
from storage.sessions import (
    close_other_sessions,
    close_own_session,
    close_session,
    close_sessions,
    open_session,
    see_session,
)

HOUR = 3600 * 10**9


def opened(teller, caller, clock, token, hours=1):
    expires_ns = clock.wall_ns() + hours * HOUR
    agent = "browser " * 100
    teller.do(open_session, caller.user_id, token, expires_ns, "10.0.0.1", agent)


def test_a_session_leads_to_its_user_until_it_expires(teller, storage, clock):
    caller = teller.caller()
    opened(teller, caller, clock, b"a")
    user = storage.reader.session_user
    found, seen_ns = user(b"a", clock.wall_ns())
    assert (found.email, seen_ns) == (caller.email, clock.wall_ns())
    assert user(b"a", clock.wall_ns() + HOUR - 1) is not None
    assert user(b"a", clock.wall_ns() + HOUR) is None
    assert user(b"b", clock.wall_ns()) is None


def test_closing_ends_one_or_all(teller, storage, clock):
    ada, bob = teller.caller(), teller.caller(email="bob@example.com")
    for token in (b"1", b"2", b"3"):
        opened(teller, ada, clock, token)
    opened(teller, bob, clock, b"bob")
    open_now = lambda: {  # noqa: E731
        token
        for token in (b"1", b"2", b"3", b"bob")
        if storage.reader.session_user(token, clock.wall_ns())
    }
    teller.do(close_session, b"1")
    teller.do(close_session, b"1")
    assert open_now() == {b"2", b"3", b"bob"}
    teller.do(close_sessions, ada.user_id)
    assert open_now() == {b"bob"}


def test_opening_again_is_the_same_session(teller, clock):
    caller = teller.caller()
    opened(teller, caller, clock, b"a")
    opened(teller, caller, clock, b"a")
    assert teller.count("session") == 1


def test_a_new_session_forgets_the_expired_ones(teller, clock):
    caller = teller.caller()
    opened(teller, caller, clock, b"a")
    clock.advance(3601)
    opened(teller, caller, clock, b"b")
    assert teller.sql("SELECT token_hash FROM session") == [(b"b",)]


def test_what_a_browser_says_of_itself_is_cut(teller, clock):
    opened(teller, teller.caller(), clock, b"a")
    assert teller.sql("SELECT length(agent) FROM session") == [(200,)]


def test_a_disabled_user_is_shown_as_such(teller, storage, clock):
    caller = teller.caller()
    opened(teller, caller, clock, b"a")
    teller.do(set_account_status, caller.account_id, "blocked")
    user, _ = storage.reader.session_user(b"a", clock.wall_ns())
    assert user.status == "disabled"


def test_a_session_is_closed_by_its_own_user_only(teller, storage, clock):
    ada, bob = teller.caller(), teller.caller(email="bob@example.com")
    for caller, token in ((ada, b"1"), (ada, b"2"), (ada, b"3"), (bob, b"bob")):
        opened(teller, caller, clock, token)
    assert teller.do(close_own_session, bob.user_id, b"1") is False
    assert teller.do(close_own_session, ada.user_id, b"1") is True
    assert teller.do(close_other_sessions, ada.user_id, b"2") == 1
    sessions = storage.reader.reports.sessions
    now_ns = clock.wall_ns()
    assert [one.token_hash for one in sessions(ada.user_id, now_ns)] == [b"2"]
    assert [one.token_hash for one in sessions(bob.user_id, now_ns)] == [b"bob"]


def test_who_was_here_is_seen(teller, storage, clock):
    caller = teller.caller()
    opened(teller, caller, clock, b"a")
    clock.advance(60)
    teller.do(see_session, b"a")
    _, seen_ns = storage.reader.session_user(b"a", clock.wall_ns())
    assert seen_ns == clock.wall_ns()
