"""Users: addresses, registration, status."""

import pytest

from storage.accounts import (
    EmailTaken,
    NewUser,
    Registered,
    normalise_email,
    register,
    set_account_status,
    set_language,
    set_password,
    set_role,
)
from storage.errors import IllegalMove
from storage.keys import mint
from tests.storage.teller import NANO


@pytest.mark.parametrize(
    "text, email",
    [
        ("user@example.com", "user@example.com"),
        ("  User@Example.COM\n", "user@example.com"),
        ("a+b.c_d-e@sub.example.co", "a+b.c_d-e@sub.example.co"),
        ("用户@例子.中国", "用户@例子.中国"),
        ("Ｕ@example.com", "ｕ@example.com"),
        ("e\u0301@example.com", "\xe9@example.com"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_an_address_has_one_spelling(text, email):
    assert normalise_email(text) == email
    assert normalise_email(email) == email


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "user",
        "user@",
        "@example.com",
        "user@localhost",
        "user@@example.com",
        "a b@example.com",
        "user@exam ple.com",
        "user@-example.com",
        "user@example-.com",
        "user@example..com",
        "user@.com",
        "user@example.com.",
        "<user@example.com>",
        "user\x00@example.com",
        "user@example.com\u202e",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b." * 130 + "com",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="not an e-mail address"):
        normalise_email(text)


def joined(teller, user_id="u-1", email="ada@example.com", welcome=10 * NANO):
    user = NewUser(user_id, email, "hash")
    return teller.do(register, user, mint(teller.storage.secrets), welcome)


def test_register_makes_a_user_a_key_and_the_welcome_money(teller, storage):
    answer = joined(teller, email="Ada@Example.com")
    user = answer.user
    assert (user.email, user.role, user.status) == ("ada@example.com", "user", "active")
    assert storage.reader.user_by_email("ada@example.com") == user
    assert storage.reader.user("u-1") == user
    assert storage.reader.balance(user.account_id).available_nano == 10 * NANO
    assert storage.reader.default_key(user.account_id) is not None
    (welcome,) = storage.reader.transactions(user.account_id)
    assert (welcome.kind, welcome.ref) == ("promo", "welcome:u-1")
    assert teller.house("promo") == -10 * NANO
    assert "hash" not in repr(user)


def test_an_address_registers_once(teller):
    first = joined(teller)
    assert joined(teller, "u-2", "ADA@example.com") == EmailTaken("ada@example.com")
    # The same user again is the repeat after a fault.
    assert joined(teller) == Registered(first.user)
    assert (teller.count("user"), teller.count("key")) == (1, 1)


def test_no_welcome_is_no_transfer(teller, storage):
    user = joined(teller, welcome=0).user
    assert storage.reader.transactions(user.account_id) == []


def test_a_user_that_cannot_be_made_leaves_nothing(teller):
    joined(teller)
    key = mint(teller.storage.secrets)
    with pytest.raises(Exception, match="(?i)check"):
        teller.do(register, NewUser("u-2", "b@example.com", "x", "root"), key, 5)
    assert teller.sql("SELECT count(*) FROM account WHERE kind = 'user'") == [(1,)]


@pytest.mark.parametrize("status, shown", [("blocked", "disabled"), ("open", "active")])
def test_the_accounts_status_is_the_users(teller, storage, status, shown):
    user = joined(teller).user
    teller.do(set_account_status, user.account_id, status)
    assert storage.reader.user(user.id).status == shown


@pytest.mark.parametrize("account_id", [1, 99])
def test_only_a_users_account_has_a_status(teller, account_id):
    with pytest.raises(IllegalMove):
        teller.do(set_account_status, account_id, "blocked")


def test_a_new_password_replaces_the_old(teller, storage):
    user = joined(teller).user
    teller.do(set_password, user.id, "other")
    assert storage.reader.user(user.id).password_hash == "other"
    with pytest.raises(IllegalMove):
        teller.do(set_password, "nobody", "other")


def test_a_language_and_a_role_are_kept(teller, storage):
    caller = teller.caller()
    teller.do(set_language, caller.user_id, "en")
    teller.do(set_role, caller.user_id, "operator")
    user = storage.reader.user(caller.user_id)
    assert (user.language, user.role) == ("en", "operator")
    for verb in (set_language, set_role):
        with pytest.raises(IllegalMove):
            teller.do(verb, "nobody", "en")
