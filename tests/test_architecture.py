"""Imports point one way: run_proxy → {addons, dashboard} → storage → config.

Money must be testable without a proxy and wire formats without either, so each
package names here what it may import, and every file is parsed and compared with
the table. The longest package name that fits a module is the one that counts.
A new dependency between packages is a decision: it starts with a line here.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = frozenset({"run_proxy", "addons", "storage", "config", "dashboard", "tests"})
WIRE = frozenset({"addons.wire"})
PROVIDERS = WIRE | {"addons.providers"}
# What an Exchange is and which endpoints exist is the vocabulary in which the
# addons of the chain talk; they do not import each other.
VOCABULARY = frozenset({"addons.exchange", "addons.endpoints"})
# What several addons do alike: plain functions and classes without a hook.
SHARED = frozenset(
    {
        "addons.bodies",
        "addons.catalogue",
        "addons.counting",
        "addons.dialects",
        "addons.endings",
        "addons.estimate",
        "addons.files",
        "addons.films",
        "addons.forwarded",
        "addons.paging",
        "addons.plan",
        "addons.quoting",
        "addons.rendering",
        "addons.routes",
        "addons.traces",
        "addons.trails",
    }
)
CLOCKS = frozenset({"time", "datetime", "random", "secrets", "uuid"})
LOOP = frozenset({"asyncio"})
NETWORK = frozenset({"asyncio", "socket", "ssl", "selectors", "http", "urllib.request"})


@dataclass(frozen=True, slots=True)
class Package:
    """What the modules of one package may import; names stand for their insides."""

    name: str
    ours: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    # Parts of the standard library that would break the package's promise.
    never: frozenset[str] = frozenset()

    def allows(self, imported: str) -> bool:
        if within(imported, self.never):
            return False
        if within(imported, self.ours | self.others | {self.name}):
            return True
        return imported.partition(".")[0] in sys.stdlib_module_names


TABLE = (
    Package("config", others=frozenset({"yaml"})),
    Package("config.commands", frozenset({"config"}), frozenset({"click"})),
    Package(
        "storage",
        frozenset({"config"}),
        frozenset({"apsw", "bcrypt", "cryptography", "orjson", "peewee", "playhouse"}),
        LOOP,
    ),
    # Nobody who keeps the ledger in SQLite needs psycopg.
    Package(
        "storage.postgres",
        frozenset({"config", "storage"}),
        frozenset({"peewee", "psycopg"}),
        LOOP,
    ),
    Package(
        "storage.migrations.postgres", frozenset({"storage"}), frozenset({"psycopg"})
    ),
    # The two that hand work between an event loop and a thread.
    Package("storage.writer", frozenset({"config", "storage"})),
    Package("storage.directory", frozenset({"config", "storage"})),
    Package(
        "storage.commands",
        frozenset({"config", "storage"}),
        frozenset({"bcrypt", "click", "orjson"}),
        LOOP,
    ),
    Package(
        "addons.wire",
        others=frozenset({"orjson", "tiktoken"}),
        never=CLOCKS | NETWORK,
    ),
    Package(
        "addons.providers", WIRE, frozenset({"orjson", "tiktoken"}), CLOCKS | NETWORK
    ),
    Package(
        "addons.upstream",
        PROVIDERS | {"config"},
        frozenset({"aiohttp", "mitmproxy", "multidict", "orjson", "yarl"}),
    ),
    # The addon of the chain that drives it. It knows time, but no money.
    Package(
        "addons.upstream.upstream",
        PROVIDERS
        | VOCABULARY
        | {"addons.traces", "addons.upstream", "config", "storage.clock"},
        frozenset({"aiohttp", "mitmproxy"}),
    ),
    # What takes the credential of a leg out of what its provider says.
    Package("addons.upstream.veil", PROVIDERS | VOCABULARY),
    Package(
        "addons.gateway",
        PROVIDERS | VOCABULARY | {"addons.endings", "addons.upstream", "config"},
        # mitmproxy reads HTTP/1 with h11; its errors come through.
        frozenset({"h11", "mitmproxy"}),
    ),
    # The Master holds the first and the last addon by name: it drains them.
    Package(
        "addons.gateway.master",
        frozenset({"addons", "config"}),
        frozenset({"mitmproxy"}),
    ),
    # Where all parts are put together. It is apart from the command line, so that a
    # command which asks the ledger one thing imports none of them; nobody imports it.
    Package(
        "addons.gateway.serving",
        OURS - {"tests", "run_proxy"},
        frozenset({"click", "uvloop"}),
    ),
    Package(
        "addons",
        PROVIDERS
        | VOCABULARY
        | SHARED
        | {"addons.upstream", "addons.gateway", "storage", "config"},
        frozenset({"aiohttp", "mitmproxy", "orjson"}),
    ),
    # What counts requests and what logs them: each an addon with what it is made of.
    Package(
        "addons.metrics",
        PROVIDERS | VOCABULARY | SHARED | {"addons.metrics", "config", "storage"},
        frozenset({"mitmproxy", "prometheus_client"}),
    ),
    Package(
        "addons.logs",
        PROVIDERS | VOCABULARY | SHARED | {"addons.logs", "config", "storage"},
        frozenset({"mitmproxy", "orjson"}),
    ),
    Package(
        "addons.tracing",
        PROVIDERS | VOCABULARY | SHARED | {"addons.tracing", "config", "storage"},
        frozenset({"mitmproxy"}),
    ),
    # Nobody who sends no spans needs the extra.
    Package(
        "addons.tracing.otlp",
        frozenset({"addons.tracing", "config"}),
        frozenset({"opentelemetry"}),
    ),
    # What the addon that runs jobs is made of.
    Package(
        "addons.filming",
        PROVIDERS
        | VOCABULARY
        | {"addons.filming", "addons.upstream", "config", "storage"},
        frozenset({"aiohttp"}),
    ),
    # What shows the traffic. Workers have the upper half of it, which knows exchanges;
    # the process that shows copies has `web`, which knows nothing but frames.
    Package(
        "addons.inspector",
        PROVIDERS
        | VOCABULARY
        | {
            "addons.endings",
            "addons.inspector",
            "addons.upstream",
            "config",
            "storage.clock",
        },
        frozenset({"argon2", "mitmproxy", "orjson"}),
    ),
    Package(
        "addons.inspector.web",
        frozenset(
            {
                "addons.inspector.framing",
                "addons.inspector.socket_file",
                "addons.inspector.web_brief",
                "addons.wire",
                "config",
            }
        ),
        frozenset({"argon2", "mitmproxy", "orjson", "tornado"}),
    ),
    Package(
        "addons.inspector.commands",
        frozenset({"addons.inspector", "config", "storage.clock"}),
        frozenset({"click", "mitmproxy", "orjson"}),
    ),
    # The gateway's own arithmetic, over what was captured.
    Package(
        "addons.inspector.recomputing",
        PROVIDERS
        | VOCABULARY
        | {"addons.inspector", "addons.metering", "config", "storage.clock"},
        frozenset({"orjson"}),
    ),
    # Calls that are made for jobs, of which there is no exchange.
    Package(
        "addons.inspector.errands",
        frozenset(
            {
                "addons.endings",
                "addons.filming.told",
                "addons.inspector",
                "addons.upstream",
            }
        ),
    ),
    Package(
        "addons.inspecting",
        VOCABULARY
        | {
            "addons.filming.told",
            "addons.inspector",
            "addons.upstream",
            "config",
            "storage.clock",
        },
        frozenset({"mitmproxy", "orjson"}),
    ),
    Package(
        "addons.jobs",
        frozenset({"addons.filming", "config", "storage"}),
        frozenset({"mitmproxy"}),
    ),
    # It looks at everything and changes nothing.
    Package(
        "addons.doctor",
        PROVIDERS | {"addons.dialects", "addons.doctor", "config", "storage"},
        frozenset({"apsw", "click", "cryptography", "httpx"}),
    ),
    Package(
        "addons.commands",
        PROVIDERS | VOCABULARY | SHARED | {"config"},
        frozenset({"click", "orjson"}),
    ),
    Package(
        "dashboard",
        frozenset({"storage", "config"}),
        frozenset(
            {
                "bcrypt",
                "click",
                "flask",
                "httpx",
                "itsdangerous",
                "orjson",
                "werkzeug",
            }
        ),
    ),
    Package("run_proxy", OURS - {"tests"}, frozenset({"click"})),
)


def within(name: str, packages: frozenset[str]) -> bool:
    return any(name == one or name.startswith(one + ".") for one in packages)


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> Package:
    if module == "addons":
        # Only the list of the chain knows every addon.
        return Package("addons", frozenset({"addons", "storage", "config"}))
    fitting = [one for one in TABLE if within(module, frozenset({one.name}))]
    package = max(fitting, key=lambda one: len(one.name))
    if package.name != "addons":
        return package
    # One addon of the chain: itself, but not its neighbours.
    return Package(module, package.ours, package.others)


def imports(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything that is imported, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - is_package
                parents = module.split(".")[: -up or None]
                base = ".".join([*parents, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def violations(source: str, path: Path) -> list[str]:
    module = module_name(path)
    package = package_of(module)
    return [
        f"{path}:{line}: {package.name} must not import {imported}"
        for line, imported in imports(source, module, path.name == "__init__.py")
        if not package.allows(imported)
    ]


def sources() -> list[Path]:
    found = [ROOT / "run_proxy.py"] if (ROOT / "run_proxy.py").exists() else []
    for top in sorted(OURS - {"tests", "run_proxy"}):
        found += sorted((ROOT / top).rglob("*.py"))
    return [path.relative_to(ROOT) for path in found]


def test_imports_follow_the_table() -> None:
    found = [
        violation
        for path in sources()
        for violation in violations((ROOT / path).read_text("utf-8"), path)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("config/settings.py", "import storage"),
        ("config/settings.py", "import click"),
        ("config/settings.py", "def late():\n    from addons.wire import sse"),
        ("storage/ledger.py", "from mitmproxy import http"),
        ("storage/ledger.py", "import asyncio"),
        ("storage/ledger.py", "import click"),
        ("storage/writer.py", "from dashboard import app"),
        ("addons/wire/sse.py", "import time"),
        ("addons/wire/sse.py", "from config import Settings"),
        ("addons/wire/sse.py", "from urllib import request"),
        ("addons/wire/sse.py", "from .. import keys"),
        ("addons/wire/sse.py", "from ..providers import base"),
        ("addons/providers/openai.py", "from addons import keys"),
        ("addons/upstream/call.py", "from storage import open_storage"),
        ("addons/upstream/upstream.py", "from storage.ledger import settle"),
        ("addons/keys.py", "from addons.limits import Limits"),
        ("addons/keys.py", "from addons import limits"),
        ("addons/keys.py", "import flask"),
        ("addons/keys.py", "import run_proxy"),
        ("dashboard/app.py", "import mitmproxy"),
        ("dashboard/app.py", "from addons.wire import errors"),
        ("run_proxy.py", "from tests.fakes import clock"),
    ],
)
def test_a_wrong_import_is_found(path: str, line: str) -> None:
    (found,) = violations(line, Path(path))
    assert found.startswith(path)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("config/settings.py", "import yaml, os.path"),
        ("config/commands.py", "import click\nfrom config import load"),
        ("storage/writer.py", "import asyncio\nfrom storage import errors"),
        ("storage/commands/keys.py", "import click"),
        ("addons/wire/sse.py", "import orjson\nfrom . import errors"),
        ("addons/wire/__init__.py", "from .sse import SseDecoder"),
        ("addons/wire/sse.py", "from urllib.parse import urlsplit"),
        ("addons/providers/openai.py", "from ..wire import usage"),
        ("addons/upstream/call.py", "import aiohttp\nfrom config import Clocks"),
        ("addons/keys.py", "from addons.exchange import Exchange"),
        ("addons/__init__.py", "from addons.keys import Keys"),
        ("dashboard/app.py", "import flask\nfrom storage.reader import Reader"),
        ("run_proxy.py", "from addons import chain\nimport dashboard"),
    ],
)
def test_a_right_import_is_not(path: str, line: str) -> None:
    assert violations(line, Path(path)) == []


def test_nobody_imports_the_composition_root() -> None:
    assert all("run_proxy" not in package.ours for package in TABLE[:-1])
    root = frozenset({"addons.gateway.serving"})
    for path in sources():
        text, inside = (ROOT / path).read_text("utf-8"), path.name == "__init__.py"
        found = [name for _, name in imports(text, module_name(path), inside)]
        assert not any(within(name, root) for name in found), path
