"""`key`: callers' keys, as an operator looks after them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from config.epilog import epilog
from config.money import dollars
from storage.acts import Act, acted, log_act
from storage.caps import Cap
from storage.commands.opening import opened
from storage.commands.options import (
    cap_option,
    data_option,
    json_option,
    optional_nano,
)
from storage.commands.output import Refused, show, table
from storage.commands.users import find_user
from storage.database import Ledgerbase
from storage.instants import instant_text
from storage.keys import (
    LABEL_LENGTH_MAX,
    Caps,
    KeyRecord,
    Network,
    Terms,
    TooManyKeys,
    create_key,
    key_record,
    mint,
    networks_of,
    revoke_key,
    set_caps,
)
from storage.standing import Spending
from storage.statements import FIND_KEY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_CHARS = len("2026-12-31")
LIMIT_MAX = 2**31 - 1
COLUMNS = (
    "id",
    "mask",
    "status",
    "default",
    "label",
    "rpm",
    "tpm",
    "concurrency",
    "spent",
    "month",
    "day",
    "held",
    "limit",
    "limit_month",
    "limit_day",
    "expires",
    "models",
    "cidrs",
)

type Shape = dict[str, str | int | bool | None]


@click.group("key")
def key_group() -> None:
    """Look after callers' keys."""


def limit_option(name: str, what: str) -> Callable[[Callable[..., None]], Any]:
    text = f"{what}; 0 is no limit, left out the gateway's default."
    return click.option(name, type=click.IntRange(0, LIMIT_MAX), help=text)


def budget_option(name: str, period: str) -> Callable[[Callable[..., None]], Any]:
    text = f"Dollars it may spend {period}."
    return click.option(name, callback=optional_nano, help=text)


def label_text(ctx: click.Context, param: click.Parameter, text: str) -> str:
    if len(text) > LABEL_LENGTH_MAX or not text.isprintable():
        raise click.BadParameter(f"at most {LABEL_LENGTH_MAX} printable characters")
    return text


def moment(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """An option's moment; a day alone is its first moment in UTC."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and len(text) == DAY_CHARS:
        at = at.replace(tzinfo=UTC)
    if at is None or at.tzinfo is None:
        raise click.BadParameter(
            f"{text!r}: write 2026-12-31 or 2026-12-31T08:00:00+08:00"
        )
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def networks(
    ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]
) -> tuple[Network, ...]:
    try:
        return networks_of(texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@key_group.command(
    "create",
    epilog=epilog("key create ada@example.com --label ci --rpm 60 --limit-day 1"),
)
@click.argument("email")
@click.option("--label", default="", callback=label_text, help="What it is for.")
@limit_option("--rpm", "Requests a minute")
@limit_option("--tpm", "Tokens a minute")
@limit_option("--concurrency", "Requests at the same time")
@budget_option("--limit", "in all")
@budget_option("--limit-day", "a day (UTC)")
@budget_option("--limit-month", "a calendar month (UTC)")
@click.option("--expires", callback=moment, help="A day or a time with its zone.")
@click.option("--model", multiple=True, help="Only this model; may be repeated.")
@click.option(
    "--cidr",
    multiple=True,
    callback=networks,
    help="Only from there, such as 10.0.0.0/8; may be repeated.",
)
@data_option
@json_option
def create(
    email: str,
    label: str,
    rpm: int | None,
    tpm: int | None,
    concurrency: int | None,
    limit: int | None,
    limit_day: int | None,
    limit_month: int | None,
    expires: int | None,
    model: tuple[str, ...],
    cidr: tuple[Network, ...],
    data: Path,
    as_json: bool,
) -> None:
    """Make one more key for a user; its text is shown now and never again."""
    terms = Terms(
        rpm,
        tpm,
        concurrency,
        limit,
        limit_day,
        limit_month,
        expires,
        model or None,
        cidr or None,
    )
    with opened(data) as storage:
        user = find_user(storage, email)
        key = mint(storage.secrets)
        made = storage.writer.wait(
            acted,
            lambda made: (
                Act("key_created", None, user.id, key.mask, details={"label": label})
                if isinstance(made, KeyRecord)
                else None
            ),
            create_key,
            user.account_id,
            key,
            label,
            terms,
        )
        if isinstance(made, TooManyKeys):
            raise Refused(
                f"{user.email} has {made.keys_max} keys already: revoke one first"
            )
    shown: Shape = {
        "id": made.id,
        "api_key": key.plain,
        "label": made.label,
        "rpm": rpm,
        "tpm": tpm,
        "concurrency": concurrency,
        "limit": _dollars(limit),
        "limit_day": _dollars(limit_day),
        "limit_month": _dollars(limit_month),
        "expires": _moment(expires),
        "models": ",".join(model) or None,
        "cidrs": ",".join(map(str, cidr)) or None,
    }
    lines = [
        f"{name}: {value}" for name, value in shown.items() if value not in (None, "")
    ]
    show(as_json, shown, lines)


@key_group.command("list", epilog=epilog("key list ada@example.com --json"))
@click.argument("email")
@data_option
@json_option
def list_keys(email: str, data: Path, as_json: bool) -> None:
    """List a user's keys with what they spent and may spend, the newest first.

    Spent, month and day (UTC) are what requests paid; held is what running ones hold.
    A limit that is not shown is the gateway's default, a cap that is not is none.
    """
    with opened(data) as storage:
        user = find_user(storage, email)
        records = storage.reader.keys(user.account_id)
        spent = storage.reader.spending(user.account_id, storage.clock.wall_ns())
    spending = {one.key_id: one for one in spent}
    # A key that was made between the two looks is in the next list.
    keys = [_key_shape(key, spending[key.id]) for key in records if key.id in spending]
    show(as_json, keys, table(COLUMNS, [_without_none(key) for key in keys]))


@key_group.command("revoke", epilog=epilog("key revoke 7"))
@click.argument("key_id", type=click.IntRange(min=1))
@data_option
@json_option
def revoke(key_id: int, data: Path, as_json: bool) -> None:
    """Revoke a key for good, by the id that `key list` shows."""
    with opened(data) as storage:
        if not storage.writer.wait(revoke_and_log, key_id):
            raise Refused(f"there is no key {key_id} that could be revoked")
    show(as_json, {"id": key_id, "status": "revoked"}, [f"key {key_id}: revoked"])


def revoke_and_log(db: Ledgerbase, key_id: int) -> bool:
    """Verb: whether there was such a key to revoke."""
    found = [key_record(row) for row in db.sql(FIND_KEY, (key_id,))]
    if not revoke_key(db, key_id):
        return False
    for key in found:
        log_act(db, Act("key_revoked", None, key.user_id, key.mask))
    return True


@key_group.command("limit", epilog=epilog("key limit 7 --day 2 --month none"))
@click.argument("key_id", type=click.IntRange(min=1))
@cap_option("--total", "in all")
@cap_option("--day", "a day (UTC)")
@cap_option("--month", "a calendar month (UTC)")
@data_option
@json_option
def limit_key(
    key_id: int,
    total: int | None,
    day: int | None,
    month: int | None,
    data: Path,
    as_json: bool,
) -> None:
    """Cap what a key may spend, by the id that `key list` shows."""
    with opened(data) as storage:
        budget = storage.writer.wait(set_caps, key_id, Caps(total, day, month))
    if budget is None:
        raise Refused(f"there is no key {key_id} that could be limited")
    caps = {
        "total": budget.total_nano,
        "day": budget.day_nano,
        "month": budget.month_nano,
        "spent": budget.spent_nano,
    }
    shown = {
        name: nano if nano is None else dollars(nano) for name, nano in caps.items()
    }
    lines = [f"{name}: {text or 'none'}" for name, text in shown.items()]
    show(as_json, {"id": key_id, **shown}, [f"key {key_id}", *lines])


def _key_shape(key: KeyRecord, spending: Spending) -> Shape:
    return {
        "id": key.id,
        "mask": key.mask,
        "status": key.status,
        "default": key.is_default,
        "label": key.label,
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
        **_spent_and_left("", spending.total),
        **_spent_and_left("_month", spending.month),
        **_spent_and_left("_day", spending.day),
        "held": dollars(spending.held_nano),
        "expires": _moment(key.expires_ns),
        "models": None if key.models is None else ",".join(sorted(key.models)),
        "cidrs": None if key.networks is None else ",".join(map(str, key.networks)),
    }


def _spent_and_left(period: str, cap: Cap) -> Shape:
    return {
        period.removeprefix("_") or "spent": dollars(cap.spent_nano),
        f"limit{period}": _dollars(cap.limit_nano),
        f"left{period}": _dollars(cap.left_nano),
    }


def _moment(at_ns: int | None) -> str | None:
    return None if at_ns is None else instant_text(at_ns)


def _dollars(nano: int | None) -> str | None:
    return None if nano is None else dollars(nano)


def _without_none(shape: Shape) -> Shape:
    return {name: "" if value is None else value for name, value in shape.items()}
