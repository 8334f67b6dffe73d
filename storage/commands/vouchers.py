"""`voucher`: codes that are worth money."""

from pathlib import Path

import click

from config.epilog import epilog
from config.money import dollars
from storage.acts import Act, acted
from storage.commands.opening import opened
from storage.commands.options import amount_nano, data_option, json_option
from storage.commands.output import show
from storage.vouchers import BATCH_MAX, create_vouchers, new_code


@click.group("voucher")
def voucher_group() -> None:
    """Make codes that are worth money."""


@voucher_group.command(
    "create",
    epilog=epilog("voucher create --amount 5 --count 20 --batch spring"),
)
@click.option(
    "--amount", callback=amount_nano, required=True, help="Dollars for each."
)
@click.option(
    "--count",
    type=click.IntRange(1, BATCH_MAX),
    default=1,
    show_default=True,
    help="How many codes.",
)
@click.option("--batch", default="", help="A name for these, for your records.")
@data_option
@json_option
def create_codes(
    amount: int, count: int, batch: str, data: Path, as_json: bool
) -> None:
    """Make voucher codes; they are shown now and never again."""
    codes = [new_code() for _ in range(count)]
    with opened(data, make=True) as storage:
        batch = batch or storage.ids.make("batch")
        details = {"amount": dollars(amount), "count": count}
        storage.writer.wait(
            acted,
            lambda _: Act("vouchers_created", None, None, batch, details=details),
            create_vouchers,
            codes,
            amount,
            batch,
        )
    shown = {"batch": batch, "amount": dollars(amount), "codes": codes}
    show(as_json, shown, codes)
