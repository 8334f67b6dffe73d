"""`key`: callers' keys, as an operator looks after them."""

import pytest


@pytest.mark.parametrize(
    "args, said",
    [
        (["key", "list", "nobody@example.com"], "there is no user"),
        (["key", "revoke", "99"], "no key 99"),
        (["key", "revoke", "x"], "KEY_ID"),
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
