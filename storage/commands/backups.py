"""`backup` and `restore`: the ledger as one file, and back."""

import sys
from pathlib import Path

import click

from config.epilog import BROKEN, DONE, REFUSED, epilog
from storage import DATABASE
from storage.backup import backup as write_backup
from storage.backup import restore as read_backup
from storage.clock import SystemClock
from storage.commands.opening import database_of, require_file
from storage.commands.options import data_option, json_option
from storage.commands.output import Refused, show
from storage.commands.progress import Progress
from storage.errors import StorageError
from storage.secrets import Secrets


WRITTEN = {
    DONE: "written, and proved",
    BROKEN: "written, but the ledger does not add up: the rows are named",
    REFUSED: "bad input, or it cannot be written",
}
READ = {
    DONE: "restored, and proved",
    BROKEN: "nothing was restored: the backup does not add up",
    REFUSED: "bad input, or there is a ledger already",
}


@click.command("backup", epilog=epilog("backup /backups/2026-11-23.db", codes=WRITTEN))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@json_option
def backup(file: Path, data: Path, as_json: bool) -> None:
    """Write a checked copy of the ledger to FILE, which must not exist.

    Keep the data directory's `secret` as well, in another place: without it the keys in
    the copy cannot be recognised. A ledger in PostgreSQL is copied by pg_dump.
    """
    source = database_of(data)
    progress = Progress(quiet=as_json)
    try:
        findings = write_backup(
            source,
            file,
            progress=progress.stage("copying"),
            proving=progress.stage("proving"),
        )
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    shown = {"file": str(file), "proved": not findings}
    lines = [f"{file}: written and checked", *map(str, findings)]
    show(as_json, shown, lines)
    sys.exit(BROKEN if findings else DONE)


@click.command(
    "restore",
    epilog=epilog("restore /backups/2026-11-23.db --data data", codes=READ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@data_option
@json_option
def restore(file: Path, data: Path, as_json: bool) -> None:
    """Make the ledger of a data directory from a backup; it must not have one.

    The backup is proved before it gets its place. Put the `secret` that belongs to it
    into the directory as well: without it the keys in it cannot be recognised. A
    ledger in PostgreSQL is restored by pg_restore, and proved by `verify`.
    """
    require_file("pg_restore")
    progress = Progress(quiet=as_json)
    try:
        findings = read_backup(
            file,
            data,
            DATABASE,
            SystemClock().wall_ns(),
            progress=progress.stage("copying"),
            proving=progress.stage("proving"),
        )
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    shown = {"data": str(data), "restored": not findings, "secret": Secrets.made(data)}
    lines = [*map(str, findings), f"{file}: broken, nothing was restored"]
    if not findings:
        lines = [f"{data / DATABASE}: restored and proved"]
        if not Secrets.made(data):
            lines.append(f"restore {data / 'secret'} too: its keys need it")
    show(as_json, shown, lines)
    sys.exit(BROKEN if findings else DONE)
