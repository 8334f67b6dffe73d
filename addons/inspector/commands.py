"""Commands: `meter` and `web-password`.

`meter` reads a file that was saved in the inspector and computes every charge in it
again; it asks neither a gateway nor a ledger nor anybody else.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson
from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader

from addons.inspector.capture import stories_of
from addons.inspector.passwords import hashed
from addons.inspector.recomputing import Recomputing, Result, Verdict
from config.commands import BadConfig, read_settings, table
from config.epilog import BROKEN, CODES, epilog
from config.money import dollars
from storage.clock import SystemClock

HEAD = ("request", "model", "evidence", "used", "charged", "computed", "")
NOTHING = "-"
METERED = {**CODES, BROKEN: "something is computed differently"}


class NoCapture(BadConfig):
    """The file is none that can be computed; one line, and exit code 2."""


@click.command(
    "meter",
    short_help="Compute the charges of captured traffic again.",
    epilog=epilog(
        "meter flows",
        "meter flows --config next-month/ --json",
        codes=METERED,
    ),
)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--config",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Compute with the prices of this folder instead of those in force then.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def meter(file: BinaryIO, directory: Path | None, as_json: bool) -> None:
    """Compute the usage and the charge of captured traffic again.

    FILE was saved in the inspector (File → Save) and is all that is read, unless other
    prices are given. What is computed differently is said.
    """
    book = None if directory is None else read_settings(directory).prices
    stories = stories_of(read_flows(file))
    if not stories:
        raise NoCapture(f"{file.name}: there is no request of a gateway in it")
    recomputing = Recomputing(SystemClock(), book)

    async def compute() -> list[Result]:
        return [await recomputing.result(story) for story in stories]

    results = asyncio.run(compute())
    if as_json:
        shown = [shape_of(result) for result in results]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(table([HEAD, *map(row_of, results)]))
        click.echo(summary(results))
    if any(result.verdict is Verdict.DIFFERENT for result in results):
        raise SystemExit(BROKEN)


@click.command(
    "web-password",
    short_help="Make the hash of a password for the inspector.",
    epilog=epilog("web-password", "web-password --password hunter2 --json"),
)
@click.password_option(help="Asked for, if it is not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def web_password(password: str, as_json: bool) -> None:
    """Make the hash of a password for the inspector.

    It belongs into the variable AUTOLIST_WEB_PASSWORD, or into gateway.yaml.
    """
    if not password:
        raise click.UsageError("an empty password is none")
    made = hashed(password)
    click.echo(orjson.dumps({"password": made}).decode() if as_json else made)


def read_flows(file: BinaryIO) -> Iterator[Flow]:
    try:
        yield from FlowReader(file).stream()
    except FlowReadException as error:
        raise NoCapture(f"{file.name}: this is no file of flows: {error}") from None


def row_of(result: Result) -> tuple[str, ...]:
    verdict = result.verdict.value
    return (
        result.id,
        result.model,
        result.evidence or NOTHING,
        used_text(result),
        amount_text(result.charged_nano),
        amount_text(result.computed_nano),
        f"{verdict}: {result.reason}" if result.reason else verdict,
    )


def used_text(result: Result) -> str:
    used = result.quantities or {}
    said = [f"{meter} {count}" for meter, count in used.items() if count]
    return ", ".join(said) or NOTHING


def amount_text(nano: int | None) -> str:
    return NOTHING if nano is None else dollars(nano)


def summary(results: list[Result]) -> str:
    counts = [
        f"{sum(one.verdict is verdict for one in results)} {verdict.value}"
        for verdict in Verdict
    ]
    total = sum(one.computed_nano or 0 for one in results)
    return f"{len(results)} requests: {', '.join(counts)}; computed {dollars(total)}"


def shape_of(result: Result) -> dict[str, Any]:
    return {
        "request": result.id,
        "model": result.model,
        "verdict": result.verdict.name.lower(),
        "evidence": result.evidence,
        "quantities": dict(result.quantities or {}),
        "charged_nano": result.charged_nano,
        "computed_nano": result.computed_nano,
        "reason": result.reason,
    }
