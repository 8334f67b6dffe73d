"""`order`: what users ordered, what providers told of it, and what does not fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from config.epilog import epilog
from config.money import dollars, minor_text
from config.payments import CURRENCIES
from storage.commands.opening import opened
from storage.commands.options import data_option, json_option
from storage.commands.output import Refused, show, table
from storage.commands.refunds import sentence
from storage.instants import instant_text
from storage.orders import Order, resolve
from storage.reader import ROWS_MAX, PaymentEvent

ORDER = ("order", "account", "method", "amount", "charged", "state", "reversed", "at")
EVENT = ("event", "type", "order", "outcome", "detail", "deliveries", "at")


@click.group("order")
def order_group() -> None:
    """See what users ordered and what payment providers told of it."""


@order_group.command(
    "list", epilog=epilog("order list --limit 20", "order list --problems --json")
)
@click.option("--account", type=int, default=0, help="Only this account's.")
@click.option(
    "--problems",
    is_flag=True,
    help="The callbacks instead that could not be credited, and wait for you.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, ROWS_MAX),
    default=50,
    show_default=True,
    help="How many at most.",
)
@data_option
@json_option
def list_orders(
    account: int, problems: bool, limit: int, data: Path, as_json: bool
) -> None:
    """List orders, the newest first; or, with --problems, what needs a person."""
    with opened(data) as storage:
        if problems:
            events = storage.reader.payment_events(problems=True, limit=limit)
            _show(as_json, EVENT, [event_row(one) for one in events])
            return
        orders = storage.reader.orders(account, limit=limit)
    _show(as_json, ORDER, [order_row(one) for one in orders])


@order_group.command("events", epilog=epilog("order events ord_01jd3x"))
@click.argument("order_id")
@data_option
@json_option
def list_events(order_id: str, data: Path, as_json: bool) -> None:
    """List the callbacks that were about one order."""
    with opened(data) as storage:
        events = storage.reader.payment_events(order_id=order_id, limit=ROWS_MAX)
    _show(as_json, EVENT, [event_row(one) for one in events])


@order_group.command(
    "resolve",
    epilog=epilog(
        "order resolve stripe:evt_1Q --resolution 'paid back by hand' --author grace"
    ),
)
@click.argument("event")
@click.option(
    "--resolution", required=True, callback=sentence, help="What was done about it."
)
@click.option("--author", required=True, callback=sentence, help="Who did it.")
@data_option
@json_option
def resolve_problem(
    event: str, resolution: str, author: str, data: Path, as_json: bool
) -> None:
    """Take EVENT, such as stripe:evt_…, from the list of problems.

    It moves no money: do that with `user adjust` or at the provider, and say it here.
    """
    method, _, event_id = event.partition(":")
    with opened(data) as storage:
        do = storage.writer.wait
        if not do(resolve, method, event_id, resolution, author):
            raise Refused(f"{event}: there is no such problem")
    show(as_json, {"event": event, "resolution": resolution}, [f"{event}: resolved"])


def order_row(order: Order) -> dict[str, Any]:
    charged = minor_text(order.minor, CURRENCIES[order.currency])
    return {
        "order": order.id,
        "account": order.account_id,
        "method": order.method,
        "amount": dollars(order.amount_nano),
        "charged": f"{charged} {order.currency}",
        "state": order.state,
        "reversed": dollars(order.reversed_nano),
        "at": instant_text(order.created_ns),
    }


def event_row(event: PaymentEvent) -> dict[str, Any]:
    return {
        "event": f"{event.method}:{event.id}",
        "type": event.type,
        "order": event.order_id or "-",
        "outcome": event.outcome,
        "detail": event.detail,
        "deliveries": event.deliveries,
        "at": instant_text(event.received_ns),
    }


def _show(as_json: bool, columns: Sequence[str], rows: list[dict[str, Any]]) -> None:
    show(as_json, rows, table(columns, rows))
