"""What the code has that docs/ must name: settings, errors, headers, addons, commands.

Settings are found by walking the readers of config/ as they are put together: a reader
made of others keeps them in its closure, and a record keeps its table.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from config import gateway, providers
from config.values import record
from run_proxy import Late, main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAME = "NAME"
_RECORD = record(gateway.Limits, gateway.LIMITS).__code__


def commands() -> dict[str, click.Command]:
    """Each first word of the command line, and what it stands for."""
    return {
        name: one.load() if isinstance(one, Late) else one
        for name, one in main.commands.items()
    }


def inner(reader: Callable[..., Any]) -> Mapping[str, Any]:
    """What a reader was made of; nothing for a plain function."""
    if not inspect.isfunction(reader):
        return {}
    return inspect.getclosurevars(reader).nonlocals


def settings_in(reader: Callable[..., Any], path: str = "") -> Iterator[str]:
    """The keys that a reader knows, with dots; entries under free names have NAME."""
    held = inner(reader)
    if getattr(reader, "__code__", None) is _RECORD:
        for key, below in held["table"].values():
            whole = f"{path}.{key}" if path else key
            found = list(settings_in(below, whole))
            yield from found or [whole]
        return
    for part in held.values():
        if inspect.isfunction(part):
            named = reader.__qualname__.startswith("mapping_of")
            yield from settings_in(part, f"{path}.{NAME}" if named else path)


def gateway_settings() -> set[str]:
    return set(settings_in(gateway._gateway))


def provider_settings() -> set[str]:
    found = set(settings_in(providers._read_providers, "providers"))
    for kind in providers.KINDS:
        table = providers._model_table((), kind)
        model = record(providers.Model, table, named="id")
        found |= set(settings_in(model, f"models.{NAME}"))
    # Read by a function of its own around the record.
    videos = f"models.{NAME}.videos"
    return found - {videos} | set(settings_in(providers._read_rules, videos))


def shipped(name: str) -> dict[str, str]:
    """The values of a shipped file, as they are written there."""
    root = yaml.compose((ROOT / "config" / name).read_text("utf-8"))
    return dict(written(root, ""))


def written(node: yaml.Node, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from written(value, f"{path}.{key.value}".lstrip("."))
    elif isinstance(node, yaml.SequenceNode):
        yield path, "[" + ", ".join(item.value for item in node.value) + "]"
    else:
        quote = '"' if node.style == '"' and "${" not in node.value else ""
        yield path, f"{quote}{node.value}{quote}"


def rows(page: str) -> list[list[str]]:
    """The cells of all tables of a page, without heads and rules."""
    found = []
    for line in (DOCS / page).read_text("utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found.append([cell.strip().replace("\\|", "|") for cell in cells])
    return found


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]*)`", text)
