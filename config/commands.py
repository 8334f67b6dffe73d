"""Commands: `config check` and `prices check`.

Both read the same files as the gateway does and touch nothing else, so they can be run
beside it before a change is put in force. A mistake is its one line, and exit code 2.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from config.document import ConfigError
from config.epilog import epilog
from config.meters import ALL_METERS, TOKENS, rate_text
from config.price_changes import Change, changes_in
from config.prices import PriceBook, moment_text
from config.providers import Model, Provider
from config.settings import Settings, load
from config.shapes import config_shape, is_available, prices_shape

HEADS = {
    True: "Dollars per million tokens",
    False: "Dollars per image, generation or second",
}
"""What a table's amounts are, for tokens and for the rest."""

type Row = tuple[str, ...]

CHANGE_HEAD: Row = ("model", "from (UTC)", "meter", "sell", "buy", "where")


class BadConfig(click.ClickException):
    """A mistake in the files; shown as the line it is, without a prefix."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file or sys.stderr)


directory_option = click.option(
    "--config",
    "directory",
    type=click.Path(path_type=Path),
    default=Path("config"),
    show_default=True,
    envvar="AUTOLIST_CONFIG",
    show_envvar=True,
    help="Directory with gateway.yaml, providers.yaml and prices.yaml.",
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)


@click.group("config")
def config_group() -> None:
    """Look after the configuration."""


@config_group.command(
    "check", epilog=epilog("config check", "config check --config /etc/autolist --json")
)
@directory_option
@json_option
def check_config(directory: Path, as_json: bool) -> None:
    """Read all files and say what the gateway would serve with them."""
    settings = read_settings(directory)
    if as_json:
        say(config_shape(settings))
        return
    rows: list[Row] = [("provider", "address", "credential")]
    rows += [_provider_row(provider) for provider in settings.providers.values()]
    click.echo(table(rows))
    click.echo()
    rows = [("model", "served by", "state")]
    rows += [_model_row(model, settings) for model in settings.models.values()]
    click.echo(table(rows))


@click.group("prices")
def prices_group() -> None:
    """Look after the prices."""


@prices_group.command("check", epilog=epilog("prices check", "prices check --json"))
@directory_option
@json_option
def check_prices(directory: Path, as_json: bool) -> None:
    """Print all prices and their changes, and warn of losses.

    A change is what a version does to the one before it. Warned of are models sold
    below cost and models without a price.
    """
    settings = read_settings(directory)
    # Time is injected everywhere else; a command's own run is the present.
    now_ns = time.time_ns()
    if as_json:
        say(prices_shape(settings, now_ns, price_warnings(settings, now_ns)))
        return
    for tokens in (True, False):
        rows = price_rows(settings.prices, now_ns, tokens)
        if len(rows) > 1:
            click.echo(f"{HEADS[tokens]}, sell / buy. * is in force now.\n")
            click.echo(table(rows) + "\n")
    found = [_change_row(change) for change in changes_in(settings.prices)]
    if found:
        click.echo("What a version changes in the one before it.\n")
        click.echo(table([CHANGE_HEAD, *found]) + "\n")
    unused = [id for id in settings.prices.models if id not in settings.models]
    if unused:
        click.echo(f"Priced, and no models in providers.yaml: {', '.join(unused)}")
    for warning in price_warnings(settings, now_ns):
        click.echo(f"warning: {warning}", err=True)


def say(shape: dict[str, Any]) -> None:
    click.echo(json.dumps(shape, indent=2, ensure_ascii=False))


def read_settings(directory: Path) -> Settings:
    """The settings in a directory, for a command: a mistake ends it."""
    try:
        return load(directory, os.environ).with_identity()
    except ConfigError as error:
        raise BadConfig(str(error)) from None


def price_warnings(settings: Settings, wall_ns: int) -> list[str]:
    """Everything about prices that is allowed and yet most likely not meant."""
    unpriced = [
        f"{model} has no price in force, so it is refused with 503 price_unknown"
        for model in settings.models
        if settings.prices.at(model, wall_ns) is None
    ]
    return settings.prices.warnings(wall_ns) + unpriced


def price_rows(book: PriceBook, now_ns: int, tokens: bool) -> list[Row]:
    """The prices of tokens, or the others: a row for each version, its cases below."""
    prices = [price for price in book if (price.kind is TOKENS) is tokens]
    meters = [
        meter for meter in ALL_METERS if any(price.has_rate(meter) for price in prices)
    ]
    rows: list[Row] = [("", "model", "from (UTC)", *meters, "where")]
    for price in prices:
        mark = "*" if book.at(price.model, now_ns) == price else ""
        moment = moment_text(price.effective_from_ns)
        rates = _cells(meters, price.sell, price.buy)
        rows.append((mark, price.model, moment, *rates, ""))
        for case in price.cases:
            rates = _cells(meters, case.sell, case.buy)
            rows.append(("", "", "", *rates, case.when.text))
    return rows


def table(rows: list[Row]) -> str:
    """Rows under each other in columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _provider_row(provider: Provider) -> Row:
    return provider.name, provider.base_url, _credential_state(provider)


def _credential_state(provider: Provider) -> str:
    if not provider.credential_names:
        return "none wanted"
    if not provider.credentials:
        return "none (set " + " or ".join(provider.credential_names) + ")"
    return ", ".join(credential.name for credential in provider.credentials)


def _model_row(model: Model, settings: Settings) -> Row:
    candidates = [f"{item.provider}/{item.model}" for item in model.candidates]
    ready = is_available(model, settings.providers)
    state = "available" if ready else "only with --demo"
    return model.id, ", ".join(candidates) or "nobody", state


def _cells(
    meters: list[str], sell: Mapping[str, int], buy: Mapping[str, int]
) -> list[str]:
    return [
        f"{_rate_cell(meter, sell.get(meter))} / {_rate_cell(meter, buy.get(meter))}"
        if meter in sell or meter in buy
        else ""
        for meter in meters
    ]


def _rate_cell(meter: str, pico: int | None) -> str:
    return "-" if pico is None else rate_text(meter, pico)


def _change_row(change: Change) -> Row:
    return (
        change.price.model,
        moment_text(change.price.effective_from_ns),
        change.meter,
        _step(change.meter, change.sell),
        _step(change.meter, change.buy),
        change.case,
    )


def _step(meter: str, rates: tuple[int | None, int | None]) -> str:
    old, new = (_rate_cell(meter, pico) for pico in rates)
    return "same" if old == new else f"{old} → {new}"
