"""Nothing leaves a worker that gives access, or says who somebody is."""

import json

import orjson
import pytest

from addons.inspector.redacting import (
    HIDDEN,
    Redaction,
    shown_headers,
    shown_texts,
    shown_target,
    without_texts,
)

OURS = "sk-provider-credential"
BARE = "a0b1c2d3e4f5"
QUOTED = 'pass"word\\one'
KEY = "tk_" + "a1B2" * 10
JSON = "application/json"
SSE = "text/event-stream"


@pytest.fixture
def redaction() -> Redaction:
    return Redaction([OURS, BARE, QUOTED, ""], prompts=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("hello", "hello"),
        (f"my key is {KEY}.", "my key is [secret]."),
        ("tk_short", "tk_short"),
        (f"x{OURS}y", "x[secret]y"),
        (f"{BARE}{BARE}", "[secret][secret]"),
        (QUOTED, "[secret]"),
        ("sk-somebody-elses-key", "[secret]"),
        ("write to ada@example.com!", "write to [e-mail]!"),
        ("ada+x@mail.example.co.uk", "[e-mail]"),
        ("ada%40example.com", "[e-mail]"),
        ("a @ b", "a @ b"),
        ("https://x/y.png?signature=AbCdEfGhIj&z=1", None),
        ("https://x/y?X-Amz-Signature=0123456789abcdef", None),
    ],
)
def test_a_text_is_cleaned(redaction: Redaction, text: str, shown: str | None) -> None:
    found = redaction.clean(text.encode()).decode()
    if shown is None:
        assert "[secret]" in found and "AbCd" not in found and "0123" not in found
    else:
        assert found == shown


@pytest.mark.parametrize(
    "text",
    [
        "line\nada@example.com",
        "tab\tada@example.com\n",
        "é@example.com",
        "éada@example.com",
        f"{OURS}\n{QUOTED}",
        '"ada@example.com"',
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_stays_json(redaction: Redaction, text: str, ascii_only: bool) -> None:
    raw = json.dumps({"content": text}, ensure_ascii=ascii_only).encode()
    shown = orjson.loads(redaction.clean(raw))["content"]
    assert OURS not in shown and QUOTED not in shown and "ada@" not in shown


@pytest.mark.parametrize(
    "text",
    [KEY, OURS, BARE, QUOTED, "a@b.c", "a%40b.c", "a\\u0040b.c", "sig=abcdefgh"],
)
def test_what_is_not_clean_is_never_taken_for_it(
    redaction: Redaction, text: str
) -> None:
    raw = text.encode()
    if redaction.clean(raw) != raw:
        assert not redaction.is_clean(raw)
    assert redaction.is_clean(b"hello")


@pytest.mark.parametrize("length", range(4, len(BARE)))
def test_a_secret_that_is_cut_is_not_shown_in_part(
    redaction: Redaction, length: int
) -> None:
    raw = b"text " + BARE[:length].encode()
    assert redaction.body(raw, "text/plain", is_cut=True) == b"text [secret]"


def test_headers_are_hidden_unless_they_are_known() -> None:
    sent = [
        (b"Authorization", b"Bearer x"),
        (b"Cookie", b"session=1"),
        (b"X-My-Token", b"secret"),
        (b"Content-Type", b"application/json"),
        (b"X-Autolist-Cost", b"0.1"),
    ]
    assert shown_headers(sent) == [
        ("Authorization", HIDDEN),
        ("Cookie", HIDDEN),
        ("X-My-Token", HIDDEN),
        ("Content-Type", "application/json"),
        ("X-Autolist-Cost", "0.1"),
    ]


def test_headers_that_are_texts_are_judged_alike() -> None:
    sent = {"Cookie": "a", "Server": "caf\u00e9 \udcff", "x-\udcff": "b"}
    assert shown_texts(sent) == [
        ("Cookie", HIDDEN),
        ("Server", "caf\u00e9 ?"),
        ("x-?", HIDDEN),
    ]


def test_no_more_headers_are_shown_than_anybody_reads() -> None:
    sent = [(b"accept", b"a" * 9999)] * 100
    found = shown_headers(sent)
    assert (len(found), len(found[0][1])) == (64, 512)
    texts = {"accept": "a" * 9999, **{str(number): "" for number in range(100)}}
    found = shown_texts(texts)
    assert (len(found), len(found[0][1])) == (64, 512)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/api/v1/models", "/api/v1/models"),
        ("/api/v1/generation?id=1", f"/api/v1/generation?{HIDDEN}"),
    ],
)
def test_a_query_is_never_shown(target: str, shown: str) -> None:
    assert shown_target(target) == shown


def test_without_texts_a_request_keeps_its_form() -> None:
    asked = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "my secret"}],
        "temperature": 0.7,
        "metadata": {"who am i": "ada"},
        "tools": [{"secret": "x"}],
        "tool_choice": "auto",
        "strange name of a field": "x",
    }
    shown = orjson.loads(without_texts(orjson.dumps(asked), JSON))
    assert shown == {
        "model": "[6 characters]",
        "messages": [{"role": "user", "content": "[9 characters]"}],
        "temperature": 0.7,
        "metadata": "[withheld]",
        "tools": "[withheld]",
        "tool_choice": "auto",
        HIDDEN: "[1 characters]",
    }


def test_without_texts_a_stream_keeps_its_figures() -> None:
    raw = (
        b"event: delta\n"
        b'data: {"choices":[{"delta":{"content":"secret"},"finish_reason":"stop"}]}\n\n'
        b': secret comment\ndata: {"usage":{"prompt_tokens":3}}\n\n'
        b'data: [DONE]\n\ndata: {"cut":"sec'
    )
    shown = without_texts(raw, SSE)
    assert b"sec" not in shown
    assert b'"finish_reason":"stop"' in shown and b'"prompt_tokens":3' in shown
    assert b"data: [DONE]" in shown and b"event: delta" in shown


@pytest.mark.parametrize("raw", [b"my secret", b'{"a":"sec', b"--b\r\nsecret"])
def test_without_texts_nothing_is_shown_that_is_not_understood(raw: bytes) -> None:
    assert b"sec" not in without_texts(raw, "multipart/form-data")


def test_prompts_are_withheld_where_they_are_to_be() -> None:
    redaction = Redaction([], prompts=False)
    assert b"secret" not in redaction.body(b'{"prompt":"secret"}', JSON, False)
    assert Redaction([], True).body(b"secret", JSON, False) == b"secret"
