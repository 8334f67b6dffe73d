"""The examples are the document's: all of its code, and nothing it does not say."""

import re
from collections import Counter

import pytest

from tests.scenarios.examples import (
    DOCUMENT,
    METHODS,
    PROGRAMS,
    Program,
    claimed,
    pieces,
    replace_once,
    squeezed,
)

TEXT = DOCUMENT.read_text("utf-8")
# What the document says before an example.
LEADS = re.compile(r"^(cURL|Python|JavaScript|请求示例:|响应示例:|7\.\d .* SDK)$")


def test_all_code_of_the_document_is_here_word_for_word() -> None:
    """Somewhere a test runs each of these: those of one kind are a table there."""
    assert Counter(map(squeezed, pieces(TEXT))) == Counter(map(squeezed, claimed()))


def test_what_the_document_calls_an_example_is_taken_for_code() -> None:
    lines = [line.strip() for line in TEXT.splitlines() if line.strip()]
    led = [line for lead, line in zip(lines, lines[1:]) if LEADS.match(lead)]
    assert len(led) == len(PROGRAMS) + 2
    assert set(led) <= set(pieces(TEXT))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("POST/api/auth.php?action=login", ["POST/api/auth.php?action=login"]),
        ("  1. 登录用户面板:http://localhost:8000/", ["http://localhost:8000/"]),
        ("X-API-Key: YOUR_API_KEY", ["X-API-Key: YOUR_API_KEY"]),
        ("curl http://localhost:8000/", ["curl http://localhost:8000/"]),
        ("  { a: 1 }", ["{ a: 1 }"]),
        ("modelstring模型 ID,如 gpt-4o", []),
        ("API Key 认证(用于程序调用)", []),
        ("  • 前端通过 credentials: 'include' 自动携带 cookie", []),
        ("", []),
    ],
)
def test_code_is_told_from_prose(line: str, code: list[str]) -> None:
    assert list(pieces(line)) == code


def test_only_spaces_and_line_breaks_may_differ() -> None:
    assert squeezed("a \\ -b 'c'") == squeezed("\na \\\n  -b 'c'\n") == "a-b'c'"


def test_what_is_filled_in_stands_there_once() -> None:
    with pytest.raises(AssertionError, match="2 times"):
        replace_once("a b a", "a", "c")


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_is_given_another_model_as_its_argument(name: str) -> None:
    program = METHODS[name]
    assert program.of(program.model) is program
    if program.slot[0]:
        other = program.of("some-model")
        assert f'", "{other.model}"))' in other.text
        assert program.text.count("\n") == other.text.count("\n")


def test_a_program_prints_what_it_prints_and_sees_nothing_of_ours() -> None:
    text = "import os; print('localhost:8000', 'YOUR_API_KEY', sorted(os.environ))"
    printed = Program("python", text, "chat", "gpt-4o")(1234, "tk_1").split(maxsplit=2)
    assert printed[:2] == ["localhost:1234", "tk_1"]
    assert "KEY" not in printed[2]
