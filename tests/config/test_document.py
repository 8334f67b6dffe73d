import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.document import (
    DOCUMENT_BYTES_MAX,
    SHOWN_CHARS_MAX,
    ConfigError,
    open_document,
    printable,
)


def test_nodes_know_their_line_and_their_path(document):
    root = document(
        """\
        # A comment.
        limits:
          rpm: 60
        hosts:
          - one
          - {name: two}
        """
    )
    entries = root.entries("a mapping")
    rpm = entries["limits"].entries("a mapping")["rpm"]
    one, two = entries["hosts"].items("a list")
    name = two.entries("a mapping")["name"]

    assert (rpm.line, rpm.key, rpm.name) == (3, "limits.rpm", "rpm")
    assert (one.line, one.key, one.name) == (5, "hosts[0]", "0")
    assert (name.line, name.key, name.name) == (6, "hosts[1].name", "name")
    assert [node.text("text") for node in (rpm, one, name)] == ["60", "one", "two"]


def test_a_value_that_starts_below_its_key_has_the_line_of_the_key(document):
    node = document("a: 1\nlimits:\n\n  rpm: 60\n").entries("a mapping")["limits"]

    assert node.line == 2


def test_an_alias_has_the_line_where_it_is_used(document):
    node = document("a: &same {x: 1}\nb: *same\n").entries("a mapping")["b"]

    assert node.line == 2


@pytest.mark.parametrize(
    ("written", "environ", "text"),
    [
        ("${NAME}", {"NAME": "x"}, "x"),
        ("${NAME}", {"NAME": ""}, ""),
        ("${NAME:-y}", {"NAME": "x"}, "x"),
        ("${NAME:-y}", {"NAME": ""}, "y"),
        ("${NAME:-y}", {}, "y"),
        ("${NAME:-}", {}, ""),
        ("${NAME:-http://a/b:-c}", {}, "http://a/b:-c"),
        ("a${A}b${B:-2}c", {"A": "1"}, "a1b2c"),
        ("${A}", {"A": "${B}", "B": "no"}, "${B}"),
        ("$NAME costs $5", {"NAME": "x"}, "$NAME costs $5"),
    ],
)
def test_variables_are_filled_in(document, written, environ, text):
    assert document(f'"{written}"', environ).text("text") == text


def test_a_variable_cannot_add_structure(document):
    root = document("host: ${HOST}\n", {"HOST": "x\nport: 1"})

    assert list(root.entries("a mapping")) == ["host"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${NAME}", "the environment variable NAME to be set"),
        ("${}", "references as ${NAME} or ${NAME:-default}"),
        ("${1A}", "references as ${NAME} or ${NAME:-default}"),
        ("${A-b}", "references as ${NAME} or ${NAME:-default}"),
        ("${A:-{}}", "references as ${NAME} or ${NAME:-default}"),
        ("${A", "references as ${NAME} or ${NAME:-default}"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_mistake(
    document, mistake, written, expected
):
    node = document(f'host: "{written}"').entries("a mapping")["host"]

    line = mistake(node.text, "text")

    assert line == f'gateway.yaml:1: host: "{written}": expected {expected}'


def test_a_complaint_shows_what_is_written_and_never_what_a_variable_holds(document):
    node = document('a: "${KEY}"', {"KEY": "sk-1"}).entries("a mapping")["a"]

    line = str(node.expected("a name"))

    assert line == 'gateway.yaml:1: a: "${KEY}": expected a name once it is filled in'


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            '3: a: "3": expected each key once, this one is on line 1 too',
        ),
        ("a: 1\n2: b\n", '2: "2": "b": expected a key that is text'),
        ("[a]: b\n", '1: a list: "b": expected a key that is text'),
        ("? {a: b}\n: c\n", '1: a mapping: "c": expected a key that is text'),
        ("- a\n", "1: a list: expected a mapping"),
        ("just text", '1: "just text": expected a mapping'),
        ("", "1: nothing: expected a mapping"),
        ("# only a comment\n", "1: nothing: expected a mapping"),
    ],
)
def test_a_mapping_has_each_text_key_once(document, mistake, content, line):
    assert mistake(document(content).entries, "a mapping") == f"gateway.yaml:{line}"


def test_merge_keys_are_no_back_door_for_a_second_value(document, mistake):
    root = document("base: &base {rpm: 1}\nlimits:\n  <<: *base\n  rpm: 2\n")
    limits = root.entries("a mapping")["limits"]

    assert "expected a key that is text" in mistake(limits.entries, "a mapping")


@pytest.mark.parametrize("content", ["{}", "text", ""])
def test_only_a_list_has_items(document, mistake, content):
    assert mistake(document(content).items, "a list").endswith("expected a list")


@pytest.mark.parametrize("content", ["{}", "[]", "", "null", "~"])
def test_only_a_scalar_has_text(document, mistake, content):
    assert mistake(document(content).text, "text").endswith("expected text")


def test_a_missing_entry_complains_at_its_parent(document, mistake):
    limits = document("a: 1\nlimits: {}\n").entries("a mapping")["limits"]

    line = mistake(limits.absent("rpm").text, "a whole number")

    assert line == "gateway.yaml:2: limits.rpm: nothing: expected a whole number"


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ("a: 1\nb: [\n", "gateway.yaml:3: nothing: expected YAML ("),
        ("a: 1\nb\n", "gateway.yaml:3: "),
        ("a: 1\n b: 2\n", 'gateway.yaml:2: "b: 2": expected YAML ('),
        ("a: 1\n\tb: 2\n", 'gateway.yaml:2: "b: 2": expected YAML ('),
        ("a: 'x\n", "gateway.yaml:2: "),
        ("a: *b\n", 'gateway.yaml:1: "a: *b": expected YAML ('),
        ("a: 1\n---\nb: 2\n", 'gateway.yaml:2: "---": expected YAML ('),
        ("a: 1\nb: \x07\n", 'gateway.yaml:2: "b: \\x07": expected YAML ('),
        ("a: 1\nb: @x\n", 'gateway.yaml:2: "b: @x": expected YAML ('),
        (b"a: 1\nb: \xff\n", "gateway.yaml:2: byte 0xff: expected UTF-8 text"),
        ("[" * 100_000, "gateway.yaml: expected less deeply nested YAML"),
        (b"#" * (DOCUMENT_BYTES_MAX + 1), 'gateway.yaml: "'),
    ],
)
def test_what_is_no_document_is_one_line(document, mistake, content, start):
    assert mistake(document, content).startswith(start)


def test_the_largest_document_is_read(document):
    content = b"a: 1\n"
    content += b"#" * (DOCUMENT_BYTES_MAX - len(content))

    assert list(document(content).entries("a mapping")) == ["a"]


def test_a_byte_order_mark_is_no_part_of_the_first_key(document):
    assert list(document(b"\xef\xbb\xbfa: 1\n").entries("a mapping")) == ["a"]


def test_a_missing_file_is_named_with_its_directory(tmp_path, mistake):
    path = tmp_path / "prices.yaml"

    line = mistake(open_document, path, {})

    assert line.startswith(f'prices.yaml: "{path}": expected a readable file (')


def test_a_long_value_is_cut(document):
    line = str(document("x" * 1000).expected("less"))

    assert "x" * SHOWN_CHARS_MAX + '…"' in line
    assert "x" * (SHOWN_CHARS_MAX + 1) not in line


@given(st.text())
def test_any_text_is_printable_on_one_line(text):
    shown = printable(text)

    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1


def test_an_error_keeps_its_parts(document):
    error = document("a: 1").entries("a mapping")["a"].expected("two")

    assert isinstance(error, ConfigError)
    assert (error.file, error.line, error.key) == ("gateway.yaml", 1, "a")
