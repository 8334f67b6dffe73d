"""`user`: accounts, as an operator looks after them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from config.epilog import epilog
from config.gateway import Accounts
from config.money import cents, dollars
from storage import Storage
from storage.accounts import (
    ROLES,
    NewUser,
    Registered,
    UserRecord,
    normalise_email,
    register,
    set_account_status,
    set_role,
)
from storage.acts import Act, acted, log_act
from storage.commands.opening import opened
from storage.commands.options import (
    amount_nano,
    data_option,
    gift_nano,
    json_option,
    signed_nano,
)
from storage.commands.output import Refused, show, table
from storage.database import Ledgerbase
from storage.keys import mint
from storage.ledger import Adjusted, Decision, adjust, promo
from storage.passwords import hash_password
from storage.sessions import close_sessions

WELCOME = dollars(Accounts().welcome_nano)


@click.group("user")
def user_group() -> None:
    """Look after users."""


@user_group.command(
    "create",
    epilog=epilog(
        "user create --email ada@example.com --password-stdin < password.txt",
    ),
)
@click.option("--email", required=True, help="Whom it belongs to; one account each.")
@click.option("--password", help="Visible to other processes: prefer standard input.")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="user",
    show_default=True,
    help="An operator sees and does on the web what these commands do.",
)
@click.option(
    "--welcome",
    callback=gift_nano,
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
    with opened(data, make=True) as storage:
        key = mint(storage.secrets)
        user = NewUser(storage.ids.uuid(), email, password_hash, role)
        answer = storage.writer.wait(
            acted,
            lambda made: (
                Act("user_created", None, user.user_id, email, details={"role": role})
                if isinstance(made, Registered)
                else None
            ),
            register,
            user,
            key,
            welcome,
        )
        if not isinstance(answer, Registered):
            raise Refused(f"{email} is taken")
        shown = _user_shape(storage, answer.user) | {"api_key": key.plain}
    show(as_json, shown, [f"{name}: {value}" for name, value in shown.items()])


@user_group.command("list", epilog=epilog("user list --search example.com"))
@click.option("--search", default="", help="Part of the address.")
@data_option
@json_option
def list_users(search: str, data: Path, as_json: bool) -> None:
    """List users by address."""
    with opened(data) as storage:
        users = [_user_shape(storage, user) for user in _all_users(storage, search)]
    show(as_json, users, table(("email", "status", "role", "available"), users))


@user_group.command("disable", epilog=epilog("user disable ada@example.com"))
@click.argument("email")
@data_option
@json_option
def disable_user(email: str, data: Path, as_json: bool) -> None:
    """Refuse a user's requests and sign him out everywhere."""
    _set_status(email, "blocked", data, as_json)


@user_group.command("enable", epilog=epilog("user enable ada@example.com"))
@click.argument("email")
@data_option
@json_option
def enable_user(email: str, data: Path, as_json: bool) -> None:
    """Undo `disable`."""
    _set_status(email, "open", data, as_json)


@user_group.command("role", epilog=epilog("user role ada@example.com operator"))
@click.argument("email")
@click.argument("role", type=click.Choice(ROLES))
@data_option
@json_option
def change_role(email: str, role: str, data: Path, as_json: bool) -> None:
    """Make a user an operator, or an operator a user again."""
    with opened(data) as storage:
        user = find_user(storage, email)
        storage.writer.wait(
            acted,
            lambda _: Act(
                "role_changed", None, user.id, user.email, details={"role": role}
            ),
            set_role,
            user.id,
            role,
        )
        shown = _user_shape(storage, find_user(storage, email))
    show(as_json, shown, [f"{shown['email']}: {shown['role']}"])


@user_group.command("grant", epilog=epilog("user grant ada@example.com 2.50"))
@click.argument("email")
@click.argument("amount", callback=amount_nano)
@data_option
@json_option
def grant(email: str, amount: int, data: Path, as_json: bool) -> None:
    """Give a user money from the house's promo account."""
    with opened(data) as storage:
        user = find_user(storage, email)
        ref = storage.ids.make("grant")
        details = {"amount": dollars(amount)}
        storage.writer.wait(
            acted,
            lambda _: Act("granted", None, user.id, user.email, details=details),
            promo,
            user.account_id,
            amount,
            ref,
        )
        shown = _user_shape(storage, user) | {"granted": dollars(amount)}
    text = f"{user.email}: {dollars(amount)} granted, {shown['available']} available"
    show(as_json, shown, [text])


# A negative amount looks like an option.
@user_group.command(
    "adjust",
    epilog=epilog('user adjust ada@example.com -1 --reason "paid twice" --author bob'),
    context_settings={"ignore_unknown_options": True},
)
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
    with opened(data) as storage:
        user = find_user(storage, email)
        decision = Decision(storage.ids.make("adjust"), reason, author)
        details = {"amount": dollars(amount), "reason": reason, "author": author}
        answer = storage.writer.wait(
            acted,
            lambda _: Act("adjusted", None, user.id, user.email, details=details),
            adjust,
            user.account_id,
            amount,
            decision,
        )
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
    show(as_json, shown, [text])


def find_user(storage: Storage, email: str) -> UserRecord:
    user = storage.reader.user_by_email(_email(email))
    if user is None:
        raise Refused(f"there is no user {email}")
    return user


def _set_status(email: str, status: str, data: Path, as_json: bool) -> None:
    with opened(data) as storage:
        user = find_user(storage, email)
        storage.writer.wait(change_status, user, status)
        shown = _user_shape(storage, find_user(storage, email))
    show(as_json, shown, [f"{shown['email']}: {shown['status']}"])


def change_status(db: Ledgerbase, user: UserRecord, status: str) -> None:
    """Verb: who is blocked is signed out everywhere."""
    set_account_status(db, user.account_id, status)
    if status == "blocked":
        close_sessions(db, user.id)
    what = "user_disabled" if status == "blocked" else "user_enabled"
    log_act(db, Act(what, None, user.id, user.email))


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
