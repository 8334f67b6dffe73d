"""Opening the ledger for one command, and letting go of it whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.gateway import LedgerSettings
from storage import DATABASE, Storage, engine_at, open_storage
from storage.commands.options import storage_url
from storage.commands.output import Refused
from storage.engine import Engine
from storage.errors import StorageError


@contextmanager
def opened(data: Path) -> Iterator[Storage]:
    try:
        storage = open_storage(
            data, LedgerSettings(), gateway=False, url=storage_url()
        )
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    try:
        yield storage
    except StorageError as error:
        raise Refused(str(error)) from error
    finally:
        storage.close()


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
