"""`refund`: what a transfer moved comes back, some or all of it, and never more."""

from pathlib import Path

import click

from config.epilog import epilog
from config.money import dollars
from storage.commands.opening import opened
from storage.commands.options import amount_nano, data_option, json_option
from storage.commands.output import Refused, show
from storage.ledger import (
    REFERENCE_LENGTH_MAX,
    Created,
    Decision,
    Excessive,
    Exists,
    Insufficient,
)
from storage.ledger import refund as refund_transfer


# Whoever gives that money back tells us, and then it is taken from the user.
TOLD_ELSEWHERE = "topup:stripe:"


def sentence(ctx: click.Context, param: click.Parameter, text: str) -> str:
    """A text that stays in the ledger: something, and not a book."""
    if not text.strip() or len(text) > REFERENCE_LENGTH_MAX:
        raise click.BadParameter(f"1 to {REFERENCE_LENGTH_MAX} characters")
    return text


def reference(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> str | None:
    return None if text is None else sentence(ctx, param, text)


@click.command(
    "refund",
    epilog=epilog(
        "refund usage:req_01jd3x 0.25 --ref ticket-17 --reason 'cut off' --author grace"
    ),
)
@click.argument("transfer_id")
@click.argument("amount", callback=amount_nano)
@click.option(
    "--reason", required=True, callback=sentence, help="Why; it stays in the ledger."
)
@click.option(
    "--author", required=True, callback=sentence, help="Who decided; it stays, too."
)
@click.option(
    "--ref", callback=reference, help="Your name for it; one name refunds only once."
)
@data_option
@json_option
def refund(
    transfer_id: str,
    amount: int,
    reason: str,
    author: str,
    ref: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Refund AMOUNT dollars of a transfer, such as usage:req_… or topup:voucher:….

    What a user paid comes back to the user; a top-up or a gift goes back where it came
    from, as far as the user still has it. Refunds of one transfer add up to what it
    moved at most. Repeated with the same --ref it is done once. A top-up by Stripe is
    refunded at Stripe.
    """
    if transfer_id.startswith(TOLD_ELSEWHERE):
        raise Refused(
            f"{transfer_id}: refund it at Stripe; the gateway hears of it, and here it"
            " would be taken twice"
        )
    with opened(data) as storage:
        decision = Decision(ref or storage.ids.make("refund"), reason, author)
        answer = storage.writer.wait(refund_transfer, transfer_id, amount, decision)
    match answer:
        case Excessive(refundable_nano):
            raise Refused(
                f"{transfer_id}: {dollars(refundable_nano)} of it can be refunded"
            )
        case Insufficient(_, available_nano):
            raise Refused(
                f"{transfer_id}: the user has {dollars(available_nano)} of it left"
            )
        case Created(made_id, available_nano):
            available = dollars(available_nano)
            text = f"{dollars(amount)} of {transfer_id} refunded, {available} available"
            _say(as_json, made_id, transfer_id, amount, False, text)
        case Exists(made_id):
            text = "it was refunded before"
            _say(as_json, made_id, transfer_id, amount, True, text)


def _say(
    as_json: bool, made_id: str, transfer_id: str, amount: int, again: bool, text: str
) -> None:
    shown = {
        "id": made_id,
        "refunds": transfer_id,
        "amount": dollars(amount),
        "again": again,
    }
    show(as_json, shown, [f"{made_id}: {text}"])
