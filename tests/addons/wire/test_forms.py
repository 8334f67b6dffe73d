"""Forms: what programs send as multipart/form-data, and what is no form."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.wire.errors import BadForm, BadParameter, BadRequest
from addons.wire.forms import (
    HEAD_BYTES_MAX,
    PARTS_MAX,
    Form,
    is_form,
    read_form,
    without_boundary,
)

TYPE = "multipart/form-data; boundary=xyz"


def part(head: str, content: bytes = b"value") -> bytes:
    return b"--xyz\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def named(name: str, content: bytes = b"value") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', content)


END = b"--xyz--\r\n"


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        (TYPE, True),
        ("Multipart/Form-Data;boundary=x", True),
        ("multipart/form-data", True),
        ("multipart/mixed; boundary=x", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_a_form_is_known_by_its_type(content_type: str, found: bool) -> None:
    assert is_form(content_type) is found


def test_what_httpx_sends_is_read() -> None:
    fields = {"prompt": "海浪\r\n--no delimiter", "seconds": "8", "empty": ""}
    request = httpx.Request(
        "POST", "http://a/", data=fields, files={"picture": ("a.png", b"\x89PNG")}
    )
    form = read_form(request.headers["content-type"], request.read())
    assert form == Form(fields, frozenset({"picture"}))


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (named("a") + END, {"a": "value"}),
        (b"a preamble\r\n" + named("a") + END + b"an epilogue", {"a": "value"}),
        (named("a", b"") + named("b", b"\r\n") + END, {"a": "", "b": "\r\n"}),
        (part("content-type: text/plain\r\nCONTENT-DISPOSITION: form-data; name=a")
         + END, {"a": "value"}),
        (b"--xyz--", {}),
    ],
)
def test_forms_are_read(raw: bytes, fields: dict[str, str]) -> None:
    assert read_form(TYPE, raw) == Form(fields)


def test_a_quoted_boundary_is_one_too() -> None:
    raw = named("a").replace(b"xyz", b"x y:z") + b"--x y:z--"
    assert read_form('multipart/form-data; boundary="x y:z"', raw).fields


@pytest.mark.parametrize(
    "parameter", ['filename="a.png"', 'filename=""', "filename*=x"]
)
def test_what_has_a_file_name_is_a_file(parameter: str) -> None:
    raw = part(f'Content-Disposition: form-data; name="a"; {parameter}', b"\xff") + END
    assert read_form(TYPE, raw) == Form({}, frozenset({"a"}))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        named("a"),
        b"--xyz\r\nno head\r\n" + END,
        b"--xyzz\r\n" + named("a")[7:] + END,
        part("Content-Type: text/plain") + END,
        part("Content-Disposition: form-data") + END,
        part('Content-Disposition: form-data; name=""') + END,
        part('Content-Disposition: attachment; name="a"') + END,
        part("X: " + "x" * HEAD_BYTES_MAX) + END,
    ],
)
def test_what_is_no_form_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(BadForm):
        read_form(TYPE, raw)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; x=y",
    ],
)
def test_a_form_without_a_boundary_is_none(content_type: str) -> None:
    with pytest.raises(BadForm, match="boundary"):
        read_form(content_type, named("a") + END)


def test_there_is_a_most_of_parts() -> None:
    most = b"".join(named(f"a{index}") for index in range(PARTS_MAX))
    assert len(read_form(TYPE, most + END).fields) == PARTS_MAX
    with pytest.raises(BadForm, match=str(PARTS_MAX)):
        read_form(TYPE, most + named("more") + END)


@pytest.mark.parametrize("second", [named("a"), part(
    'Content-Disposition: form-data; name="a"; filename="f"')])
def test_a_name_comes_once(second: bytes) -> None:
    with pytest.raises(BadParameter) as caught:
        read_form(TYPE, named("a") + second + END)
    assert caught.value.param == "a"


def test_a_text_is_utf_8() -> None:
    with pytest.raises(BadParameter) as caught:
        read_form(TYPE, named("a", b"\xff") + END)
    assert caught.value.param == "a"


@given(st.lists(st.sampled_from([b"--xyz", b"--", b"\r\n", b"\r\n\r\n", b"a", b"\xff",
       b'Content-Disposition: form-data; name="a"', b"; filename="]), max_size=20))
def test_whatever_comes_is_a_form_or_refused(pieces: list[bytes]) -> None:
    try:
        read_form(TYPE, b"".join(pieces))
    except BadRequest:
        return


def test_the_same_form_is_the_same_without_its_boundary() -> None:
    one, other = (
        without_boundary(TYPE.replace("xyz", name), raw)
        for name, raw in (
            ("xyz", named("a") + END),
            ("abc", (named("a") + END).replace(b"xyz", b"abc")),
        )
    )
    assert one == other
    assert one != without_boundary(TYPE, named("b") + END)
    for content_type in ("application/json", "multipart/form-data", "x; boundary=xyz"):
        assert without_boundary(content_type, named("a")) == named("a")
