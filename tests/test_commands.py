"""All commands: each explains itself alike, and answers programs in JSON.

The table of what is asked of each must name every command there is, so that one more
cannot be forgotten.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from config.settings import LedgerSettings
from run_proxy import main
from storage import open_storage
from storage.commands.output import Refused
from tests.addons.inspector.captures import saved
from tests.addons.inspector.test_recomputing import call, request
from tests.documented import commands
from tests.storage.ordering import Till, new_order, paid
from tests.storage.teller import NANO, PRICE, Teller

SHORT_CHARS_MAX = 80
CONFIG = Path(__file__).parents[1] / "config"
ADA = "ada@example.com"

# What each is asked, and the names in its answer, or in the first row of a list.
ASKED = {
    "config check": ([], {"providers", "models"}),
    "prices check": ([], {"prices", "changes", "unused", "warnings"}),
    "doctor": ([], {"ok", "checks"}),
    "user create": (
        ["--email", "bob@example.com", "--password", "password"],
        {"id", "email", "api_key"},
    ),
    "user list": ([], {"id", "email", "status", "role", "available"}),
    "user disable": ([ADA], {"email", "status"}),
    "user enable": ([ADA], {"email", "status"}),
    "user role": ([ADA, "operator"], {"email", "role"}),
    "user grant": ([ADA, "2.50"], {"granted", "available"}),
    "user adjust": (
        [ADA, "-1", "--reason", "paid twice", "--author", "grace"],
        {"adjusted", "shortfall"},
    ),
    "key create": ([ADA, "--rpm", "60"], {"id", "api_key", "rpm"}),
    "key list": ([ADA], {"id", "mask", "status", "spent", "limit"}),
    "key limit": (["1", "--day", "2"], {"id", "day", "spent"}),
    "key revoke": (["1"], {"id", "status"}),
    "voucher create": (["--amount", "5", "--count", "2"], {"batch", "codes"}),
    "order list": ([], {"order", "state", "amount"}),
    "order events": (["order_1"], {"event", "outcome", "order"}),
    "order resolve": (
        ["stripe:evt_wrong", "--resolution", "sent back", "--author", "grace"],
        {"event", "resolution"},
    ),
    "meter": (["FLOWS"], {"request", "verdict", "charged_nano", "computed_nano"}),
    "web-password": (["--password", "correct horse"], {"password"}),
    "refund": (
        ["usage:req_1", "0.01", "--reason", "cut off", "--author", "grace"],
        {"id", "refunds", "amount", "again"},
    ),
    "quote": (
        ["--model", "gpt-4o", "--input-tokens", "9"],
        {"object", "worst_case", "expected"},
    ),
    "receipt show": (["req_1"], {"id", "charge", "signature"}),
    "receipt check": (["RECEIPT"], {"id", "valid", "trusted", "wrong"}),
    "verify": ([], {"proved", "transfers", "findings"}),
    "backup": (["COPY"], {"file", "proved"}),
    "restore": (["COPY", "--data", "OTHER"], {"data", "restored", "secret"}),
}
# It serves until it is told to stop, and tells nobody anything in between.
SILENT = {"serve"}


@dataclass(frozen=True, slots=True)
class Named:
    """A command by all of its words."""

    name: str
    command: click.Command
    context: click.Context

    def __str__(self) -> str:
        return self.name

    @property
    def epilog(self) -> str:
        return self.command.epilog or ""


def commands_in(group: click.Group, context: click.Context) -> Iterator[Named]:
    """Those that do something and are meant for people."""
    known = commands() if group is main else group.commands
    for word, command in sorted(known.items()):
        inside = click.Context(command, info_name=word, parent=context)
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands_in(command, inside)
        else:
            name = inside.command_path.removeprefix("run_proxy.py ")
            yield Named(name, command, inside)


ROOT = click.Context(main, info_name="run_proxy.py")
ALL = list(commands_in(main, ROOT))
every_command = pytest.mark.parametrize("named", ALL, ids=str)


# Help.


@every_command
def test_it_says_what_it_is_for_in_one_line_and_at_length(named: Named) -> None:
    short = named.command.get_short_help_str(SHORT_CHARS_MAX)
    assert short and not short.endswith("..."), "its first sentence is too long"
    assert named.command.help


@every_command
def test_it_shows_examples_of_itself(named: Named) -> None:
    shown = [one for one in named.epilog.splitlines() if "run_proxy.py" in one]
    assert shown
    assert all(one.startswith(f"  run_proxy.py {named.name}") for one in shown)


@every_command
def test_it_says_how_it_ends(named: Named) -> None:
    lines = named.epilog.partition("Exit codes:\n")[2].splitlines()
    codes = [int(line.split()[0]) for line in lines]
    assert codes == sorted(codes)
    assert {0, Refused.exit_code} <= set(codes) <= {0, 1, 2, 3}


@every_command
def test_its_help_is_printed_with_all_of_that(named: Named) -> None:
    result = CliRunner().invoke(main, [*named.name.split(), "--help"])
    assert (result.exit_code, result.stderr) == (0, "")
    # Line by line: click would otherwise make one paragraph of them.
    printed = [line.strip() for line in result.stdout.splitlines()]
    for line in named.epilog.replace("\b\n", "").splitlines():
        assert line.strip() in printed


@every_command
def test_each_of_its_options_is_explained(named: Named) -> None:
    options = [one for one in named.command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help and one.name != "help"] == []


@pytest.mark.parametrize("word", sorted(main.commands))
def test_each_group_says_what_it_is_about(word: str) -> None:
    assert commands()[word].get_short_help_str(SHORT_CHARS_MAX)


# JSON.


def test_the_table_names_every_command() -> None:
    assert {named.name for named in ALL} - SILENT == set(ASKED)


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """A ledger with a user, a key, a charge, an order and a problem with it."""
    data = tmp_path / "data"
    storage = open_storage(data, LedgerSettings(), gateway=True, prices=[PRICE])
    teller = Teller(storage)
    caller = teller.caller(email=ADA)
    teller.admit(caller, "req_1", NANO)
    teller.settle("req_1", NANO // 2)
    till = Till(teller)
    till.place(new_order(SimpleNamespace(account_id=caller.account_id)))
    till.hear(paid(minor=1), "evt_wrong")
    storage.close()
    return data


def run(data: Path, words: Sequence[str]) -> Result:
    return CliRunner().invoke(
        main,
        list(words),
        env={
            "AUTOLIST_DATA": str(data),
            "AUTOLIST_CONFIG": str(CONFIG),
            "AUTOLIST_STORAGE": "",
            # A doctor wants somebody to serve its models.
            "OPENAI_API_KEY": "sk-none",
        },
    )


def prepared(data: Path, words: Sequence[str]) -> list[str]:
    """The words with the files that they stand for."""
    receipt, copy = data.parent / "receipt.json", data.parent / "copy.db"
    flows = data.parent / "flows"
    if "FLOWS" in words:
        flows.write_bytes(saved(request(), call()))
    if "RECEIPT" in words:
        done = run(data, ["receipt", "show", "req_1", "--json"])
        receipt.write_text(done.stdout, "utf-8")
    if "OTHER" in words:
        assert run(data, ["backup", str(copy)]).exit_code == 0
    places = {
        "RECEIPT": receipt,
        "COPY": copy,
        "FLOWS": flows,
        "OTHER": data.parent / "other",
    }
    return [str(places.get(word, word)) for word in words]


@pytest.mark.parametrize("name", sorted(ASKED))
def test_it_answers_programs_in_json(name: str, office: Path) -> None:
    words, wanted = ASKED[name]
    asked = prepared(office, words)
    result = run(office, [*name.split(), *asked, "--json"])
    assert result.exit_code == 0, result.output
    found: Any = json.loads(result.stdout)
    shape = found[0] if isinstance(found, list) else found
    assert wanted <= shape.keys()


@pytest.mark.parametrize("name", sorted(ASKED))
def test_bad_input_ends_with_exit_code_2_and_says_so(name: str, office: Path) -> None:
    result = run(office, [*name.split(), "--nonsense"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error:" in result.stderr
