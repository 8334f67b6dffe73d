"""`key`: callers' keys, as an operator looks after them."""

import pytest

from storage.clock import SystemClock
from storage.keys import KEYS_MAX, Terms, create_key, mint
from tests.storage.teller import Teller


@pytest.mark.parametrize(
    "args, said",
    [
        (["key", "list", "nobody@example.com"], "there is no user"),
        (["key", "revoke", "99"], "no key 99"),
        (["key", "revoke", "x"], "KEY_ID"),
        (["key", "create", "nobody@example.com"], "there is no user"),
        (["key", "create", "ada@example.com", "--rpm", "-1"], "--rpm"),
        (["key", "create", "ada@example.com", "--tpm", "many"], "--tpm"),
        (["key", "create", "ada@example.com", "--concurrency", "9" * 10], "--conc"),
        (["key", "create", "ada@example.com", "--limit", "1,5"], "decimal dollars"),
        (["key", "create", "ada@example.com", "--limit-day", "-1"], "not negative"),
        (["key", "create", "ada@example.com", "--label", "x" * 65], "64"),
        (["key", "create", "ada@example.com", "--label", "a\nb"], "printable"),
    ],
)
def test_bad_input_is_exit_code_2_and_says_what(ada, refused, args, said):
    refused(said, *args)


def test_keys_are_listed_and_revoked(ada, run, run_json):
    (key,) = run_json("key", "list", "ada@example.com")
    assert ada["api_key"] not in str(key)
    assert (key["status"], key["default"]) == ("active", True)
    assert run("key", "revoke", str(key["id"])).exit_code == 0
    assert run("key", "revoke", str(key["id"])).exit_code == 2
    assert run_json("key", "list", "ada@example.com")[0]["status"] == "revoked"


def test_a_key_is_capped_and_freed(ada, run, run_json):
    capped = {"id": 1, "total": "5.00", "day": "1.00", "month": None, "spent": "0.00"}
    assert run_json("key", "limit", "1", "--total", "5", "--day", "1") == capped
    assert run_json("key", "limit", "1", "--day", "none") == capped | {"day": None}
    assert run("key", "limit", "9", "--day", "1").exit_code == 2
    assert run("key", "limit", "1", "--day", "-1").exit_code == 2


def test_a_key_is_made_with_limits_and_caps_and_shown_once(
    ada, run, run_json, open_ledger
):
    made = run_json(
        *["key", "create", "ada@example.com", "--label", "ci", "--rpm", "60"],
        *["--concurrency", "0", "--limit", "5", "--limit-day", "0.50"],
    )
    storage = open_ledger()
    found = storage.reader.key_by_hash(storage.secrets.key_hash(made["api_key"]))
    assert (found.id, found.label, found.is_default) == (made["id"], "ci", False)
    assert (found.rpm, found.tpm, found.concurrency) == (60, None, 0)
    newest, first = run_json("key", "list", "ada@example.com")
    assert made["api_key"] not in str(newest)
    assert newest == {
        "id": made["id"],
        "mask": found.mask,
        "status": "active",
        "default": False,
        "label": "ci",
        "rpm": 60,
        "tpm": None,
        "concurrency": 0,
        "spent": "0.00",
        "limit": "5.00",
        "left": "5.00",
        "month": "0.00",
        "limit_month": None,
        "left_month": None,
        "day": "0.00",
        "limit_day": "0.50",
        "left_day": "0.50",
        "held": "0.00",
        "expires": None,
        "models": None,
        "cidrs": None,
    }
    assert (first["default"], first["rpm"], first["limit"]) == (True, None, None)


def test_a_made_key_as_text_is_what_was_said_of_it(ada, run):
    lines = run("key", "create", "ada@example.com", "--limit-month", "2").stdout
    names = [line.partition(": ")[0] for line in lines.splitlines()]
    assert names == ["id", "api_key", "limit_month"]


def test_the_list_shows_what_was_spent_and_is_held(run_json, run, open_ledger):
    """By the machine's clock, since the command has no other."""
    storage = open_ledger(clock=SystemClock())
    teller = Teller(storage)
    caller = teller.caller()
    teller.admit(caller, "a", 30)
    teller.settle("a", 20)
    teller.admit(caller, "b", 7)
    run("key", "limit", str(caller.key_id), "--total", "0.0000001")
    (key,) = run_json("key", "list", caller.email)
    assert (key["spent"], key["held"]) == ("0.00000002", "0.000000007")
    assert (key["left"], key["day"]) == ("0.000000073", key["month"])
    head, row = run("key", "list", caller.email).stdout.splitlines()
    assert head.split()[:3] == ["id", "mask", "status"]
    assert row.split()[-2:] == ["0.000000007", "0.0000001"]


def test_a_user_has_only_so_many_keys(ada, run, open_ledger):
    storage = open_ledger(gateway=False)
    account_id = storage.reader.user(ada["id"]).account_id
    for _ in range(KEYS_MAX - 1):
        storage.writer.wait(
            create_key, account_id, mint(storage.secrets), "", Terms()
        )
    answer = run("key", "create", "ada@example.com")
    assert (answer.exit_code, "revoke one first" in answer.stderr) == (2, True)


def test_a_key_is_made_for_a_time_some_models_and_networks(ada, run_json, open_ledger):
    made = run_json(
        *["key", "create", "ada@example.com", "--expires", "2030-01-01"],
        *["--model", "gpt-4o", "--model", "qwen-plus", "--cidr", "10.1.2.3/8"],
    )
    shown = {
        "expires": "2030-01-01T00:00:00.000000000Z",
        "models": "gpt-4o,qwen-plus",
        "cidrs": "10.0.0.0/8",
    }
    assert {name: made[name] for name in shown} == shown
    listed = run_json("key", "list", "ada@example.com")[0]
    assert {name: listed[name] for name in shown} == shown
    storage = open_ledger()
    found = storage.reader.key_by_hash(storage.secrets.key_hash(made["api_key"]))
    assert found.models == {"gpt-4o", "qwen-plus"}
    assert found.allows_address("10.9.9.9") and not found.allows_address("11.0.0.1")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--expires", "soon"),
        ("--expires", "2030-01-01T00:00"),
        ("--cidr", "10.0.0.0/99"),
    ],
)
def test_a_limit_that_is_none_is_refused(ada, refused, option, text):
    refused(option, "key", "create", "ada@example.com", option, text)


def test_what_an_operator_did_is_in_the_audit_log(ada, run, open_ledger):
    run("key", "create", "ada@example.com", "--label", "ci")
    run("key", "revoke", "1")
    storage = open_ledger()
    acts = storage.reader.reports.acts().entries
    assert {(one.what, one.user_email) for one in acts} == {
        ("key_created", "ada@example.com"),
        ("key_revoked", "ada@example.com"),
    }
    assert ada["api_key"] not in str(acts)
