"""`user`: accounts, as an operator looks after them."""

import bcrypt
import pytest

from storage.passwords import digest
from tests.storage.teller import Teller

CREATE = ["user", "create"]


def test_create_makes_a_user_who_can_call_and_sign_in(run_json, open_ledger):
    ada = run_json(*CREATE, "--email", "Ada@example.com", "--password", "secret")
    assert ada["email"] == "ada@example.com"
    assert (ada["available"], ada["status"], ada["role"]) == ("10.00", "active", "user")
    storage = open_ledger()
    user = storage.reader.user(ada["id"])
    assert bcrypt.checkpw(digest("secret"), user.password_hash.encode())
    record = storage.reader.key_by_hash(storage.secrets.key_hash(ada["api_key"]))
    assert record.account_id == user.account_id


def test_a_password_from_standard_input_is_a_line(run, open_ledger):
    args = ["user", "create", "--email", "b@example.com", "--password-stdin"]
    answer = run(*args, "--role", "operator", "--welcome", "0", given="long secret\n")
    assert answer.exit_code == 0
    assert "api_key: tk_" in answer.stdout
    (user,) = open_ledger().reader.users()
    assert user.role == "operator"
    assert bcrypt.checkpw(digest("long secret"), user.password_hash.encode())


@pytest.mark.parametrize(
    "args, said",
    [
        ([*CREATE, "--email", "ada", "--password", "secret"], "not an e-mail address"),
        ([*CREATE, "--email", "a@b.cn", "--password", "short"], "at least 6"),
        ([*CREATE, "--email", "a@b.cn"], "--password"),
        ([*CREATE, "--password", "secret"], "--email"),
        ([*CREATE, "--email", "ADA@example.com", "--password", "secret"], "is taken"),
        ([*CREATE, "--email", "a@b.cn", "--password", "secret", "--role", "x"], "role"),
        (["user", "grant", "nobody@example.com", "1"], "there is no user"),
        (["user", "grant", "ada@example.com", "0"], "nothing"),
        (["user", "grant", "ada@example.com", "1,5"], "decimal dollars"),
        (["user", "grant", "ada@example.com", "0.0000000001"], "9 decimals"),
        (["user", "disable", "nobody@example.com"], "there is no user"),
        (["user", "enable", "x"], "not an e-mail address"),
    ],
)
def test_bad_input_is_exit_code_2_and_says_what(ada, refused, args, said):
    refused(said, *args)


def test_a_negative_grant_is_refused(ada, run):
    answer = run("user", "grant", "ada@example.com", "--data", "x", "--", "-5")
    assert answer.exit_code == 2


def test_list_shows_all_or_some(ada, run, run_json, open_ledger):
    storage = open_ledger()
    Teller(storage).caller(email="bob@example.com")
    users = run_json("user", "list")
    assert [user["email"] for user in users] == ["ada@example.com", "bob@example.com"]
    lines = run("user", "list", "--search", "bob").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["email", "status", "role", "available"],
        ["bob@example.com", "active", "user", "10.00"],
    ]
    assert run_json("user", "list", "--search", "nobody") == []


def test_disable_and_enable(ada, run_json, open_ledger):
    storage = open_ledger()
    disabled = run_json("user", "disable", "ada@example.com")
    assert disabled["status"] == "disabled"
    assert storage.reader.user(ada["id"]).status == "disabled"
    assert run_json("user", "enable", "ada@example.com")["status"] == "active"


def test_disable_signs_out(ada, run_json, open_ledger, clock):
    storage = open_ledger()
    storage.writer.wait(
        lambda db: db.sql(
            "INSERT INTO session VALUES (?3, ?1, 0, ?2, '', '', 0)",
            (ada["id"], 2**62, b"\1"),
        )
    )
    run_json("user", "disable", "ada@example.com")
    assert storage.reader.session_user(b"\1", clock.wall_ns()) is None


def test_each_grant_is_a_new_one(ada, run_json, open_ledger):
    run_json("user", "grant", "ada@example.com", "0.005")
    granted = run_json("user", "grant", "ada@example.com", "0.005")
    assert (granted["granted"], granted["available"]) == ("0.005", "10.01")
    storage = open_ledger()
    assert Teller(storage).house("promo") == -10_010_000_000
    assert Teller(storage).audit() == []


def test_adjust_says_who_and_why(ada, run_json, open_ledger):
    why = ("--reason", "chargeback", "--author", "grace")
    shown = run_json("user", "adjust", "ada@example.com", "-12.50", *why)
    assert (shown["adjusted"], shown["shortfall"]) == ("-10.00", "2.50")
    shown = run_json("user", "adjust", "ada@example.com", "1", *why)
    assert (shown["adjusted"], shown["available"]) == ("1.00", "1.00")
    rows = Teller(open_ledger()).sql(
        "SELECT reason, author FROM transfer WHERE code = 'adjustment'"
    )
    assert rows == [("chargeback", "grace")] * 2


@pytest.mark.parametrize("amount", ["0", "x", "-0.00"])
def test_adjust_refuses_what_is_no_change(ada, run, amount):
    why = ("--reason", "x", "--author", "x")
    assert run("user", "adjust", "ada@example.com", amount, *why).exit_code == 2


def test_a_user_is_made_an_operator_and_a_user_again(ada, run, run_json, open_ledger):
    assert run_json("user", "role", "ada@example.com", "operator")["role"] == "operator"
    assert run_json("user", "role", "ada@example.com", "user")["role"] == "user"
    assert run("user", "role", "ada@example.com", "king").exit_code == 2
    assert run("user", "role", "nobody@example.com", "user").exit_code == 2
    acts = open_ledger().reader.reports.acts(what="role_changed").entries
    assert sorted(one.details["role"] for one in acts) == ["operator", "user"]
