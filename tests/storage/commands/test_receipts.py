"""`receipt show` and `receipt check`, as an operator and as anybody runs them."""

import os

import click
import orjson
import pytest
from click.testing import CliRunner

from storage.commands.receipts import receipt_group
from storage.receipts import receipt_of
from storage.secrets import Secrets
from storage.signing import Signer
from tests.storage.teller import NANO, Teller

ALL = click.Group(commands=[receipt_group])


def run(*arguments, given=None):
    return CliRunner().invoke(ALL, ["receipt", *map(str, arguments)], input=given)


@pytest.fixture(autouse=True)
def told(url):
    """Where the ledger is, as an operator's environment says it."""
    os.environ["AUTOLIST_STORAGE"] = url
    yield
    del os.environ["AUTOLIST_STORAGE"]


@pytest.fixture
def served(data, open_ledger):
    """A ledger with a charge, a void and a request that runs, and nobody serving."""
    storage = open_ledger()
    teller = Teller(storage)
    caller = teller.caller()
    for name in ("req_1", "req_2", "req_3"):
        teller.admit(caller, name, NANO)
    teller.settle("req_1", 1234)
    teller.void("req_2", "upstream_timeout")
    storage.close()
    return data


@pytest.fixture
def receipt(served, tmp_path):
    """A signed receipt in a file, away from its ledger."""
    done = run("show", "req_1", "--data", served, "--json")
    assert done.exit_code == 0, done.output
    file = tmp_path / "receipt.json"
    file.write_bytes(done.stdout_bytes)
    return file


@pytest.fixture
def key(served, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(Signer.of(Secrets.load(served)).key.pem)
    return file


# show


def test_show_explains_the_amount(served):
    done = run("show", "req_1", "--data", served)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("req_1: 0.000001234 USD, settled\n")
    assert "cache_read     1,234              1,000     1,234,000" in done.stdout


def test_show_explains_why_nothing_was_charged(served):
    done = run("show", "req_2", "--data", served)
    assert "req_2: 0.00 USD, voided" in done.stdout
    assert "the request failed with the error upstream_timeout" in done.stdout


def test_show_prints_the_signed_receipt_as_json(served, receipt):
    shown = orjson.loads(receipt.read_bytes())
    signer = Signer.of(Secrets.load(served))
    assert shown["signature"]["key_id"] == signer.key.id
    assert (shown["id"], shown["charge_nano"]) == ("req_1", "1234")
    again = run("show", "req_1", "--data", served, "--json")
    assert again.stdout_bytes == receipt.read_bytes()


@pytest.mark.parametrize("name", ["req_3", "req_9", "", "'"])
def test_there_is_no_receipt_of_what_runs_or_never_was(served, name):
    done = run("show", name, "--data", served)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no receipt" in done.stderr


# check


def test_a_receipt_is_checked_with_the_key_given(receipt, key):
    done = run("check", receipt, "--key", key)
    assert done.exit_code == 0, done.output
    assert "req_1: valid, 0.000001234 USD charged" in done.stdout


def test_a_receipt_is_checked_with_the_key_of_a_data_directory(receipt, served):
    done = run("check", receipt, "--data", served, "--json")
    assert done.exit_code == 0, done.output
    shown = orjson.loads(done.stdout)
    assert (shown["id"], shown["valid"], shown["trusted"], shown["wrong"]) == (
        "req_1", True, True, [],
    )


def test_without_a_key_it_is_said_that_nobody_vouches(receipt):
    done = run("check", receipt)
    assert done.exit_code == 0
    assert "valid" not in done.stdout
    assert "consistent" in done.stdout
    assert "nobody vouches for the key" in done.stdout
    shown = orjson.loads(run("check", receipt, "--json").stdout)
    assert (shown["valid"], shown["trusted"]) == (True, False)


def test_a_receipt_may_come_from_standard_input(receipt, key):
    done = run("check", "-", "--key", key, given=receipt.read_bytes())
    assert done.exit_code == 0


def test_a_changed_receipt_is_refused_by_its_figure(receipt, key):
    text = receipt.read_text().replace('"charge_nano": "1234"', '"charge_nano": "1134"')
    receipt.write_text(text)
    done = run("check", receipt, "--key", key)
    assert done.exit_code == 1
    assert "req_1: REFUSED" in done.stdout
    assert "charge_nano: 1234000 pico rounded up are 1234" in done.stdout
    shown = orjson.loads(run("check", receipt, "--key", key, "--json").stdout)
    assert not shown["valid"] and not shown["trusted"]
    assert "signature.value" in {one["figure"] for one in shown["wrong"]}


def test_a_receipt_by_another_key_is_refused(receipt, tmp_path):
    other = tmp_path / "other.pem"
    other.write_text(Signer(b"o" * 32).key.pem)
    done = run("check", receipt, "--key", other)
    assert done.exit_code == 1
    assert "signature.public_key: it is by the key" in done.stdout


def test_what_a_refused_receipt_says_cannot_steer_a_terminal(receipt, key):
    shown = orjson.loads(receipt.read_bytes())
    shown["id"] = "\x1b[2Jreq_1\nvalid"
    shown["model"] = "\x1b[31m"
    shown["lines"][0]["rate"] = "\x1b[0m"
    shown["signature"]["key_id"] = "\x1b]0;x\x07"
    receipt.write_bytes(orjson.dumps(shown))
    done = run("check", receipt, "--key", key)
    assert done.exit_code == 1
    assert "\x1b" not in done.stdout and "\nvalid" not in done.stdout


@pytest.mark.parametrize("content", ["", "{}", "[1]", "no", '{"signature": 1.5}'])
def test_what_is_no_receipt_is_bad_input(tmp_path, content):
    file = tmp_path / "file"
    file.write_text(content)
    done = run("check", file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_or_a_key_that_is_not_there_is_bad_input(receipt, key, tmp_path):
    assert run("check", tmp_path / "none").exit_code == 2
    assert run("check", receipt, "--key", tmp_path / "none").exit_code == 2
    assert run("check", receipt, "--key", receipt).exit_code == 2
    done = run("check", receipt, "--key", key, "--data", tmp_path)
    assert (done.exit_code, "one of" in done.stderr) == (2, True)


def test_no_secret_is_made_for_a_check(receipt, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("check", receipt, "--data", empty)
    assert done.exit_code == 2
    assert list(empty.iterdir()) == []


def test_a_secret_that_was_cut_is_bad_input(receipt, tmp_path):
    (tmp_path / "secret").write_bytes(b"short")
    done = run("check", receipt, "--data", tmp_path)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_what_the_command_prints_is_what_the_ledger_has(served, open_ledger, receipt):
    storage = open_ledger()
    found = storage.reader.receipt("req_1")
    shown = orjson.loads(receipt.read_bytes())
    del shown["signature"]
    assert shown == receipt_of(found)
