"""Documentation: what the README and docs/ list is what there is, and all of it.

Only lists are compared: addresses, actions, commands, variables. That sentences are
true is for who writes them.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

import click
import pytest

from addons.endpoints import BELOW, BESIDE, PREFIXES, TABLE, Endpoint
from config import load
from config.current import Current
from config.gateway import LedgerSettings
from dashboard import create_app
from dashboard.actions import ADMIN, AUTH, USER, Action
from dashboard.callbacks import CALLBACKS
from storage import open_storage
from tests import documented

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config"
README = (ROOT / "README.md").read_text("utf-8")
WEB_API = (ROOT / "docs" / "web-api.md").read_text("utf-8")
PAYMENTS = (ROOT / "docs" / "payments.md").read_text("utf-8")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SPAN = re.compile(r"`([^`]+)`")
# Of the environment: nothing else in the YAML files is written so.
VARIABLE = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
PLACEHOLDER = re.compile(r"\{[^}]*\}|<[^>]*>")

type Places = dict[str, set[str]]
"""Addresses, a name in each written {}, and the methods that they say."""


def table(text: str, first: str) -> list[list[str]]:
    """The cells of every table in a text whose first column is called so."""
    rows: list[list[str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            found = takewhile(lambda one: one.startswith("|"), lines)
            rows += [cells(one) for one in found if not one.startswith("|--")]
    return rows


def cells(line: str) -> list[str]:
    return [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next of its kind."""
    _, found, rest = text.partition(f"\n## {title}\n")
    assert found, title
    return rest.partition("\n## ")[0]


def test_a_table_is_read_with_its_escapes() -> None:
    text = "| a | b |\n|---|---|\n| `x\\|y` | 1 |\n| 2 | 3 |\n\n| c |\n|---|\n| 4 |\n"
    assert table(text, "a") == [["`x\\|y`", "1"], ["2", "3"]]
    assert table(text, "c") == [["4"]]


def places(rows: list[list[str]]) -> Places:
    """`GET`, `POST /x` is /x by both; without a method only the address is said."""
    found: Places = {}
    for first, *_ in rows:
        methods: set[str] = set()
        for span in SPAN.findall(first):
            *said, last = span.split()
            methods |= {*said, last} & set(METHODS)
            if last.startswith("/"):
                path = PLACEHOLDER.sub("{}", last.partition("?")[0])
                found.setdefault(path, set()).update(methods)
                methods = set()
    return found


def test_methods_belong_to_the_address_that_follows() -> None:
    rows = [["`GET`, `POST /a`, `/b?c=d`"], ["`GET /a/{id}/x`"]]
    assert places(rows) == {"/a": {"GET", "POST"}, "/b": set(), "/a/{}/x": {"GET"}}


def endpoints() -> Iterator[tuple[str, Endpoint]]:
    yield from TABLE.items()
    for path, endpoint in TABLE.items():
        if endpoint.kind in BESIDE:
            yield path, BESIDE[endpoint.kind]
    for prefix, endpoint in PREFIXES.items():
        yield prefix + "{}", endpoint
        for (kind, ending), below in BELOW.items():
            if kind is endpoint.kind:
                yield prefix + "{}" + ending, below


def served(paths: list[str]) -> Places:
    """What the gateway answers at, and the application behind it."""
    found: Places = {}
    for path, endpoint in endpoints():
        known = found.setdefault(path, set())
        known |= set(endpoint.methods) & set(METHODS)
    for path in paths:
        methods, _ = CALLBACKS.get(path, ([], None))
        found[PLACEHOLDER.sub("{}", path)] = set(methods)
    return found


@pytest.fixture
def web_paths(tmp_path: Path) -> list[str]:
    """The addresses of the web application."""
    storage = open_storage(tmp_path, LedgerSettings(), gateway=False)
    try:
        app = create_app(storage, Current.of(load(CONFIG, {})), demo=False)
    finally:
        storage.close()
    return [rule.rule for rule in app.url_map.iter_rules()]


def test_the_readme_lists_every_address_with_its_methods(web_paths: list[str]) -> None:
    """A web address takes what its actions take, which docs/web-api.md tells."""
    listed = places(table(README, "path"))
    assert listed.pop("/v1/…") == set()
    assert listed == served(web_paths)


@pytest.mark.parametrize(
    ("title", "actions"),
    [("auth", AUTH), ("user", USER), ("admin", ADMIN)],
    ids=["auth", "user", "admin"],
)
def test_the_web_api_lists_every_action(
    title: str, actions: Mapping[str, Action]
) -> None:
    rows = table(section(WEB_API, f"`/api/{title}.php`"), "action")
    assert sorted(SPAN.findall(row[0])[0] for row in rows) == sorted(actions)
    named = re.findall(rf"/api/{title}\.php\?action=([\w\\|]+)", README + PAYMENTS)
    assert {name for some in named for name in some.split("\\|")} - {""} <= set(actions)


def test_the_readme_leads_to_every_page() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    linked = re.findall(r"\]\((docs/[\w-]+\.md)(?:#[\w-]+)?\)", README)
    assert set(linked) == pages


def commands() -> Iterator[str]:
    for name, command in documented.commands().items():
        if isinstance(command, click.Group):
            yield from (f"{name} {one}" for one in command.commands)
        elif not command.hidden:
            yield name


def test_the_readme_lists_every_command() -> None:
    """The second of `user create`, `list` is a user's, too."""
    listed = set()
    for first, *_ in table(section(README, "Commands"), "command"):
        group = ""
        for span in SPAN.findall(first):
            name, *rest = span.split()
            if isinstance(documented.commands().get(name), click.Group):
                group, name = name, rest[0]
            listed.add(f"{group} {name}".strip())
    assert listed == set(commands())


def test_the_readme_names_every_option_of_serve() -> None:
    (row,) = [
        first
        for first, *_ in table(section(README, "Commands"), "command")
        if first.startswith("`serve ")
    ]
    serve = documented.commands()["serve"]
    options = [one for one in serve.params if isinstance(one, click.Option)]
    assert {flag for one in options for flag in one.opts} == set(
        re.findall(r"--[a-z-]+", row)
    )
    for one in options:
        assert f"`{one.envvar}`" in README


@pytest.mark.parametrize(
    ("file", "text"),
    [("providers.yaml", README), ("gateway.yaml", README + PAYMENTS)],
    ids=["providers", "gateway"],
)
def test_every_variable_is_named_where_a_reader_looks(file: str, text: str) -> None:
    lines = (CONFIG / file).read_text("utf-8").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    names = set(VARIABLE.findall(code))
    assert names
    assert {name for name in names if f"`{name}`" not in text} == set()
