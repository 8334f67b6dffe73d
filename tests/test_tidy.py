"""Tidy: the few matters of style that a machine judges well.

Lines fit in 88 columns, every source file has its mirrored test, and some calls are
banned, each for a reason that has cost somebody money or an evening. Code is parsed,
so that a word in a docstring is not a call. An exception is one line in a list here,
with its reason; one that is no longer needed fails too.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINE_MAX = 88
SOURCES = ("run_proxy.py", "addons", "config", "dashboard", "storage")
MONEY = ("addons", "storage")
TESTS = ("tests",)
EVERYWHERE = SOURCES + TESTS

# Source files and folders without a test file of their own.
UNMIRRORED = {
    "storage/migrations": "every test that opens a storage runs them",
}

# (file or folder, ban): reason.
FORGIVEN = {
    ("storage/clock.py", "time.time"): "this is the clock",
    ("config/commands.py", "time.time"): "config imports nothing, not even a clock",
    ("addons/commands.py", "time.time"): "a command's own run is the present",
    ("tests/bench", "time.sleep"): "waits for other processes, outside of the suite",
}


@dataclass(frozen=True, slots=True)
class Ban:
    name: str
    where: tuple[str, ...]
    reason: str
    matches: Callable[[ast.AST], bool]


def dotted(node: ast.AST) -> str:
    """`a.b.c` for names and attributes; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""


def calls(*names: str) -> Callable[[ast.AST], bool]:
    """A call by this name, alone or at the end of a longer one."""

    def matches(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = "." + dotted(node.func)
        return any(called.endswith("." + name) for name in names)

    return matches


def names_builtin(name: str) -> Callable[[ast.AST], bool]:
    """The bare name, called or passed on: `map(float, …)` rounds money too."""

    def matches(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and any(
            isinstance(part, ast.Name) and part.id == name
            for part in (node.func, *node.args)
        )

    return matches


def imports(module: str, *names: str) -> Callable[[ast.AST], bool]:
    """`import module`, or `from module import` one of the names (any, if none)."""

    def matches(node: ast.AST) -> bool:
        if isinstance(node, ast.Import):
            return not names and any(
                (alias.name + ".").startswith(module + ".") for alias in node.names
            )
        if not isinstance(node, ast.ImportFrom) or node.level:
            return False
        found = [alias.name for alias in node.names]
        base, _, last = module.rpartition(".")
        if node.module == base and last in found:
            return not names
        inside = f"{node.module}.".startswith(module + ".")
        return inside and (not names or any(name in names for name in found))

    return matches


def either(*checks: Callable[[ast.AST], bool]) -> Callable[[ast.AST], bool]:
    return lambda node: any(check(node) for check in checks)


def unseeded_random(node: ast.AST) -> bool:
    """`random.Random(7)` is repeatable and stays allowed."""
    if imports("random", *RANDOM_FUNCTIONS)(node):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = dotted(node.func)
    if called == "random.Random":
        return not node.args
    return called.startswith("random.")


RANDOM_FUNCTIONS = ("choice", "randint", "random", "randrange", "shuffle", "uniform")


def waits(node: ast.AST) -> bool:
    """A sleep; `asyncio.sleep(0)` only lets the others run."""
    if calls("time.sleep")(node) or imports("time", "sleep")(node):
        return True
    if not isinstance(node, ast.Call) or dotted(node.func) != "asyncio.sleep":
        return False
    (seconds, *_) = [*node.args, None]
    return not (isinstance(seconds, ast.Constant) and seconds.value == 0)


def swallows(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        caught = dotted(node.type) if node.type else "BaseException"
        (first, *_) = node.body
        empty = isinstance(first, ast.Pass) and len(node.body) == 1
        return node.type is None or (caught in CATCH_ALL and empty)
    if not calls("suppress")(node):
        return False
    return any(dotted(argument) in CATCH_ALL for argument in node.args)


CATCH_ALL = ("Exception", "BaseException")


def patches(node: ast.AST) -> bool:
    if isinstance(node, ast.arg):
        return node.arg in ("monkeypatch", "mocker")
    return either(imports("unittest.mock"), calls("pytest.MonkeyPatch"))(node)


BANS = (
    Ban(
        "time.time",
        EVERYWHERE,
        "tests can't move it: take a storage.clock.Clock",
        either(calls("time.time", "time.time_ns"), imports("time", "time", "time_ns")),
    ),
    Ban(
        "datetime.now",
        EVERYWHERE,
        "tests can't move it: take a storage.clock.Clock",
        calls("datetime.now", "datetime.utcnow", "date.today"),
    ),
    Ban(
        "random",
        EVERYWHERE,
        "not repeatable: use storage.ids, or random.Random with a seed",
        unseeded_random,
    ),
    Ban("uuid4", EVERYWHERE, "not repeatable: use storage.ids", calls("uuid4")),
    Ban(
        "float",
        MONEY,
        "a second place that rounds money: use config.prices",
        names_builtin("float"),
    ),
    Ban(
        "round",
        MONEY,
        "a second place that rounds money: use config.prices",
        names_builtin("round"),
    ),
    Ban(
        "Decimal",
        MONEY,
        "a second place that rounds money: use config.prices",
        either(names_builtin("Decimal"), calls("decimal.Decimal")),
    ),
    Ban(
        "print",
        EVERYWHERE,
        "nobody can route or silence it: use logging, or click.echo in a command",
        names_builtin("print"),
    ),
    Ban(
        "create_task",
        SOURCES,
        "the loop keeps no strong reference, the task can vanish:"
        " use mitmproxy.utils.asyncio_utils.create_task",
        calls("asyncio.create_task", "asyncio.ensure_future"),
    ),
    Ban("mock", EVERYWHERE, "proves only itself: write a fake at the edge", patches),
    Ban(
        "time.sleep",
        TESTS,
        "slow and flaky: move the clock, or wait for an event",
        waits,
    ),
    Ban("swallow", EVERYWHERE, "it hides lost money: name what is expected", swallows),
)
# What any ban looks at; most nodes of a file are none of these.
LOOKED_AT = (ast.Call, ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.arg)


def python_files(*tops: str) -> list[Path]:
    files: list[Path] = []
    for top in tops:
        path = ROOT / top
        found = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        files += [one.relative_to(ROOT) for one in found if one.exists()]
    return files


def inside(path: Path, top: str) -> bool:
    return path.is_relative_to(top)


def long_lines(text: str) -> list[int]:
    lines = enumerate(text.splitlines(), start=1)
    return [number for number, line in lines if len(line) > LINE_MAX]


def mirror(path: Path) -> Path:
    """Where the test of a source file lives; fakes have theirs beside them."""
    if path.parts[0] == "tests":
        return path.with_name(f"test_{path.name}")
    return Path("tests", *path.parts[:-1], f"test_{path.name}")


def needs_mirror(path: Path) -> bool:
    """Sources and shared fakes do; a helper beside the one test it serves does not."""
    if path.name == "__init__.py" or path.name.startswith("test_"):
        return False
    if path.parts[0] == "tests" and path.parts[1] != "fakes":
        return False
    return not any(inside(path, top) for top in UNMIRRORED)


def banned(text: str, path: Path) -> Iterator[tuple[Ban, int]]:
    bans = [ban for ban in BANS if any(inside(path, top) for top in ban.where)]
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, LOOKED_AT):
            continue
        for ban in bans:
            if ban.matches(node):
                yield ban, node.lineno


@cache
def banned_in(path: Path) -> tuple[tuple[Ban, int], ...]:
    """What is banned in a file of the tree, which is read once."""
    return tuple(banned(read(path), path))


def forgiveness(path: Path, ban: Ban) -> tuple[str, str] | None:
    for place, name in FORGIVEN:
        if name == ban.name and inside(path, place):
            return place, name
    return None


def read(path: Path) -> str:
    return (ROOT / path).read_text("utf-8")


# One test for all files: a test a file would be two thousand, and tell no more.


def test_lines_fit() -> None:
    found = [
        f"{path}:{line}: longer than {LINE_MAX} columns"
        for path in python_files(*EVERYWHERE)
        for line in long_lines(read(path))
    ]
    assert found == []


def test_nothing_banned_is_called() -> None:
    found = [
        f"{path}:{line}: {ban.name}: {ban.reason}"
        for path in python_files(*EVERYWHERE)
        for ban, line in banned_in(path)
        if not forgiveness(path, ban)
    ]
    assert found == []


def test_every_source_has_its_test() -> None:
    mirrors = map(mirror, filter(needs_mirror, python_files(*EVERYWHERE)))
    missing = [str(path) for path in mirrors if not (ROOT / path).exists()]
    assert missing == [], "write these"


def test_what_is_forgiven_is_still_done() -> None:
    places = sorted({place for place, _ in FORGIVEN})
    used = {
        forgiveness(path, ban)
        for path in python_files(*places)
        for ban, _ in banned_in(path)
    }
    assert set(FORGIVEN) - used == set(), "forgiven, but no longer done: take it out"


def test_what_is_unmirrored_exists() -> None:
    assert [path for path in UNMIRRORED if not (ROOT / path).exists()] == []


# The checks themselves.


@pytest.mark.parametrize(("width", "found"), [(88, []), (89, [2])])
def test_the_line_limit_is_exact(width: int, found: list[int]) -> None:
    assert long_lines("short\n" + "价" * width + "\n") == found


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("addons/wire/sse.py", "tests/addons/wire/test_sse.py"),
        ("run_proxy.py", "tests/test_run_proxy.py"),
        ("tests/fakes/clock.py", "tests/fakes/test_clock.py"),
    ],
)
def test_tests_mirror_the_tree(source: str, test: str) -> None:
    assert mirror(Path(source)) == Path(test)


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("storage/ledger.py", True),
        ("storage/__init__.py", False),
        ("storage/migrations/0001_initial.py", False),
        ("tests/fakes/clock.py", True),
        ("tests/conftest.py", False),
        ("tests/bench/load.py", False),
        ("tests/addons/test_keys.py", False),
    ],
)
def test_who_needs_a_mirror(path: str, needed: bool) -> None:
    assert needs_mirror(Path(path)) is needed


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("addons/a.py", "time.time()", "time.time"),
        ("addons/a.py", "from time import time", "time.time"),
        ("addons/a.py", "time.time_ns()", "time.time"),
        ("storage/a.py", "datetime.datetime.now()", "datetime.now"),
        ("dashboard/a.py", "datetime.now(UTC)", "datetime.now"),
        ("addons/a.py", "random.choice(legs)", "random"),
        ("addons/a.py", "from random import choice", "random"),
        ("tests/a.py", "random.Random()", "random"),
        ("addons/a.py", "uuid.uuid4()", "uuid4"),
        ("storage/a.py", "uuid4()", "uuid4"),
        ("addons/a.py", "cost = float(text)", "float"),
        ("storage/a.py", "map(float, texts)", "float"),
        ("storage/a.py", "round(cost)", "round"),
        ("addons/a.py", "decimal.Decimal('1')", "Decimal"),
        ("config/a.py", "print('x')", "print"),
        ("addons/a.py", "asyncio.create_task(work())", "create_task"),
        ("addons/a.py", "asyncio.ensure_future(work())", "create_task"),
        ("tests/a.py", "from unittest import mock", "mock"),
        ("tests/a.py", "from unittest.mock import patch", "mock"),
        ("tests/a.py", "import unittest.mock", "mock"),
        ("tests/a.py", "def test_it(monkeypatch): ...", "mock"),
        ("tests/a.py", "time.sleep(0)", "time.sleep"),
        ("tests/a.py", "await asyncio.sleep(0.1)", "time.sleep"),
        ("addons/a.py", "try: x\nexcept: y", "swallow"),
        ("addons/a.py", "try: x\nexcept Exception: pass", "swallow"),
        ("addons/a.py", "with suppress(Exception): x", "swallow"),
    ],
)
def test_a_banned_call_is_found(path: str, text: str, name: str) -> None:
    ((ban, line),) = banned(text, Path(path))
    assert (ban.name, line > 0) == (name, True)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("addons/a.py", "'''time.time() and float(x)'''"),
        ("addons/a.py", "clock.wall_ns()"),
        ("addons/a.py", "asyncio_utils.create_task(work(), name='x')"),
        ("addons/a.py", "await asyncio.sleep(seconds)"),
        ("addons/a.py", "def pace(seconds: float) -> None: ..."),
        ("addons/a.py", "try: x\nexcept Exception: log()"),
        ("addons/a.py", "try: x\nexcept KeyError: pass"),
        ("config/a.py", "Decimal('1')"),
        ("tests/a.py", "random.Random(7).choice(legs)"),
        ("tests/a.py", "await asyncio.sleep(0)"),
        ("tests/a.py", "float('1')"),
    ],
)
def test_what_only_looks_banned_is_not(path: str, text: str) -> None:
    assert list(banned(text, Path(path))) == []
