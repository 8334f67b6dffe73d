"""Documents: a YAML file as a tree that remembers where everything stands.

YAML's own constructors forget lines, let the last of two equal keys win and turn a
bare 0.15 into a float before anybody can object. So the file is only *composed* into
nodes here; a Node hands out its text, entries or items when it is asked for them, and
every complaint is made by the node it is about. A file's mistake is thereby always one
line: file, line, key, what stands there, what was expected.

${NAME} and ${NAME:-default} are filled in when a scalar's text is read, after YAML has
decided the structure: a variable's value can never add a key. Complaints quote the
text as it is written in the file, never what a variable held, which may be a secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

DOCUMENT_BYTES_MAX = 1024 * 1024
SHOWN_CHARS_MAX = 80

NULL = "tag:yaml.org,2002:null"
TEXT = "tag:yaml.org,2002:str"

_REFERENCE = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?")


class ConfigError(Exception):
    """A mistake in a file, in one line."""

    def __init__(
        self, file: str, line: int | None, key: str, found: str, expected: str
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        parts = (place, printable(key), found, f"expected {printable(expected)}")
        super().__init__(": ".join(part for part in parts if part))
        self.file = file
        self.line = line
        self.key = key


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document, with its place and the variables it may name."""

    file: str
    line: int
    key: str
    name: str
    source: yaml.Node
    environ: Mapping[str, str]

    @property
    def tag(self) -> str:
        """What YAML takes the value for, as it is written."""
        return str(self.source.tag)

    @property
    def empty(self) -> bool:
        return self.tag == NULL

    @property
    def filled(self) -> bool:
        """Whether the text comes, at least in part, from the environment."""
        return isinstance(self.source, yaml.ScalarNode) and "${" in self.source.value

    def expected(self, what: str) -> ConfigError:
        """The complaint that this value is not what it should be, ready to raise."""
        hint = " once it is filled in" if self.filled else ""
        return self._complaint(what + hint)

    def text(self, what: str) -> str:
        """The scalar's text with its variables filled in."""
        if not isinstance(self.source, yaml.ScalarNode) or self.empty:
            raise self.expected(what)
        return _REFERENCE.sub(self._fill, self.source.value)

    def items(self, what: str) -> list["Node"]:
        """The items of a list."""
        if not isinstance(self.source, yaml.SequenceNode):
            raise self.expected(what)
        return [
            self._child(f"{self.key}[{index}]", str(index), _line(item), item)
            for index, item in enumerate(self.source.value)
        ]

    def entries(self, what: str) -> dict[str, "Node"]:
        """The entries of a mapping by key; a key stands there once."""
        if not isinstance(self.source, yaml.MappingNode):
            raise self.expected(what)
        entries: dict[str, Node] = {}
        for key, value in self.source.value:
            entry = self._entry(key, value)
            if entry.name in entries:
                first = entries[entry.name].line
                raise entry.expected(f"each key once, this one is on line {first} too")
            entries[entry.name] = entry
        return entries

    def absent(self, name: str) -> "Node":
        """The empty value a missing entry has, so that its reader can complain."""
        nothing = yaml.ScalarNode(NULL, "")
        return self._child(self._below(name), name, self.line, nothing)

    def _complaint(self, what: str) -> ConfigError:
        return ConfigError(self.file, self.line, self.key, shown(self.source), what)

    def _entry(self, key: yaml.Node, value: yaml.Node) -> "Node":
        if key.tag != TEXT or not isinstance(key, yaml.ScalarNode):
            place = self._below(shown(key))
            found = shown(value)
            raise ConfigError(self.file, _line(key), place, found, "a key that is text")
        # The key's line, not the value's: a value may start below it, or stand at
        # an anchor elsewhere.
        return self._child(self._below(key.value), key.value, _line(key), value)

    def _child(self, key: str, name: str, line: int, value: yaml.Node) -> "Node":
        return Node(self.file, line, key, name, value, self.environ)

    def _below(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def _fill(self, reference: re.Match[str]) -> str:
        name, default = reference.group(1), reference.group(2)
        if name is None:
            raise self._complaint("references as ${NAME} or ${NAME:-default}")
        if default is not None:
            # As in a shell, an empty variable counts as none.
            return self.environ.get(name) or default
        if name not in self.environ:
            raise self._complaint(f"the environment variable {name} to be set")
        return self.environ[name]


def open_document(path: Path, environ: Mapping[str, str]) -> Node:
    """The document in the file, which must be a single one."""
    file = path.name
    text = _read(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        raise _broken(file, text, line, error.problem or "unreadable") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        raise _broken(file, text, line, error.reason) from None
    except RecursionError:
        raise ConfigError(file, None, "", "", "less deeply nested YAML") from None
    if root is None:
        root = yaml.ScalarNode(NULL, "")
    return Node(file, 1, "", "", root, environ)


def shown(node: yaml.Node) -> str:
    """How a complaint names a value: as written, on one line, not too long."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if not isinstance(node, yaml.ScalarNode):
        return "a list"
    return "nothing" if node.tag == NULL else quoted(node.value)


def quoted(text: str) -> str:
    if len(text) > SHOWN_CHARS_MAX:
        text = text[:SHOWN_CHARS_MAX] + "…"
    return f'"{printable(text)}"'


def printable(text: str) -> str:
    """The text without what would break a line or move a terminal's cursor."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def _read(path: Path) -> str:
    # Whole, however long: where a file was looked for is what there is to know.
    file, place = path.name, f'"{printable(str(path))}"'
    try:
        with path.open("rb") as stream:
            raw = stream.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        reason = f"a readable file ({error.strerror})"
        raise ConfigError(file, None, "", place, reason) from None
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise ConfigError(file, None, "", place, f"at most {DOCUMENT_BYTES_MAX} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{raw[error.start]:02x}"
        raise ConfigError(file, line, "", found, "UTF-8 text") from None


def _broken(file: str, text: str, line: int, problem: str) -> ConfigError:
    lines = text.split("\n")
    found = lines[min(line, len(lines) - 1)].strip()
    shown_line = quoted(found) if found else "nothing"
    return ConfigError(file, line + 1, "", shown_line, f"YAML ({problem})")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
