"""Commands: `config check` and `prices check`.

Both read the same files as the gateway does and touch nothing else, so they can be run
beside it before a change is put in force. A mistake is its one line, and exit code 2.
"""

import os
import sys
import time
from pathlib import Path
from typing import IO, Any

import click

from config.document import ConfigError
from config.money import dollars_per_million
from config.prices import METERS, Price, moment_text, rate_pico
from config.providers import Model, Provider
from config.settings import Settings, load


DEMO = "demo"
"""The dialect that serves nothing without --demo, and with it what nobody else can."""

type Row = tuple[str, ...]


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


@click.group("config")
def config_group() -> None:
    """Look after the configuration."""


@config_group.command("check")
@directory_option
def check_config(directory: Path) -> None:
    """Read all files and say what the gateway would serve with them."""
    settings = read_settings(directory)
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


@prices_group.command("check")
@directory_option
def check_prices(directory: Path) -> None:
    """Print all prices, and warn of models sold below cost or not priced at all."""
    settings = read_settings(directory)
    # Time is injected everywhere else; a command's own run is the present.
    now_ns = time.time_ns()
    click.echo("Dollars per million tokens, sell / buy. * is in force now.\n")
    rows: list[Row] = [("", "model", "from (UTC)", *METERS)]
    rows += [_price_row(price, settings, now_ns) for price in settings.prices]
    click.echo(table(rows))
    for warning in price_warnings(settings, now_ns):
        click.echo(f"warning: {warning}", err=True)


def read_settings(directory: Path) -> Settings:
    """The settings in a directory, for a command: a mistake ends it."""
    try:
        return load(directory, os.environ)
    except ConfigError as error:
        raise BadConfig(str(error)) from None


def price_warnings(settings: Settings, wall_ns: int) -> list[str]:
    """Everything about prices that is allowed and yet most likely not meant."""
    unpriced = [
        f"{model} has no price in force, so it is refused with 503 price_unknown"
        for model in settings.models
        if settings.prices.at(model, wall_ns) is None
    ]
    unused = [
        f"{model} has a price but is no model in providers.yaml"
        for model in settings.prices.models
        if model not in settings.models
    ]
    return settings.prices.warnings(wall_ns) + unpriced + unused


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
    providers = [settings.providers[item.provider] for item in model.candidates]
    ready = any(item.ready and item.dialect != DEMO for item in providers)
    state = "available" if ready else "only with --demo"
    return model.id, ", ".join(candidates) or "nobody", state


def _price_row(price: Price, settings: Settings, now_ns: int) -> Row:
    current = settings.prices.at(price.model, now_ns) == price
    rates = (
        f"{dollars_per_million(rate_pico(price.sell, meter))}"
        f" / {dollars_per_million(rate_pico(price.buy, meter))}"
        for meter in METERS
    )
    moment = moment_text(price.effective_from_ns)
    return "*" if current else "", price.model, moment, *rates
