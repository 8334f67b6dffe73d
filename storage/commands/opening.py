"""Opening the ledger for one command, and letting go of it whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from config.gateway import LedgerSettings
from storage import DATABASE, Storage, engine_at, open_storage
from storage.commands.options import storage_url
from storage.commands.output import Refused
from storage.engine import Engine
from storage.errors import StorageError


@contextmanager
def opened(data: Path, make: bool = False) -> Iterator[Storage]:
    """One that is there; a mistyped directory gets no new ledger, unless a command
    may well be a ledger's first."""
    url = storage_url()
    if not (make or url):
        _require_ledger(data)
    try:
        storage = open_storage(data, LedgerSettings(), gateway=False, url=url)
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    try:
        _warn(storage)
        yield storage
    except StorageError as error:
        raise Refused(str(error)) from error
    finally:
        storage.close()


def _warn(storage: Storage) -> None:
    """A ledger that does not add up is looked into and mended with these commands, so
    none is refused; but nobody shall move money in it unaware."""
    reason = storage.alarm.reason()
    if reason is not None:
        click.echo(
            f"warning: the ledger does not add up: {reason}\n"
            "No gateway admits anything; what this command does is booked all the same."
            " Run `verify`.",
            err=True,
        )


def engine_of(data: Path) -> Engine:
    """Of a ledger that is there; it is not made."""
    url = storage_url()
    if not url:
        _require_ledger(data)
    try:
        return engine_at(data, url)
    except StorageError as error:
        raise Refused(str(error)) from error


def database_of(data: Path) -> Path:
    """SQLite's file."""
    require_file("pg_dump")
    return _require_ledger(data)


def require_file(instead: str) -> None:
    """The ledger is in SQLite; where it is not, what to use instead."""
    if storage_url():
        raise Refused(
            f"the ledger is in PostgreSQL: use {instead}, then prove it with `verify`"
        )


def _require_ledger(data: Path) -> Path:
    path = data / DATABASE
    if not path.is_file():
        raise Refused(f"{path}: there is no ledger")
    return path
