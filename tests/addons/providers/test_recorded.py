"""docs/providers.md says what the code does."""

import pytest

from tests.addons.providers.recorded import ASKED, DOCUMENT, recorded, renewed

COMMAND = "python -m tests.addons.providers.recorded"


def test_the_tables_are_those_of_the_code() -> None:
    written = DOCUMENT.read_text("utf-8")
    assert written == renewed(written), f"write them anew: {COMMAND}"


def test_every_table_is_in_the_document() -> None:
    written = DOCUMENT.read_text("utf-8")
    for name, table in recorded().items():
        assert f"<!-- recorded: {name} -->" in written
        assert table in written


def test_every_feature_has_a_row() -> None:
    table = recorded()["requests"]
    assert all(f"| {feature} |" in table for feature in ASKED)


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("dashscope", ("| text |", "| two choices with tools |", "| thinking |")),
        ("deepseek", ("| text |", "| two choices |", "| JSON by a schema |")),
    ],
)
def test_where_a_compatible_one_differs_has_a_row(
    table: str, rows: tuple[str, ...]
) -> None:
    assert all(row in recorded()[table] for row in rows)


def test_a_table_that_is_out_of_date_is_replaced() -> None:
    old = "a\n<!-- recorded: errors -->\nold\n<!-- end -->\nb\n"
    new = renewed(old)
    assert new == renewed(new)
    assert "old" not in new and "overloaded_error" in new
    assert new.startswith("a\n") and new.endswith("\nb\n")
