"""docs/ says what the code does: settings, errors, headers, the chain, and its links.

Both ways: what the code has is there, and what is there the code has.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import addons
from addons.wire.errors import ApiError
from config import load
from tests import documented
from tests.documented import DOCS, ROOT, quoted, rows

PAGES = sorted(path.name for path in DOCS.glob("*.md"))
HEADER = re.compile(r"x-[a-z]+(?:-[a-z]+)*", re.IGNORECASE)
# Spoken with providers, by their own documents.
PROVIDERS_SIDE = (
    "addons/providers",
    "addons/upstream",
    # What mitmweb may show of theirs.
    "addons/inspector/redacting.py",
)
STANDARD = {"authorization", "idempotency-key", "retry-after", "openai-poll-after-ms"}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-[^}]*)?\}")
LINK = re.compile(r"\]\(([^)\s]+)\)")


# Settings.


def described(first: str) -> dict[str, list[str]]:
    """The rows of settings whose keys begin so."""
    keyed = {quoted(row[0])[0]: row for row in rows("settings.md")}
    return {key: row for key, row in keyed.items() if key.startswith(first)}


def test_every_setting_of_the_gateway_is_described() -> None:
    wanted = documented.gateway_settings()
    found = {
        key
        for key in described("")
        if not key.startswith(("providers.", "models.")) and not key.isupper()
    }
    assert found == wanted


def test_every_setting_of_providers_and_models_is_described() -> None:
    found = described("providers.") | described("models.")
    assert set(found) == documented.provider_settings()


def test_what_is_said_to_be_shipped_is() -> None:
    settings = documented.gateway_settings()
    # What is below a setting is its own value.
    written = documented.shipped("gateway.yaml")
    shipped = {key: value for key, value in written.items() if key in settings}
    rows_of = {key: row for key, row in described("").items() if key in shipped}
    said = {key: quoted(row[1])[0] for key, row in rows_of.items()}
    assert said == shipped


def test_a_key_left_out_has_the_value_that_is_shipped(tmp_path: Path) -> None:
    for name in ("providers.yaml", "prices.yaml"):
        (tmp_path / name).write_bytes((ROOT / "config" / name).read_bytes())
    # Names of variables are the file's to say: without them a method is off.
    (tmp_path / "gateway.yaml").write_text("{}", "utf-8")
    assert load(tmp_path, {}).listen == load(ROOT / "config", {}).listen
    assert load(tmp_path, {}).retries == load(ROOT / "config", {}).retries
    assert load(tmp_path, {}).videos == load(ROOT / "config", {}).videos


def test_every_variable_is_described() -> None:
    options = {
        str(option.envvar)
        for option in documented.commands()["serve"].params
        if isinstance(option, click.Option) and option.envvar
    }
    text = "".join(
        line
        for path in (ROOT / "config").glob("*.yaml")
        for line in path.read_text("utf-8").splitlines(keepends=True)
        if not line.lstrip().startswith("#")
    )
    wanted = options | set(VARIABLE.findall(text))
    assert {key for key in described("") if key.isupper()} == wanted


# Errors.


def kinds(base: type[ApiError]) -> Iterator[type[ApiError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def literal_codes() -> set[str]:
    """Codes that are given to an error where it is raised."""
    return {
        keyword.value.value
        for path in sources("addons")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    }


def test_every_error_is_described() -> None:
    wanted = {(str(one.status), str(one.code), one.type) for one in kinds(ApiError)}
    wanted |= {("400", code, "invalid_request_error") for code in literal_codes()}
    found = {
        (row[0], *quoted(row[1]), *quoted(row[2]))
        for row in table("errors.md", r"\| [0-9]{3} \|")
    }
    assert found == wanted


def test_what_is_said_of_trying_again_is_what_the_header_says() -> None:
    said = {
        (row[0], quoted(row[1])[0]): row[3]
        for row in table("errors.md", r"\| [0-9]{3} \|")
    }
    for kind in kinds(ApiError):
        if kind.should_retry is not None:
            expected = "yes" if kind.should_retry else "no"
            assert said[str(kind.status), str(kind.code)] == expected, kind.__name__


def table(page: str, begins: str) -> list[list[str]]:
    lines = (DOCS / page).read_text("utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if re.match(begins, line)
    ]


# Headers.


def sources(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def headers_in_code() -> set[str]:
    ours = [
        path
        for path in sources("addons", "dashboard")
        if not str(path.relative_to(ROOT)).startswith(PROVIDERS_SIDE)
    ]
    return {
        node.value.lower()
        for path in ours
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and HEADER.fullmatch(node.value)
    }


def test_every_header_is_described() -> None:
    found = {quoted(row[0])[0].lower() for row in rows("headers.md")}
    assert found - STANDARD == headers_in_code()


# The chain.


def chain_in_code() -> list[str]:
    """The names in the tuple that `addons.chain` returns, in its order."""
    (function,) = ast.parse(inspect.getsource(addons.chain)).body
    assert isinstance(function, ast.FunctionDef)
    (answer,) = (one for one in function.body if isinstance(one, ast.Return))
    assert isinstance(answer.value, ast.Tuple)
    return [name_of(one) for one in answer.value.elts]


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Starred):
        # It is there only where it is asked for.
        return name_of(node.value)
    if isinstance(node, ast.Call):
        return name_of(node.func)
    assert isinstance(node, ast.Name)
    return node.id.capitalize()


def test_the_architecture_shows_the_chain_in_its_order() -> None:
    listed = [quoted(row[0])[0] for row in rows("architecture.md")]
    assert [name for name in listed if name[0].isupper()] == chain_in_code()


def test_the_picture_names_every_addon_of_the_chain() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    picture = text.partition("```text")[2].partition("```")[0]
    words = set(re.findall(r"[A-Z][a-z]+", picture))
    assert set(chain_in_code()) <= words


def test_the_architecture_names_every_package() -> None:
    listed = {quoted(row[0])[0] for row in rows("architecture.md")}
    packages = {
        str(path.parent.relative_to(ROOT))
        for top in ("addons", "config", "dashboard", "storage")
        for path in (ROOT / top).rglob("__init__.py")
        if "migrations" not in path.parts
    }
    assert {name.rstrip("/") for name in listed if name.endswith("/")} == packages


# Links.


def anchors(page: Path) -> set[str]:
    """Of its heads, as GitHub makes them."""
    heads = re.findall(r"(?m)^#+ (.*)$", page.read_text("utf-8"))
    plain = [re.sub(r"[^\w\s-]", "", head.lower()) for head in heads]
    return {head.replace(" ", "-") for head in plain}


@pytest.mark.parametrize("name", [*PAGES, "../README.md"])
def test_its_links_lead_somewhere(name: str) -> None:
    page = DOCS / name
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name}: {link}"


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in PAGES if f"docs/{name}" not in text] == []
