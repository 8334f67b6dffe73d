"""JSON schemas as Anthropic can be held to them.

The provider follows a part of JSON Schema to the letter and refuses the rest. What
only narrows a value (a minimum, a pattern) is moved into the description, as the
vendor's own SDK does it, so the model reads it and mostly keeps to it. What changes a
value's shape cannot be moved: an object with keys of the caller's choosing, a schema
inside itself, anything at all. Such a schema is unfit, and goes another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

TYPES = frozenset(
    {"array", "boolean", "integer", "null", "number", "object", "string"}
)
FORMATS = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uuid",
    }
)
NUMBERS = frozenset(
    {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}
)
# These say something about a value without changing what it is made of, by its type.
NARROWING: Mapping[str, frozenset[str]] = {
    "array": frozenset({"maxItems", "minItems", "uniqueItems"}),
    "integer": NUMBERS,
    "number": NUMBERS,
    "object": frozenset({"maxProperties", "minProperties"}),
    "string": frozenset({"format", "maxLength", "minLength", "pattern"}),
}
ANYWHERE = frozenset({"default", "examples"})
# What a value of a type is made of.
MADE_OF: Mapping[str, frozenset[str]] = {
    "array": frozenset({"items"}),
    "object": frozenset({"additionalProperties", "properties", "required"}),
}
DESCRIBING: tuple[str, ...] = ("title", "description")
IGNORED = frozenset(
    {"$comment", "$id", "$schema", "deprecated", "readOnly", "writeOnly"}
)
# What one request may hold of each.
OPTIONAL_MAX = 24
# Definitions refer to one another, so a flat schema can be as deep as it is long.
DEPTH_MAX = 64
UNIONS_MAX = 16
REFERENCES = ("#/$defs/", "#/definitions/")


class _Unfit(Exception):
    """The provider cannot be held to this schema."""


def fitted_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema as the provider takes it; None if it cannot be held to it."""
    fitting = _Fitting(schema)
    try:
        fitted = fitting.root()
    except _Unfit:
        return None
    if fitting.optional > OPTIONAL_MAX or fitting.unions > UNIONS_MAX:
        return None
    return fitted


class _Fitting:
    """One schema on its way; definitions are fitted as they are referred to."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.optional = 0
        self.unions = 0
        self.depth = 0
        self.definitions: dict[str, Any] = {}
        # Definitions that refer to the one being fitted, to find the circles.
        self.open: list[str] = []

    def root(self) -> dict[str, Any]:
        fitted = self.fit(self.schema)
        if self.definitions:
            fitted["$defs"] = self.definitions
        return fitted

    def fit(self, node: Any) -> dict[str, Any]:
        if type(node) is not dict or self.depth == DEPTH_MAX:
            raise _Unfit
        self.depth += 1
        fitted = self.fit_here(node)
        self.depth -= 1
        return fitted

    def fit_here(self, node: dict[str, Any]) -> dict[str, Any]:
        rest = {
            key: value
            for key, value in node.items()
            if key not in IGNORED and key not in ("$defs", "definitions")
        }
        described = {key: rest.pop(key) for key in DESCRIBING if key in rest}
        if "$ref" in rest:
            # A reference stands alone there.
            return self.refer(rest)
        return with_words(with_narrowing(self.shape(rest), rest), described)

    def shape(self, rest: dict[str, Any]) -> dict[str, Any]:
        """What a value is made of; what was understood is taken out of `rest`."""
        for key in ("anyOf", "oneOf"):
            if key in rest:
                return self.union(rest.pop(key))
        if "allOf" in rest:
            (only,) = self.several(rest.pop("allOf"), 1)
            return self.fit(only)
        if "const" in rest:
            rest["enum"] = [rest.pop("const")]
        values = rest.pop("enum", None)
        kinds = self.kinds(rest.pop("type", None), values)
        if len(kinds) > 1:
            self.unions += 1
            parts = [self.of_kind(kind, dict(rest), values) for kind in kinds]
            rest.clear()
            return {"anyOf": parts}
        fitted = self.of_kind(kinds[0], dict(rest), values)
        rest.clear()
        return fitted

    def kinds(self, wanted: Any, values: Any) -> list[str]:
        """The types a value may have; those that no allowed value has are none."""
        if wanted is None:
            wanted = sorted({kind_of(value) for value in values or ()})
        found = wanted if type(wanted) is list else [wanted]
        if not all(type(kind) is str and kind in TYPES for kind in found):
            raise _Unfit
        if values is not None:
            found = [
                kind for kind in found if any(is_of(value, kind) for value in values)
            ]
        if not found:
            raise _Unfit
        return found

    def of_kind(
        self, kind: str, rest: dict[str, Any], values: list[Any] | None
    ) -> dict[str, Any]:
        """A value of one type; what is said of other types does not concern it."""
        for other in TYPES - {kind}:
            others = NARROWING.get(other, frozenset()) | MADE_OF.get(other, frozenset())
            for key in others - NARROWING.get(kind, frozenset()):
                rest.pop(key, None)
        fitted: dict[str, Any] = {"type": kind}
        if values is not None:
            fitted["enum"] = [value for value in values if is_of(value, kind)]
        fitted |= SHAPES.get(kind, _Fitting.plain)(self, rest)
        return with_narrowing(fitted, rest)

    def plain(self, rest: dict[str, Any]) -> dict[str, Any]:
        return {}

    def text(self, rest: dict[str, Any]) -> dict[str, Any]:
        if rest.get("format") in FORMATS:
            return {"format": rest.pop("format")}
        return {}

    def array(self, rest: dict[str, Any]) -> dict[str, Any]:
        fitted = {"items": self.fit(rest.pop("items", None))}
        if rest.get("minItems") in (0, 1):
            fitted["minItems"] = rest.pop("minItems")
        return fitted

    def object(self, rest: dict[str, Any]) -> dict[str, Any]:
        properties = rest.pop("properties", None)
        closed = rest.pop("additionalProperties", None)
        if closed not in (None, False) or not (properties or closed is False):
            # Keys that nobody named may be in it.
            raise _Unfit
        properties = {} if properties is None else properties
        if type(properties) is not dict:
            raise _Unfit
        required = rest.pop("required", [])
        if type(required) is not list:
            raise _Unfit
        self.optional += len(properties.keys() - set(map(str, required)))
        fitted = {key: self.fit(value) for key, value in properties.items()}
        return {
            "properties": fitted,
            "required": required,
            "additionalProperties": False,
        }

    def union(self, variants: Any) -> dict[str, Any]:
        """A value of one of several shapes."""
        self.unions += 1
        return {"anyOf": [self.fit(one) for one in self.several(variants)]}

    def several(self, nodes: Any, count: int | None = None) -> list[Any]:
        if type(nodes) is not list or not nodes:
            raise _Unfit
        if count is not None and len(nodes) != count:
            raise _Unfit
        return nodes

    def refer(self, rest: dict[str, Any]) -> dict[str, Any]:
        reference = rest.pop("$ref")
        if rest or type(reference) is not str or not reference.startswith(REFERENCES):
            raise _Unfit
        name = reference.removeprefix(REFERENCES[0]).removeprefix(REFERENCES[1])
        if name in self.open:
            raise _Unfit
        if name not in self.definitions:
            self.open.append(name)
            self.definitions[name] = self.fit(self.definition(name))
            self.open.remove(name)
        return {"$ref": REFERENCES[0] + name}

    def definition(self, name: str) -> Any:
        for place in ("$defs", "definitions"):
            found = self.schema.get(place)
            if type(found) is dict and name in found:
                return found[name]
        raise _Unfit


SHAPES = {
    "array": _Fitting.array,
    "object": _Fitting.object,
    "string": _Fitting.text,
}


def with_narrowing(fitted: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """The schema, with what is left of it told in words."""
    if not rest.keys() <= ANYWHERE | NARROWING.get(fitted.get("type", ""), frozenset()):
        raise _Unfit
    if not rest:
        return fitted
    told = ", ".join(f"{key}: {orjson.dumps(rest[key]).decode()}" for key in rest)
    return {**fitted, "description": f"{{{told}}}"}


def with_words(fitted: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """The schema under its own title and description, before what was told in words."""
    told = [
        found["description"] for found in (described, fitted) if "description" in found
    ]
    if not all(type(words) is str for words in told):
        raise _Unfit
    words = {"description": "\n\n".join(told)} if told else {}
    return {**fitted, **described, **words}


def kind_of(value: Any) -> str:
    """The type of a value in an enumeration; empty for one that has parts."""
    return KINDS.get(type(value), "")


def is_of(value: Any, kind: str) -> bool:
    found = kind_of(value)
    return found == kind or (kind == "number" and found == "integer")


KINDS = {
    bool: "boolean",
    float: "number",
    int: "integer",
    str: "string",
    type(None): "null",
}
