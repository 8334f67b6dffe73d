"""Fields: JSON whatever the type says, forms, and text that is really text."""

from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from dashboard.fields import (
    NumberText,
    amount_field,
    id_field,
    read_fields,
    text_field,
    texts_field,
)
from dashboard.refusals import BadInput

FORM = "application/x-www-form-urlencoded"


def request(body: bytes, content_type: str | None) -> Request:
    builder = EnvironBuilder(method="POST", data=body, content_type=content_type)
    return Request(builder.get_environ())


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (b'{"email": "a"}', "application/json", {"email": "a"}),
        (b'{"email": "a"}', FORM, {"email": "a"}),
        (b'{"email": "a"}', None, {"email": "a"}),
        (b' \r\n{"email": "a"}', "text/plain", {"email": "a"}),
        ('{"email": "密"}'.encode(), "application/json", {"email": "密"}),
        (b"email=a%40b.c&password=x+y", FORM, {"email": "a@b.c", "password": "x y"}),
        (b"email=first&email=second", FORM, {"email": "first"}),
        (b"", "application/json", {}),
        (b"", None, {}),
        (b"  ", FORM, {"  ": ""}),
    ],
)
def test_fields_are_read(
    body: bytes, content_type: str | None, fields: dict[str, Any]
) -> None:
    assert dict(read_fields(request(body, content_type))) == fields


def test_a_multipart_form_is_a_form() -> None:
    builder = EnvironBuilder(method="POST", data={"email": "a"})
    builder.content_type = "multipart/form-data"
    assert read_fields(Request(builder.get_environ())) == {"email": "a"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"text"',
        b"{",
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xff"}',
        b'{"a":' * 5000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"hello",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_fields(request(body, "application/json"))


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), ("", ""), (None, ""), ("密码", "密码")]
)
def test_text_is_text(value: object, text: str) -> None:
    assert text_field({"name": value}, "name") == text


def test_an_absent_field_is_empty() -> None:
    assert text_field({}, "name") == ""


@pytest.mark.parametrize(
    "value", [1, True, [], {}, ["a"], "\ud800", "a\0b", "a\nb", "a\x7f"]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        text_field({"name": value}, "name")


def test_a_password_may_hold_any_character() -> None:
    assert text_field({"name": "a\0\n"}, "name", single_line=False) == "a\0\n"


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        (b'{"amount": 10}', "10"),
        (b'{"amount": 10.10}', "10.10"),
        (b'{"amount": 0.1000000000000000055}', "0.1000000000000000055"),
        (b'{"amount": 1e3}', "1e3"),
        (b'{"amount": "10.10"}', "10.10"),
        (b'{"amount": " 10 "}', "10"),
        (b'{"amount": true}', ""),
        (b'{"amount": null}', ""),
        (b'{"amount": [1]}', ""),
        (b"{}", ""),
    ],
)
def test_an_amount_is_the_digits_that_were_sent(body: bytes, amount: str) -> None:
    fields = read_fields(request(body, "application/json"))
    assert amount_field(fields, "amount") == amount


def test_a_number_with_a_point_is_no_text() -> None:
    fields = read_fields(request(b'{"email": 1.5}', "application/json"))
    with pytest.raises(BadInput):
        text_field(fields, "email")


@pytest.mark.parametrize(
    ("value", "number"), [(7, 7), ("7", 7), (" 7 ", 7), (0, 0), (2**63 - 1, 2**63 - 1)]
)
def test_a_whole_number_is_read(value: object, number: int) -> None:
    assert id_field({"n": value}, "n", least=0) == number


@pytest.mark.parametrize(
    "value", [None, -1, 2**63, True, 1.5, "1.5", NumberText("1.0"), "", "٣", [], {}]
)
def test_anything_else_is_no_number(value: object) -> None:
    with pytest.raises(BadInput):
        id_field({"n": value}, "n", least=0)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, None),
        ("", None),
        ("a, b", ["a", "b"]),
        (["a", " b ", "a"], ["a", "b"]),
    ],
)
def test_texts_are_a_list_or_have_commas(value: object, texts: object) -> None:
    assert texts_field({"t": value}, "t", 3) == texts


@pytest.mark.parametrize(
    "value", [[], ["a", ""], [1], [None], 5, {}, ["a"] * 4, "a,,b"]
)
def test_other_lists_are_none(value: object) -> None:
    with pytest.raises(BadInput):
        texts_field({"t": value}, "t", 3)
