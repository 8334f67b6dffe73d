"""Inspector: whose traffic the operator may look at, and how much of it is kept.

The inspector is mitmweb in a process of its own. What is shown is decided here for
each key, and all that it may take of memory is bounded here. A key that is in no list
has the level of the gateway: all of its traffic in a demo, heads alone otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from config.document import ConfigError, Node
from config.values import (
    Table,
    choice,
    known_entries,
    list_of,
    optional,
    size,
    whole,
)

type Level = Literal["full", "headers", "off"]

# From the one that shows the least.
LEVELS: tuple[Level, ...] = ("off", "headers", "full")
KIB = 1024
MIB = 1024 * KIB
BODY_BYTES_MAX = 16 * MIB
_ARGON2 = re.compile(r"\$argon2id\$[A-Za-z0-9$=,+/]{20,300}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InspectorSettings:
    """What of the traffic is shown, and within which bounds.

    Without a `level` it depends on whether this is a demo. `keys` has the levels of
    single keys by their numbers. `buffer_bytes` is what one worker keeps for an
    inspector that is slow, `flows_bytes` what the inspector itself keeps.
    """

    port: int = 8081
    password: str | None = field(default=None, repr=False)
    level: Level | None = None
    keys: Mapping[int, Level] = field(default_factory=dict)
    prompts: Literal["show", "withhold"] = "show"
    body_bytes: int = 256 * KIB
    buffer_bytes: int = 8 * MIB
    flows_max: int = 2000
    flows_bytes: int = 128 * MIB

    @property
    def usual(self) -> Level:
        """Of whoever is in no list."""
        return self.level or "headers"

    def level_of(self, key_id: int | None) -> Level:
        """Of a key; of a request that has none nobody knows whose secrets are in it,
        so that its body is not shown."""
        if key_id is not None:
            return self.keys.get(key_id, self.usual)
        return "off" if self.usual == "off" else "headers"


_key = whole(1)


def _password(node: Node) -> str:
    """A hash and never the password, for a file is read by many. What stands there may
    be a password all the same, so a complaint shows nothing of it."""
    what = "an argon2id hash, as docs/inspector.md makes one"
    try:
        value = node.text(what)
    except ConfigError:
        value = ""
    if not _ARGON2.fullmatch(value):
        raise ConfigError(node.file, node.line, node.key, "", what)
    return value


def _keys(node: Node) -> Mapping[int, Level]:
    """Lists of keys by level; no key is in two of them."""
    found: dict[int, Level] = {}
    entries = known_entries(node, LEVELS)
    for level in LEVELS:
        if level not in entries:
            continue
        for key in list_of(_key)(entries[level]):
            if key in found:
                raise entries[level].expected(f"key {key} under one level only")
            found[key] = level
    return found


def _body_size(node: Node) -> int:
    found = size(node)
    if found > BODY_BYTES_MAX:
        raise node.expected("a size of 16MiB at most")
    return found


INSPECTOR: Table = {
    "port": ("port", whole(0, 65535)),
    "password": ("password", optional(_password)),
    "level": ("level", optional(choice(*LEVELS))),
    "keys": ("keys", _keys),
    "prompts": ("prompts", choice("show", "withhold")),
    "body_bytes": ("body_size", _body_size),
    "buffer_bytes": ("buffer_size", size),
    "flows_max": ("flows_max", whole(1)),
    "flows_bytes": ("flows_size", size),
}
