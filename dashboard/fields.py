"""The fields of a request body: JSON whatever its type says, or a form.

The customer's curl examples send JSON under the content type of a form, so the first
byte decides: a body that opens with a brace is JSON. Numbers with a point stay text,
because amounts of money must never become floats.
"""

import json
import re
from collections.abc import Mapping

from flask import Request

from dashboard.refusals import BadInput

FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
DIGITS_MAX = 19
INTEGER_MAX = 2**63 - 1
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Fields = Mapping[str, object]


class NumberText(str):
    """A JSON number with a point or an exponent, as it was written."""


def read_fields(request: Request) -> Fields:
    raw = request.get_data()
    if raw.lstrip().startswith(b"{"):
        return read_json(raw)
    if request.mimetype in FORM_TYPES:
        return request.form.to_dict()
    if raw.strip():
        raise BadInput("bad_json")
    return {}


def read_json(raw: bytes) -> Fields:
    # The standard library's reader, not orjson: only it can leave numbers as text.
    try:
        read = json.loads(raw, parse_float=NumberText, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise BadInput("bad_json") from None
    if not isinstance(read, dict):
        raise BadInput("bad_json")
    return read


def refuse_constant(name: str) -> object:
    raise ValueError(name)


def text_field(fields: Fields, name: str, *, single_line: bool = True) -> str:
    """The field as text, empty when it is absent; BadInput for any other type.

    Lone surrogates are JSON but not Unicode text, and nothing behind us takes them.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or isinstance(value, NumberText):
        raise BadInput("bad_text", name=name)
    if single_line and CONTROL.search(value):
        raise BadInput("bad_text", name=name)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput("bad_text", name=name) from None
    return value


def id_field(fields: Fields, name: str, least: int = 1) -> int:
    """A whole number, from a JSON number or its digits."""
    value = fields.get(name)
    if isinstance(value, str) and not isinstance(value, NumberText):
        digits = value.strip()
        if len(digits) <= DIGITS_MAX and digits.isascii() and digits.isdigit():
            value = int(digits)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput("bad_number", name=name)
    if not least <= value <= INTEGER_MAX:
        raise BadInput("bad_number", name=name)
    return value


def texts_field(fields: Fields, name: str, most: int) -> list[str] | None:
    """A list of texts, or one text with commas, as forms send it; None for null and
    for nothing at all."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and not isinstance(value, NumberText):
        value = value.split(",")
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise BadInput("bad_list", name=name, maximum=most)
    texts = [text_field({name: one}, name).strip() for one in value]
    if not all(texts):
        raise BadInput("bad_list", name=name, maximum=most)
    return list(dict.fromkeys(texts))


def amount_field(fields: Fields, name: str) -> str:
    """An amount as the digits that were sent, from a JSON number or a string."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value).strip()
