"""Values: how the text of a setting becomes what the gateway uses.

A reader is a function from a node to a value, or a complaint. Small readers are put
together into larger ones (`list_of`, `mapping_of`, `record`), so that each file's
grammar is a literal table beside the records it fills: attribute, key, reader.

A key carries no unit, its value does (10s, 64KiB); a record's field carries the unit
in its name and is a plain number. Money is quoted in the file, because other programs
that read the file would make a bare 0.15 a float.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.document import TEXT, ConfigError, Node
from config.money import MAX_INTEGER, MOVED_NANO_MAX, parse_nano

type Reader[T] = Callable[[Node], T]
type Table = Mapping[str, tuple[str, Reader[Any]]]

INTEGER = "tag:yaml.org,2002:int"

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
DURATION_MS_MAX = 3660 * MILLISECONDS["d"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}")
PIXELS = re.compile(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}")
ASPECT_RATIO = re.compile(r"[1-9][0-9]?:[1-9][0-9]?")
RESOLUTION = re.compile(r"[1-9][0-9]{2,3}p")

# YAML 1.1 takes 010 for eight and 1:30 for ninety; nobody means that here.
_RANGE = re.compile(r"([1-9][0-9]{0,3})\.\.([1-9][0-9]{0,3})")
_WHOLE = re.compile(r"0|[1-9][0-9]*(?:_[0-9]+)*")
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,12})(B|KiB|MiB|GiB)")
_DATABASE = re.compile(r"(?:postgresql://[!-~]+)?")
_ADDRESS = re.compile(r"https?://[!-~]+")
_TOKEN = re.compile(r"(?:[!-~]{16,256})?")


def text(node: Node) -> str:
    """One line of text that is not empty."""
    what = "text on one line"
    value = node.text(what)
    if not _is_text(node) or value.splitlines() != [value] or not value.strip():
        raise node.expected(what)
    return value


def database(node: Node) -> str:
    """Where a database is, or nothing. A password may stand in it, so a complaint
    shows nothing of what stands there."""
    what = "nothing, or postgresql://user@host/name"
    try:
        value = node.text(what)
    except ConfigError:
        value = " "
    if not _is_text(node) or not _DATABASE.fullmatch(value):
        raise ConfigError(node.file, node.line, node.key, "", what)
    return value


def token(node: Node) -> str:
    """A secret that somebody must send, or nothing. A complaint shows nothing of it."""
    what = "nothing, or 16 to 256 printable ASCII characters without blanks"
    try:
        value = " " if node.empty else node.text(what)
    except ConfigError:
        value = " "
    if not _TOKEN.fullmatch(value):
        raise ConfigError(node.file, node.line, node.key, "", what)
    return value


def matching(pattern: re.Pattern[str], what: str) -> Reader[str]:
    """Text of a certain form."""

    def read(node: Node) -> str:
        value = node.text(what)
        if not _is_text(node) or not pattern.fullmatch(value):
            raise node.expected(what)
        return value

    return read


name = matching(NAME, "a name of letters, digits and . _ : / -")
variable = matching(VARIABLE, "the name of an environment variable")
host = matching(HOST, "a domain in small letters such as example.com")
pixels = matching(PIXELS, "width and height such as 1024x1024")
resolution = matching(RESOLUTION, "a resolution such as 720p")


def choice(*words: str) -> Reader[str]:
    """One of a few words."""
    what = "one of " + ", ".join(words) if words else "nothing, there is no choice yet"

    def read(node: Node) -> str:
        value = node.text(what)
        if value not in words:
            raise node.expected(what)
        return value

    return read


def whole(least: int, most: int = MAX_INTEGER) -> Reader[int]:
    """A whole number; underscores may group its digits."""
    what = f"a whole number ≥ {least}"
    if most != MAX_INTEGER:
        what += f" and ≤ {most}"

    def read(node: Node) -> int:
        value = node.text(what)
        if not (node.tag == INTEGER or node.filled) or not _WHOLE.fullmatch(value):
            raise node.expected(what)
        # int() refuses texts of thousands of digits with an error of its own.
        number = int(value) if len(value) <= 30 else MAX_INTEGER + 1
        if not least <= number <= most:
            raise node.expected(what)
        return number

    return read


def duration(least_ms: int = 1) -> Reader[float]:
    """A length of time, in seconds."""
    what = "a duration > 0" if least_ms else "a duration"
    what += " such as 500ms, 10s, 5m, 2h or 7d"

    def read(node: Node) -> float:
        match = _DURATION.fullmatch(node.text(what))
        if match is None:
            raise node.expected(what)
        milliseconds = int(match.group(1)) * MILLISECONDS[match.group(2)]
        if not least_ms <= milliseconds <= DURATION_MS_MAX:
            raise node.expected(what)
        return milliseconds / 1000

    return read


def size(node: Node) -> int:
    """A number of bytes above zero."""
    what = "a size > 0 such as 512B, 64KiB or 20MiB"
    match = _SIZE.fullmatch(node.text(what))
    if match is None:
        raise node.expected(what)
    count = int(match.group(1)) * BYTES[match.group(2)]
    if not 0 < count <= MAX_INTEGER:
        raise node.expected(what)
    return count


def money(
    parse: Callable[[str], int], what: str, most: int = MAX_INTEGER
) -> Reader[int]:
    """An amount that is not negative, quoted, in the unit its parser gives."""

    def read(node: Node) -> int:
        value = node.text(what)
        if not _is_text(node):
            raise node.expected(what)
        try:
            units = parse(value)
        except ValueError:
            raise node.expected(what) from None
        if not 0 <= units <= most:
            raise node.expected(what)
        return units

    return read


amount = money(
    parse_nano,
    'a quoted amount in dollars, such as "10.00", at most 1,000,000',
    MOVED_NANO_MAX,
)


def address(node: Node) -> str:
    """Where a server is: scheme, host, path. Its end has no slash."""
    what = "an http:// or https:// address without user, query or fragment"
    value = node.text(what)
    if not _is_text(node) or not _ADDRESS.fullmatch(value) or not _is_plain(value):
        raise node.expected(what)
    return value.rstrip("/")


def network(node: Node) -> IPv4Network | IPv6Network:
    """Addresses such as 10.0.0.0/8, or a single one."""
    try:
        return ip_network(text(node), strict=False)
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise node.expected("an address or a network such as 10.0.0.0/8") from None


def folder(node: Node) -> Path:
    """A directory, there or not yet."""
    return Path(text(node))


def optional[T](read: Reader[T]) -> Reader[T | None]:
    """What `read` reads, or None where the file has nothing or an empty text."""

    def read_optional(node: Node) -> T | None:
        if node.empty or not node.text("text"):
            return None
        return read(node)

    return read_optional


def list_of[T](read: Reader[T]) -> Reader[tuple[T, ...]]:
    def read_list(node: Node) -> tuple[T, ...]:
        return tuple(read(item) for item in node.items("a list"))

    return read_list


def several_of[T](read: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list that is not empty."""
    read_list = list_of(read)

    def read_several(node: Node) -> tuple[T, ...]:
        found = read_list(node)
        if not found:
            raise node.expected("a list of one item or more")
        return found

    return read_several


def whole_numbers(least: int, most: int) -> Reader[tuple[int, ...]]:
    """A list of them that is not empty, or all of a range, written 2..10."""
    read_list = several_of(whole(least, most))
    what = f"a list of whole numbers from {least} to {most}, or a range such as 2..10"

    def read(node: Node) -> tuple[int, ...]:
        if not _is_text(node):
            return read_list(node)
        match = _RANGE.fullmatch(node.text(what))
        if match is None:
            raise node.expected(what)
        first, last = int(match.group(1)), int(match.group(2))
        if not least <= first <= last <= most:
            raise node.expected(what)
        return tuple(range(first, last + 1))

    return read


def table_of[T](
    keys: re.Pattern[str], what: str, read: Reader[T]
) -> Reader[dict[str, T]]:
    """One entry or more, whose keys are of a certain form."""

    def read_table(node: Node) -> dict[str, T]:
        entries = node.entries("a mapping")
        if not entries:
            raise node.expected("a mapping with one entry or more")
        for key, entry in entries.items():
            if not keys.fullmatch(key):
                raise entry.expected(f"a key that is {what}")
        return {key: read(entry) for key, entry in entries.items()}

    return read_table


def mapping_of[T](read: Reader[T]) -> Reader[dict[str, T]]:
    """Entries under names of the operator's choice."""

    def read_mapping(node: Node) -> dict[str, T]:
        entries = node.entries("a mapping")
        for key, entry in entries.items():
            if not NAME.fullmatch(key):
                raise entry.expected("a key of letters, digits and . _ : / -")
        return {key: read(entry) for key, entry in entries.items()}

    return read_mapping


def record[T](
    kind: type[T],
    table: Table,
    *,
    named: str = "",
    complete: bool = False,
    also: tuple[str, ...] = (),
) -> Reader[T]:
    """A mapping with known keys, read into a dataclass.

    A key may be missing if its field has a default, unless the record must be complete
    or the field is one of `also`. `named` is the field that takes the entry's own name.
    """
    required = _without_default(kind) | set(also)
    if complete:
        required = frozenset(table)
    keys = tuple(dict.fromkeys(key for key, _ in table.values()))

    def read(node: Node) -> T:
        entries = known_entries(node, keys)
        values: dict[str, Any] = {named: node.name} if named else {}
        for attribute, (key, read_value) in table.items():
            if key in entries:
                values[attribute] = read_value(entries[key])
            elif attribute in required:
                values[attribute] = read_value(node.absent(key))
        return kind(**values)

    return read


def known_entries(node: Node, keys: tuple[str, ...]) -> dict[str, Node]:
    """A mapping's entries. A key that nobody reads is a mistyped one."""
    entries = node.entries("a mapping with " + ", ".join(keys))
    for key, entry in entries.items():
        if key not in keys:
            raise entry.expected("one of the keys " + ", ".join(keys))
    return entries


def _without_default(kind: type[Any]) -> frozenset[str]:
    return frozenset(
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    )


def _is_text(node: Node) -> bool:
    """Whether YAML, too, takes the value for text: `no` and 0.15 are something else."""
    return node.tag == TEXT


def _is_plain(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # reading the port is what checks it
    except ValueError:
        return False
    return bool(host) and not set(value) & set("@?#\\")
