"""Actions: the table of what can be asked, and how."""

import pytest

from dashboard.actions import ADMIN, AUTH, USER, Action, find_action
from dashboard.refusals import BadInput, UnknownPlace, WrongMethod

ALL = {**AUTH, **USER}
PUBLIC = {"register", "login", "logout", "models"}
CHANGES = {
    "register",
    "login",
    "logout",
    "charge",
    "regenerate_key",
    "reveal_key",
    "create_key",
    "update_key",
    "revoke_key",
    "change_password",
    "revoke_session",
    "revoke_sessions",
    "set_language",
}
RULES = {
    "disable_user",
    "enable_user",
    "adjust",
    "grant",
    "revoke_user_key",
    "create_vouchers",
    "resolve_order_event",
}


def test_reading_is_get_and_changing_is_post() -> None:
    assert {name for name, action in ALL.items() if action.changes} == CHANGES
    assert {name for name, action in ADMIN.items() if action.changes} == RULES
    every = [*ALL.values(), *ADMIN.values()]
    assert all(one.method == ("POST" if one.changes else "GET") for one in every)


def test_the_operators_table_is_theirs_alone() -> None:
    assert all(action.operators and action.private for action in ADMIN.values())
    assert not any(action.operators for action in ALL.values())


def test_only_what_the_document_shows_needs_no_proof_of_a_page() -> None:
    bare = {name for name, action in ALL.items() if action.bare}
    assert bare == {"register", "login", "logout", "charge"}
    assert not any(action.bare for action in ADMIN.values())


def test_all_but_the_door_is_private() -> None:
    assert {name for name, action in ALL.items() if not action.private} == PUBLIC


def test_only_money_that_comes_in_takes_a_name() -> None:
    assert [name for name, action in ALL.items() if action.once] == ["charge"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_action_is_found(method: str) -> None:
    assert find_action(AUTH, "me", method) is AUTH["me"]


@pytest.mark.parametrize("name", [None, ""])
def test_no_action_is_bad_input(name: str | None) -> None:
    with pytest.raises(BadInput):
        find_action(AUTH, name, "GET")


@pytest.mark.parametrize("name", ["profile", "Me", "me ", "__class__", "x" * 9999])
def test_an_unknown_action_is_nowhere(name: str) -> None:
    with pytest.raises(UnknownPlace):
        find_action(AUTH, name, "GET")


@pytest.mark.parametrize(
    ("table", "name", "method", "allowed"),
    [
        (AUTH, "login", "GET", "POST"),
        (AUTH, "login", "HEAD", "POST"),
        (USER, "charge", "PUT", "POST"),
        (USER, "profile", "POST", "GET, HEAD"),
        (USER, "transactions", "DELETE", "GET, HEAD"),
    ],
)
def test_the_wrong_method_learns_the_right_one(
    table: dict[str, Action], name: str, method: str, allowed: str
) -> None:
    with pytest.raises(WrongMethod) as caught:
        find_action(table, name, method)
    assert caught.value.allowed == allowed
