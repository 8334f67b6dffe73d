"""Which schemas the provider can be held to, and what becomes of the rest."""

from typing import Any

import pytest
from anthropic import transform_schema

from addons.providers.anthropic_schema import (
    DEPTH_MAX,
    OPTIONAL_MAX,
    UNIONS_MAX,
    fitted_schema,
)
from tests.fakes.anthropic_model import check_schema

TEXT = {"type": "string"}
NOTHING = {"type": "null"}


def thing(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


AS_THEY_ARE = {
    "a flat object": thing("a", "b", a=TEXT, b={"type": "integer"}),
    "an object in an object": thing("a", a=thing("b", b={"type": "boolean"})),
    "an object with no keys": thing(),
    "an array": thing("a", a={"type": "array", "items": TEXT}),
    "an array of one or more": thing(
        "a", a={"type": "array", "items": TEXT, "minItems": 1}
    ),
    "an enumeration": thing("a", a={"type": "string", "enum": ["x", "y"]}),
    "a union": thing("a", a={"anyOf": [TEXT, NOTHING]}),
    "a known format": thing("a", a={"type": "string", "format": "date-time"}),
    "words": {**thing("a", a={**TEXT, "description": "d"}), "title": "T"},
    "a definition": {
        **thing("a", "b", a={"$ref": "#/$defs/A"}, b={"$ref": "#/$defs/A"}),
        "$defs": {"A": thing("c", c=TEXT)},
    },
    "a number": thing("a", a={"type": "number", "enum": [1, 2.5]}),
}


@pytest.mark.parametrize("schema", AS_THEY_ARE.values(), ids=list(AS_THEY_ARE))
def test_a_plain_schema_stays_as_it_is(schema: dict[str, Any]) -> None:
    found = fitted_schema(schema)
    assert found == schema
    check_schema(found, "here")


@pytest.mark.parametrize("schema", AS_THEY_ARE.values(), ids=list(AS_THEY_ARE))
def test_the_vendor_s_sdk_makes_the_same_of_it(schema: dict[str, Any]) -> None:
    assert fitted_schema(schema) == transform_schema(schema)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9, "description": "n"},
         {"type": "integer", "description": "n\n\n{minimum: 1, maximum: 9}"}),
        ({"type": "string", "minLength": 2, "pattern": "^a"},
         {"type": "string", "description": '{minLength: 2, pattern: "^a"}'}),
        ({"type": "string", "format": "color"},
         {"type": "string", "description": '{format: "color"}'}),
        ({"type": "array", "items": TEXT, "minItems": 3},
         {"type": "array", "items": TEXT, "description": "{minItems: 3}"}),
        ({"anyOf": [TEXT, NOTHING], "default": None, "title": "T"},
         {"anyOf": [TEXT, NOTHING], "title": "T", "description": "{default: null}"}),
        ({"oneOf": [TEXT, NOTHING]}, {"anyOf": [TEXT, NOTHING]}),
        ({"allOf": [TEXT]}, TEXT),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"enum": ["x", "y"]}, {"type": "string", "enum": ["x", "y"]}),
        ({"enum": ["x", None]},
         {"anyOf": [{"type": "null", "enum": [None]}, {**TEXT, "enum": ["x"]}]}),
        ({"type": ["string", "null"], "minLength": 1},
         {"anyOf": [{**TEXT, "description": "{minLength: 1}"}, NOTHING]}),
        ({"type": ["string", "null"], "enum": ["x"]}, {**TEXT, "enum": ["x"]}),
        ({"type": ["object", "null"], "properties": {"a": TEXT}, "required": ["a"]},
         {"anyOf": [thing("a", a=TEXT), NOTHING]}),
        ({"type": "string", "$comment": "c", "deprecated": True}, TEXT),
        ({"$ref": "#/definitions/A", "description": "d"}, {"$ref": "#/$defs/A"}),
        ({"type": "object", "properties": {"a": TEXT}},
         {**thing(a=TEXT)}),
    ],
)
def test_what_only_narrows_is_told_in_words(
    given: dict[str, Any], told: dict[str, Any]
) -> None:
    root = {**thing("x", x=given), "definitions": {"A": TEXT}}
    found = fitted_schema(root)
    assert found is not None
    assert found["properties"]["x"] == told
    check_schema(found, "here")


CIRCLE = {
    **thing("a", a={"$ref": "#/$defs/A"}),
    "$defs": {"A": thing("b", b={"$ref": "#/$defs/B"}), "B": {"$ref": "#/$defs/A"}},
}
UNFIT = {
    "any object": {"type": "object"},
    "an open object": {**thing("a", a=TEXT), "additionalProperties": True},
    "a map": {"type": "object", "additionalProperties": TEXT},
    "a map inside": thing("a", a={"type": "object", "additionalProperties": TEXT}),
    "keys by pattern": {**thing("a", a=TEXT), "patternProperties": {"^b": TEXT}},
    "anything": thing("a", a={}),
    "true": thing("a", a=True),
    "an array of anything": thing("a", a={"type": "array"}),
    "a tuple": thing("a", a={"type": "array", "prefixItems": [TEXT]}),
    "a circle": CIRCLE,
    "itself": thing("a", a={"$ref": "#"}),
    "elsewhere": thing("a", a={"$ref": "https://example.com/a.json"}),
    "nowhere": thing("a", a={"$ref": "#/$defs/B"}),
    "all of two": {"allOf": [thing("a", a=TEXT), thing("b", b=TEXT)]},
    "not": {**TEXT, "not": {"const": "x"}},
    "no type of ours": {"type": "file"},
    "an empty union": {"anyOf": []},
    "an object in an enumeration": {"enum": [{"a": 1}]},
    "a description that is none": {"type": "string", "description": 7},
    "required that is no list": {**thing(a=TEXT), "required": "a"},
    "properties that are none": {"type": "object", "properties": [TEXT]},
}


@pytest.mark.parametrize("schema", UNFIT.values(), ids=list(UNFIT))
def test_what_changes_a_value_s_shape_is_unfit(schema: dict[str, Any]) -> None:
    assert fitted_schema(schema) is None


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_request_holds_only_so_many_of_the_dear_ones(more: int, fits: bool) -> None:
    keys = [f"k{number}" for number in range(OPTIONAL_MAX + more)]
    optional = thing(**dict.fromkeys(keys, TEXT))
    assert (fitted_schema(optional) is not None) is fits
    keys = [f"k{number}" for number in range(UNIONS_MAX + more)]
    unions = thing(*keys, **dict.fromkeys(keys, {"type": ["string", "null"]}))
    assert (fitted_schema(unions) is not None) is fits


@pytest.mark.parametrize(("more", "fits"), [(-2, True), (-1, False), (9999, False)])
def test_definitions_that_lead_on_and_on_come_to_an_end(more: int, fits: bool) -> None:
    """The object and its property's reference are two levels."""
    last = DEPTH_MAX + more
    chain = {
        f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(1, last)
    }
    schema = thing("a", a={"$ref": "#/$defs/d1"})
    schema["$defs"] = {**chain, f"d{last}": TEXT}
    assert (fitted_schema(schema) is not None) is fits


def test_the_caller_s_schema_is_not_touched() -> None:
    given = {**thing("a", a={"$ref": "#/$defs/A"}), "$defs": {"A": {"const": "x"}}}
    before = repr(given)
    fitted_schema(given)
    assert repr(given) == before
