"""Options and arguments that several commands have, and how their texts are read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from config.document import ConfigError
from config.money import MOVED_NANO_MAX, dollars, parse_nano
from config.settings import storage_of
from storage.commands.output import Refused
from storage.keys import KEEP

CONFIG = Path(__file__).parents[2] / "config"
STORAGE = f"{__name__}.storage"


def amount_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An option's or argument's exact dollars that are to move, above zero."""
    nano = gift_nano(ctx, param, text)
    if nano == 0:
        raise click.BadParameter(f"{text!r}: this is nothing")
    return nano


def gift_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An option's exact dollars that are to move, zero or more."""
    return _movable(text, money_nano(ctx, param, text))


def money_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An option's exact dollars, zero or more."""
    try:
        nano = parse_nano(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if nano < 0:
        raise click.BadParameter(f"{text!r}: an amount is not negative")
    return nano


def optional_nano(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> int | None:
    """The same, or None where the option was left out."""
    return None if text is None else money_nano(ctx, param, text)


def signed_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An argument's exact dollars, above or below zero."""
    try:
        nano = parse_nano(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if nano == 0:
        raise click.BadParameter(f"{text!r}: this is nothing")
    return _movable(text, nano)


def cap_nano(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> int | None:
    """An option's exact dollars; `none` takes a cap away."""
    if text is None:
        return KEEP
    return None if text == "none" else money_nano(ctx, param, text)


def cap_option(name: str, period: str) -> Callable[[Callable[..., None]], Any]:
    text = f"Dollars {period}, or `none`."
    return click.option(name, callback=cap_nano, help=text)


def _movable(text: str, nano: int) -> int:
    if abs(nano) > MOVED_NANO_MAX:
        most = dollars(MOVED_NANO_MAX)
        raise click.BadParameter(f"{text!r}: at most {most} dollars at once")
    return nano


def data_option[F: Callable[..., None]](command: F) -> F:
    """Where the ledger is: options of every command that opens it."""
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("data"),
        show_default=True,
        envvar="AUTOLIST_DATA",
        show_envvar=True,
        help="Directory that holds the secret, and the ledger if that is in SQLite.",
    )
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, file_okay=False),
        default=CONFIG,
        envvar="AUTOLIST_CONFIG",
        show_envvar=True,
        callback=_find_storage,
        expose_value=False,
        help="Directory of gateway.yaml, which says where the ledger is; as shipped"
        " it says what AUTOLIST_STORAGE does.",
    )
    return data(config(command))


def storage_url() -> str:
    """What the running command's options say of where the ledger is."""
    return str(click.get_current_context().meta.get(STORAGE, ""))


def _find_storage(ctx: click.Context, param: click.Parameter, config: Path) -> None:
    """Kept for whoever opens the ledger; a password in it is nobody else's."""
    try:
        ctx.meta[STORAGE] = storage_of(config, os.environ)
    except ConfigError as error:
        raise Refused(str(error)) from error


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)
