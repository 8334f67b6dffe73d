"""Commands for operators: users, keys, vouchers, verify, backup.

All of them may run beside a living gateway: they write short transactions of their own,
and the gateway notices changed keys and accounts within half a second. Exit codes: 0
done, 2 bad input or a database that cannot be used; `verify` has two more.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click
import orjson

from config.document import ConfigError
from config.gateway import Accounts, LedgerSettings
from config.money import cents, dollars, parse_nano
from config.settings import storage_of
from storage import DATABASE, Storage, checkpoint, engine_at, open_storage
from storage.accounts import (
    ROLES,
    NewUser,
    Registered,
    UserRecord,
    normalise_email,
    register,
    set_account_status,
)
from storage.audit import Finding, prove
from storage.backup import backup as write_backup
from storage.backup import restore as read_backup
from storage.checkpoint import Checkpoint
from storage.clock import SystemClock
from storage.engine import Lives, Snapshot
from storage.errors import StorageError
from storage.keys import KEEP, Caps, KeyRecord, mint, revoke_key, set_caps
from storage.ledger import Adjusted, Decision, adjust, promo
from storage.passwords import hash_password
from storage.secrets import Secrets
from storage.sessions import close_sessions
from storage.statements import COUNT_TRANSFERS, OPEN_HOLDS_BY_BOOT
from storage.vouchers import BATCH_MAX, create_vouchers, new_code

PROVED, BROKEN, WAITING = 0, 1, 3
WELCOME = dollars(Accounts().welcome_nano)
CONFIG = Path(__file__).parents[1] / "config"
STORAGE = f"{__name__}.storage"


class Refused(click.ClickException):
    """One line on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file or sys.stderr)


def amount_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An option's or argument's exact dollars, above zero."""
    nano = money_nano(ctx, param, text)
    if nano == 0:
        raise click.BadParameter(f"{text!r}: this is nothing")
    return nano


def money_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An option's exact dollars, zero or more."""
    try:
        nano = parse_nano(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if nano < 0:
        raise click.BadParameter(f"{text!r}: an amount is not negative")
    return nano


def _find_storage(ctx: click.Context, param: click.Parameter, config: Path) -> None:
    """Kept for whoever opens the ledger; a password in it is nobody else's."""
    try:
        ctx.meta[STORAGE] = storage_of(config, os.environ)
    except ConfigError as error:
        raise Refused(str(error)) from error


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
        help="Directory of gateway.yaml, which says where the ledger is"
        " (AUTOLIST_STORAGE, if it says nothing else).",
    )
    return data(config(command))


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)


# Users.


@click.group("user")
def user_group() -> None:
    """Look after users."""


@user_group.command("create")
@click.option("--email", required=True)
@click.option("--password", help="Visible to other processes: prefer standard input.")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input.")
@click.option("--role", type=click.Choice(ROLES), default="user", show_default=True)
@click.option(
    "--welcome",
    callback=money_nano,
    default=WELCOME,
    show_default=True,
    help="Dollars to begin with.",
)
@data_option
@json_option
def create_user(
    email: str,
    password: str | None,
    password_stdin: bool,
    role: str,
    welcome: int,
    data: Path,
    as_json: bool,
) -> None:
    """Create a user with an account and a key, which is shown once."""
    email = _email(email)
    password_hash = hash_password(_password(password, password_stdin))
    with _opened(data) as storage:
        key = mint(storage.secrets)
        user = NewUser(storage.ids.uuid(), email, password_hash, role)
        answer = storage.writer.wait(register, user, key, welcome)
        if not isinstance(answer, Registered):
            raise Refused(f"{email} is taken")
        shown = _user_shape(storage, answer.user) | {"api_key": key.plain}
    _show(as_json, shown, [f"{name}: {value}" for name, value in shown.items()])


@user_group.command("list")
@click.option("--search", default="", help="Part of the address.")
@data_option
@json_option
def list_users(search: str, data: Path, as_json: bool) -> None:
    """List users by address."""
    with _opened(data) as storage:
        users = [_user_shape(storage, user) for user in _all_users(storage, search)]
    _show(as_json, users, _table(("email", "status", "role", "available"), users))


@user_group.command("disable")
@click.argument("email")
@data_option
@json_option
def disable_user(email: str, data: Path, as_json: bool) -> None:
    """Refuse a user's requests and sign him out everywhere."""
    _set_status(email, "blocked", data, as_json)


@user_group.command("enable")
@click.argument("email")
@data_option
@json_option
def enable_user(email: str, data: Path, as_json: bool) -> None:
    """Undo `disable`."""
    _set_status(email, "open", data, as_json)


@user_group.command("grant")
@click.argument("email")
@click.argument("amount", callback=amount_nano)
@data_option
@json_option
def grant(email: str, amount: int, data: Path, as_json: bool) -> None:
    """Give a user money from the house's promo account."""
    with _opened(data) as storage:
        user = _find_user(storage, email)
        ref = storage.ids.make("grant")
        storage.writer.wait(promo, user.account_id, amount, ref)
        shown = _user_shape(storage, user) | {"granted": dollars(amount)}
    text = f"{user.email}: {dollars(amount)} granted, {shown['available']} available"
    _show(as_json, shown, [text])


def signed_nano(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """An argument's exact dollars, above or below zero."""
    try:
        nano = parse_nano(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if nano == 0:
        raise click.BadParameter(f"{text!r}: this is nothing")
    return nano


# A negative amount looks like an option.
@user_group.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("email")
@click.argument("amount", callback=signed_nano)
@click.option("--reason", required=True, help="Why; it stays in the ledger.")
@click.option("--author", required=True, help="Who decided; it stays in the ledger.")
@data_option
@json_option
def adjust_user(
    email: str, amount: int, reason: str, author: str, data: Path, as_json: bool
) -> None:
    """Correct a user's balance by AMOUNT, which may be negative.

    What a negative amount is above the user's available is the house's shortfall.
    """
    with _opened(data) as storage:
        user = _find_user(storage, email)
        decision = Decision(storage.ids.make("adjust"), reason, author)
        answer = storage.writer.wait(adjust, user.account_id, amount, decision)
        if not isinstance(answer, Adjusted):
            raise Refused("this adjustment is there already")
        shown = _user_shape(storage, user) | {
            "adjusted": dollars(answer.amount_nano),
            "shortfall": dollars(answer.shortfall_nano),
        }
    text = (
        f"{user.email}: adjusted by {shown['adjusted']}, "
        f"shortfall {shown['shortfall']}, {shown['available']} available"
    )
    _show(as_json, shown, [text])


# Keys.


@click.group("key")
def key_group() -> None:
    """Look after callers' keys."""


@key_group.command("list")
@click.argument("email")
@data_option
@json_option
def list_keys(email: str, data: Path, as_json: bool) -> None:
    """List a user's keys, the newest first."""
    with _opened(data) as storage:
        user = _find_user(storage, email)
        keys = [_key_shape(key) for key in storage.reader.keys(user.account_id)]
    _show(as_json, keys, _table(("id", "mask", "status", "default", "label"), keys))


@key_group.command("revoke")
@click.argument("key_id", type=click.IntRange(min=1))
@data_option
@json_option
def revoke(key_id: int, data: Path, as_json: bool) -> None:
    """Revoke a key for good, by the id that `key list` shows."""
    with _opened(data) as storage:
        if not storage.writer.wait(revoke_key, key_id):
            raise Refused(f"there is no key {key_id} that could be revoked")
    _show(as_json, {"id": key_id, "status": "revoked"}, [f"key {key_id}: revoked"])


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
    with _opened(data) as storage:
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
    _show(as_json, {"id": key_id, **shown}, [f"key {key_id}", *lines])


# Vouchers.


@click.group("voucher")
def voucher_group() -> None:
    """Make codes that are worth money."""


@voucher_group.command("create")
@click.option(
    "--amount", callback=amount_nano, required=True, help="Dollars for each."
)
@click.option(
    "--count", type=click.IntRange(1, BATCH_MAX), default=1, show_default=True
)
@click.option("--batch", default="", help="A name for these, for your records.")
@data_option
@json_option
def create_codes(
    amount: int, count: int, batch: str, data: Path, as_json: bool
) -> None:
    """Make voucher codes; they are shown now and never again."""
    codes = [new_code() for _ in range(count)]
    with _opened(data) as storage:
        batch = batch or storage.ids.make("batch")
        storage.writer.wait(create_vouchers, codes, amount, batch)
    shown = {"batch": batch, "amount": dollars(amount), "codes": codes}
    _show(as_json, shown, codes)


# The ledger as a whole.


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: list[Finding]
    reached: Checkpoint
    transfers: int
    open_holds: int
    waiting_holds: int

    @property
    def exit_code(self) -> int:
        if self.findings:
            return BROKEN
        return WAITING if self.waiting_holds else PROVED


@click.command("verify")
@click.option(
    "--since",
    is_flag=True,
    help="Go on from the last proof instead of reading all again.",
)
@data_option
@json_option
def verify(since: bool, data: Path, as_json: bool) -> None:
    """Prove the ledger: exit code 0 proved, 1 broken, 3 proved but not recovered.

    With 3 the ledger is right, but requests of a gateway that was killed still hold
    money; the next start of the gateway gives it back.
    """
    url = _url()
    if not url:
        _database(data)
    engine = engine_at(data, url)
    try:
        with engine.snapshot() as snapshot:
            start = checkpoint.read(data) if since else checkpoint.BEGINNING
            verdict = _examine(snapshot, engine.lives(), start, as_json)
        if not verdict.findings:
            checkpoint.write(data, verdict.reached)
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    finally:
        engine.resign()
    shown = {
        "proved": not verdict.findings,
        "since": start.seq,
        "transfers": verdict.transfers,
        "open_holds": verdict.open_holds,
        "waiting_holds": verdict.waiting_holds,
        "findings": [
            {"invariant": found.invariant, "row": found.row, "text": found.text}
            for found in verdict.findings
        ],
    }
    _show(as_json, shown, _verdict_lines(verdict))
    sys.exit(verdict.exit_code)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@json_option
def backup(file: Path, data: Path, as_json: bool) -> None:
    """Write a checked copy of the ledger to FILE, which must not exist.

    Keep the data directory's `secret` as well, in another place: without it the keys in
    the copy cannot be recognised. A ledger in PostgreSQL is copied by pg_dump.
    """
    _require_file("pg_dump")
    source = _database(data)
    try:
        with click.progressbar(
            length=1, label="copying", file=sys.stderr, hidden=as_json
        ) as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            findings = write_backup(source, file, progress)
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    shown = {"file": str(file), "proved": not findings}
    lines = [f"{file}: written and checked", *map(str, findings)]
    _show(as_json, shown, lines)
    sys.exit(BROKEN if findings else PROVED)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@data_option
@json_option
def restore(file: Path, data: Path, as_json: bool) -> None:
    """Make the ledger of a data directory from a backup; it must not have one.

    The backup is proved before it gets its place. Put the `secret` that belongs to it
    into the directory as well: without it the keys in it cannot be recognised. A ledger
    in PostgreSQL is restored by pg_restore, and proved by `verify`.
    """
    _require_file("pg_restore")
    try:
        findings = read_backup(file, data, DATABASE, SystemClock().wall_ns())
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    shown = {"data": str(data), "restored": not findings, "secret": Secrets.made(data)}
    lines = [*map(str, findings), f"{file}: broken, nothing was restored"]
    if not findings:
        lines = [f"{data / DATABASE}: restored and proved"]
        if not Secrets.made(data):
            lines.append(f"restore {data / 'secret'} too: its keys need it")
    _show(as_json, shown, lines)
    sys.exit(BROKEN if findings else PROVED)


def _examine(
    snapshot: Snapshot, boots: Lives, since: Checkpoint, quiet: bool
) -> Verdict:
    ((transfers,),) = snapshot.rows(COUNT_TRANSFERS)
    held = list(snapshot.rows(OPEN_HOLDS_BY_BOOT))
    with click.progressbar(
        length=1,
        label="proving",
        file=sys.stderr,
        hidden=quiet or not sys.stderr.isatty(),
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        findings, reached = prove(snapshot, since, progress)
    return Verdict(
        findings,
        reached,
        transfers,
        sum(number for _, number in held),
        sum(number for boot_id, number in held if boots.is_dead(boot_id)),
    )


def _verdict_lines(verdict: Verdict) -> list[str]:
    lines = [str(found) for found in verdict.findings]
    state = "BROKEN" if verdict.findings else "proved"
    lines.append(
        f"{state}: {verdict.transfers} transfers, {verdict.open_holds} open holds"
    )
    if verdict.waiting_holds:
        lines.append(
            f"{verdict.waiting_holds} of them wait for the gateway's next start"
        )
    return lines


# Shared by the commands above.


@contextmanager
def _opened(data: Path) -> Iterator[Storage]:
    try:
        storage = open_storage(data, LedgerSettings(), gateway=False, url=_url())
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    try:
        yield storage
    except StorageError as error:
        raise Refused(str(error)) from error
    finally:
        storage.close()


def _url() -> str:
    """What the command's options say of where the ledger is."""
    return str(click.get_current_context().meta.get(STORAGE, ""))


def _require_file(instead: str) -> None:
    if _url():
        raise Refused(
            f"the ledger is in PostgreSQL: use {instead}, then prove it with `verify`"
        )


def _database(data: Path) -> Path:
    path = data / DATABASE
    if not path.is_file():
        raise Refused(f"{path}: there is no ledger")
    return path


def _set_status(email: str, status: str, data: Path, as_json: bool) -> None:
    with _opened(data) as storage:
        user = _find_user(storage, email)
        storage.writer.wait(set_account_status, user.account_id, status)
        if status == "blocked":
            storage.writer.wait(close_sessions, user.id)
        shown = _user_shape(storage, _find_user(storage, email))
    _show(as_json, shown, [f"{shown['email']}: {shown['status']}"])


def _find_user(storage: Storage, email: str) -> UserRecord:
    user = storage.reader.user_by_email(_email(email))
    if user is None:
        raise Refused(f"there is no user {email}")
    return user


def _all_users(storage: Storage, search: str) -> Iterator[UserRecord]:
    after = ""
    while page := storage.reader.users(search, after):
        yield from page
        after = page[-1].email


def _email(text: str) -> str:
    try:
        return normalise_email(text)
    except ValueError as error:
        raise Refused(f"{text}: {error}") from error


def _password(given: str | None, from_stdin: bool) -> str:
    if (given is None) != from_stdin:
        raise click.UsageError("give one of --password and --password-stdin")
    password = sys.stdin.readline().rstrip("\r\n") if given is None else given
    least = Accounts().password_min
    if len(password) < least:
        raise Refused(f"a password has at least {least} characters")
    return password


def _user_shape(storage: Storage, user: UserRecord) -> dict[str, str]:
    balance = storage.reader.balance(user.account_id)
    return {
        "id": user.id,
        "email": user.email,
        "status": user.status,
        "role": user.role,
        "available": cents(balance.available_nano),
        "available_exact": dollars(balance.available_nano),
    }


def _key_shape(key: KeyRecord) -> dict[str, str | int | bool]:
    return {
        "id": key.id,
        "mask": key.mask,
        "status": key.status,
        "default": key.is_default,
        "label": key.label,
    }


def _table(
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


def _show(as_json: bool, shape: Any, lines: Sequence[str]) -> None:
    if as_json:
        click.echo(orjson.dumps(shape, option=orjson.OPT_INDENT_2).decode())
        return
    for line in lines:
        click.echo(line)
