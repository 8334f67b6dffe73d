"""Opening the ledger for one command, and letting go of it whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.gateway import LedgerSettings
from storage import DATABASE, Storage, open_storage
from storage.commands.output import Refused
from storage.errors import StorageError


@contextmanager
def opened(data: Path) -> Iterator[Storage]:
    try:
        storage = open_storage(data, LedgerSettings(), gateway=False)
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    try:
        yield storage
    except StorageError as error:
        raise Refused(str(error)) from error
    finally:
        storage.close()


def database_of(data: Path) -> Path:
    path = data / DATABASE
    if not path.is_file():
        raise Refused(f"{path}: there is no ledger")
    return path
