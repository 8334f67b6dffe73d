"""Commands, as an operator runs them."""

import apsw
import bcrypt
import click
import orjson
import psycopg
import pytest
from click.testing import CliRunner

from storage import DATABASE
from storage.commands import (
    backup,
    key_group,
    restore,
    user_group,
    verify,
    voucher_group,
)
from storage.passwords import digest
from storage.vouchers import Redeemed, redeem
from tests.storage.teller import NANO, Teller

ALL = click.Group(
    commands=[user_group, key_group, voucher_group, verify, backup, restore]
)
CREATE = ["user", "create"]


@pytest.fixture
def run(data, url):
    def run_one(*args, given=None):
        environ = {"AUTOLIST_STORAGE": url}
        whole = [*args, "--data", str(data)]
        return CliRunner().invoke(ALL, whole, input=given, env=environ)

    return run_one


@pytest.fixture
def run_json(run):
    def run_one(*args):
        answer = run(*args, "--json")
        assert answer.exit_code == 0, answer.output
        return orjson.loads(answer.stdout)

    return run_one


@pytest.fixture
def ada(open_ledger):
    """Not by the command, which takes its time over the password."""
    storage = open_ledger(gateway=False)
    caller = Teller(storage).caller()
    storage.close()
    return {"id": caller.user_id, "api_key": caller.key.plain}


# Users


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


BAD = [
    ([*CREATE, "--email", "ada", "--password", "secret"], "not an e-mail address"),
    ([*CREATE, "--email", "a@b.cn", "--password", "short"], "at least 6"),
    ([*CREATE, "--email", "a@b.cn"], "--password"),
    ([*CREATE, "--password", "secret"], "--email"),
    ([*CREATE, "--email", "ADA@example.com", "--password", "secret"], "is taken"),
    ([*CREATE, "--email", "a@b.cn", "--password", "secret", "--role", "x"], "--role"),
    (["user", "grant", "nobody@example.com", "1"], "there is no user"),
    (["user", "grant", "ada@example.com", "0"], "nothing"),
    (["user", "grant", "ada@example.com", "1,5"], "decimal dollars"),
    (["user", "grant", "ada@example.com", "0.0000000001"], "9 decimals"),
    (["user", "disable", "nobody@example.com"], "there is no user"),
    (["user", "enable", "x"], "not an e-mail address"),
    (["key", "list", "nobody@example.com"], "there is no user"),
    (["key", "revoke", "99"], "no key 99"),
    (["key", "revoke", "x"], "KEY_ID"),
    (["voucher", "create", "--amount", "0"], "nothing"),
    (["voucher", "create", "--amount", "1", "--count", "0"], "--count"),
    (["voucher", "create", "--amount", "1", "--count", "10001"], "--count"),
    (["voucher", "create"], "--amount"),
]


@pytest.mark.parametrize("args, said", BAD)
def test_bad_input_is_exit_code_2_and_says_what(ada, run, args, said):
    answer = run(*args)
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert answer.stdout == ""


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
            "INSERT INTO session VALUES (?3, ?1, 0, ?2, '', '')",
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


# Keys and vouchers


def test_keys_are_listed_and_revoked(ada, run, run_json):
    (key,) = run_json("key", "list", "ada@example.com")
    assert ada["api_key"] not in str(key)
    assert (key["status"], key["default"]) == ("active", True)
    assert run("key", "revoke", str(key["id"])).exit_code == 0
    assert run("key", "revoke", str(key["id"])).exit_code == 2
    assert run_json("key", "list", "ada@example.com")[0]["status"] == "revoked"


def test_vouchers_are_worth_their_amount(ada, run, run_json, open_ledger):
    lines = run("voucher", "create", "--amount", "5", "--count", "3").stdout.split()
    assert len(set(lines)) == 3
    made = run_json("voucher", "create", "--amount", "2.50", "--batch", "spring")
    assert (made["batch"], made["amount"], len(made["codes"])) == ("spring", "2.50", 1)
    storage = open_ledger()
    account_id = storage.reader.user(ada["id"]).account_id
    for code, nano in ((lines[0], 5 * NANO), (made["codes"][0], 5 * NANO // 2)):
        answer = storage.writer.wait(redeem, account_id, code)
        assert isinstance(answer, Redeemed) and answer.amount_nano == nano


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


def test_a_key_is_capped_and_freed(ada, run, run_json):
    capped = {"id": 1, "total": "5.00", "day": "1.00", "month": None, "spent": "0.00"}
    assert run_json("key", "limit", "1", "--total", "5", "--day", "1") == capped
    assert run_json("key", "limit", "1", "--day", "none") == capped | {"day": None}
    assert run("key", "limit", "9", "--day", "1").exit_code == 2
    assert run("key", "limit", "1", "--day", "-1").exit_code == 2


# verify, backup and restore


def test_verify_goes_on_from_the_last_proof(ada, run, run_json, open_ledger):
    run("verify")
    storage = open_ledger(gateway=False)
    Teller(storage).caller(NANO, "bob@example.com")
    storage.close()
    shown = run_json("verify", "--since")
    assert (shown["since"], shown["transfers"], shown["proved"]) == (1, 2, True)
    assert run_json("verify", "--since")["since"] == 2


def test_verify_does_not_trust_a_changed_checkpoint(ada, run, data):
    run("verify")
    path = data / "checkpoint.json"
    path.write_bytes(path.read_bytes().replace(b'"seq":1', b'"seq":0'))
    answer = run("verify", "--since")
    assert answer.exit_code == 2
    assert "verify the whole ledger" in answer.stderr


@pytest.fixture
def tamper(ada, data, url):
    """Changes the transfers behind the ledger's back."""

    def change(statement):
        if url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SET session_replication_role = replica")
                connection.execute(statement)
            return
        connection = apsw.Connection(str(data / DATABASE))
        connection.execute("DROP TRIGGER transfer_no_update")
        connection.execute(statement)
        connection.close()

    return change


def test_verify_finds_a_past_that_was_written_anew(tamper, run):
    run("verify")
    tamper("UPDATE transfer SET hash = prev_hash")
    answer = run("verify", "--since")
    assert answer.exit_code == 1
    assert "I6 transfer 1: it is not what it was" in answer.stdout


def test_a_backup_is_restored_and_the_secret_is_asked_for(
    only_sqlite, ada, run, data, tmp_path
):
    copy = tmp_path / "copy.db"
    assert run("backup", str(copy)).exit_code == 0
    answer = run("restore", str(copy))
    assert (answer.exit_code, "exists" in answer.stderr) == (2, True)
    for path in data.glob(f"{DATABASE}*"):
        path.unlink()
    answer = run("restore", str(copy))
    assert (answer.exit_code, answer.stdout) == (
        0,
        f"{data / DATABASE}: restored and proved\n",
    )
    (data / DATABASE).unlink()
    (data / "secret").unlink()
    assert "secret too" in run("restore", str(copy)).stdout


def test_verify_proves_a_ledger(ada, run, run_json):
    answer = run("verify")
    assert (answer.exit_code, answer.stdout) == (
        0,
        "proved: 1 transfers, 0 open holds\n",
    )
    assert run_json("verify") == {
        "proved": True,
        "since": 0,
        "transfers": 1,
        "open_holds": 0,
        "waiting_holds": 0,
        "findings": [],
    }


def test_verify_names_the_row_that_is_broken(ada, tamper, run):
    tamper("UPDATE transfer SET amount_nano = 11")
    answer = run("verify")
    assert answer.exit_code == 1
    assert f"I2 transfer 1 (promo:welcome:{ada['id']})" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("BROKEN")
    shown = orjson.loads(run("verify", "--json").stdout)
    assert {found["invariant"] for found in shown["findings"]} == {"I2", "I6"}


def test_verify_beside_a_living_gateway(run, open_ledger):
    teller = Teller(open_ledger())
    teller.admit(teller.caller(), "r1", 1)
    answer = run("verify")
    assert (answer.exit_code, "1 open holds" in answer.stdout) == (0, True)


def test_verify_says_that_a_dead_run_waits(run, open_ledger):
    storage = open_ledger()
    teller = Teller(storage)
    teller.admit(teller.caller(), "r1", 1)
    storage.close()
    answer = run("verify")
    assert answer.exit_code == 3
    assert "1 of them wait for the gateway's next start" in answer.stdout
    open_ledger()
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("command", [["verify"], ["backup", "copy.db"]])
def test_without_a_ledger_there_is_nothing_to_do(only_sqlite, run, command, data):
    answer = run(*command)
    assert answer.exit_code == 2
    assert "there is no ledger" in answer.stderr
    assert not data.exists()


def test_a_file_that_is_no_database_is_said_so(only_sqlite, run, data):
    data.mkdir()
    (data / DATABASE).write_bytes(b"no database " * 1000)
    for command in (["verify"], ["user", "list"]):
        answer = run(*command)
        assert (answer.exit_code, len(answer.stderr.splitlines())) == (2, 1)


def test_backup_writes_a_copy_and_replaces_nothing(only_sqlite, ada, run, tmp_path):
    target = tmp_path / "copy.db"
    answer = run("backup", str(target))
    assert answer.exit_code == 0 and target.exists()
    answer = run("backup", str(target))
    assert (answer.exit_code, "exists" in answer.stderr) == (2, True)
    assert run("backup", str(tmp_path / "no" / "copy.db")).exit_code == 2


@pytest.mark.parametrize(
    "command, instead", [("backup", "pg_dump"), ("restore", "pg_restore")]
)
def test_a_server_has_its_own_copies(only_postgres, run, command, instead):
    answer = run(command, __file__)
    assert answer.exit_code == 2
    assert f"use {instead}, then prove it with `verify`" in answer.stderr


def test_a_configuration_says_where_the_ledger_is(
    only_postgres, ada, run, url, tmp_path
):
    """Where the environment is silent; what else is in the directory is not read."""
    (tmp_path / "gateway.yaml").write_text(f"storage: {url}\n")
    options = ["verify", "--data", str(tmp_path), "--config", str(tmp_path)]
    answer = CliRunner().invoke(ALL, options, env={"AUTOLIST_STORAGE": None})
    assert (answer.exit_code, "proved: 1 transfers" in answer.stdout) == (0, True)


def test_a_password_in_a_wrong_address_is_not_told(run, tmp_path):
    (tmp_path / "gateway.yaml").write_text("storage: postgres://u:tops3cret@h/d\n")
    answer = run("verify", "--config", str(tmp_path))
    assert answer.exit_code == 2
    assert "expected nothing, or postgresql://user@host/name" in answer.stderr
    assert "tops3cret" not in answer.output


def test_every_command_has_help():
    def check(command, context):
        assert command.help
        for inner in getattr(command, "commands", {}).values():
            check(inner, context)

    for command in ALL.commands.values():
        check(command, None)
        assert CliRunner().invoke(command, ["--help"]).exit_code == 0
