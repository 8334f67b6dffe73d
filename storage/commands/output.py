"""Output: what a command prints, as text or as JSON, and how it ends when it cannot.

Text is for people and may change; JSON is for programs.
"""

import sys
from collections.abc import Sequence
from typing import IO, Any

import click
import orjson


class Refused(click.ClickException):
    """One line on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file or sys.stderr)


def table(
    columns: Sequence[str], rows: Sequence[dict[str, Any]]
) -> list[str]:
    cells = [columns, *[[str(row[column]) for column in columns] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def show(as_json: bool, shape: Any, lines: Sequence[str]) -> None:
    if as_json:
        click.echo(orjson.dumps(shape, option=orjson.OPT_INDENT_2).decode())
        return
    for line in lines:
        click.echo(line)
