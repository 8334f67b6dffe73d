"""`key`: callers' keys, as an operator looks after them."""

from pathlib import Path

import click

from config.money import dollars
from storage.commands.opening import opened
from storage.commands.options import cap_option, data_option, json_option
from storage.commands.output import Refused, show, table
from storage.commands.users import find_user
from storage.keys import Caps, KeyRecord, revoke_key, set_caps


@click.group("key")
def key_group() -> None:
    """Look after callers' keys."""


@key_group.command("list")
@click.argument("email")
@data_option
@json_option
def list_keys(email: str, data: Path, as_json: bool) -> None:
    """List a user's keys, the newest first."""
    with opened(data) as storage:
        user = find_user(storage, email)
        keys = [_key_shape(key) for key in storage.reader.keys(user.account_id)]
    show(as_json, keys, table(("id", "mask", "status", "default", "label"), keys))


@key_group.command("revoke")
@click.argument("key_id", type=click.IntRange(min=1))
@data_option
@json_option
def revoke(key_id: int, data: Path, as_json: bool) -> None:
    """Revoke a key for good, by the id that `key list` shows."""
    with opened(data) as storage:
        if not storage.writer.wait(revoke_key, key_id):
            raise Refused(f"there is no key {key_id} that could be revoked")
    show(as_json, {"id": key_id, "status": "revoked"}, [f"key {key_id}: revoked"])


@key_group.command("limit")
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


def _key_shape(key: KeyRecord) -> dict[str, str | int | bool]:
    return {
        "id": key.id,
        "mask": key.mask,
        "status": key.status,
        "default": key.is_default,
        "label": key.label,
    }
