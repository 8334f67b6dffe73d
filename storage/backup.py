"""Backup: a whole copy of SQLite's file while the gateway goes on writing.

SQLite's online backup reads one snapshot, page by page; the copy is checked and audited
before it gets its name, so a file that has the name is a good one. The directory's
`secret` is not in it: without that file no stored key can be recognised, so an operator
keeps both, and keeps them apart.
"""

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from storage import checkpoint
from storage.audit import Finding, prove
from storage.errors import DatabaseDamaged, LedgerUnavailable, StorageError
from storage.migrations import migrate
from storage.ownership import give
from storage.sqlite import UNAVAILABLE, SqliteEngine, check, open_reader

PAGES_A_STEP = 1000
Progress = Callable[[int, int], None]


def unseen(done: int, total: int) -> None:
    """Nobody wants to know."""


def backup(
    source: Path,
    target: Path,
    progress: Progress = unseen,
    step: int = PAGES_A_STEP,
    proving: Progress = unseen,
) -> list[Finding]:
    """Copy, check, name. The findings are the audit's; FileExistsError if it is there.

    A copy of a ledger that does not add up is still a copy: it is kept, and said so.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists")
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, partial, progress, step)
        findings = _examine(partial, progress=proving)
        # A link never replaces a file that appeared meanwhile, as a rename would.
        os.link(partial, target)
        _sync_directory(target.parent)
    except StorageError:
        raise
    except UNAVAILABLE as error:
        raise LedgerUnavailable(f"the backup failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return findings


def restore(
    source: Path,
    data: Path,
    name: str,
    now_ns: int,
    progress: Progress = unseen,
    proving: Progress = unseen,
) -> list[Finding]:
    """Copy, bring up to date, prove, name. With findings nothing is restored."""
    target = data / name
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (target, target.with_name(f"{name}-wal")):
        if path.exists():
            raise FileExistsError(f"{path} exists")
    partial = target.with_name(f".{name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, partial, progress, PAGES_A_STEP)
        findings = _examine(partial, now_ns, proving)
        if not findings:
            give(partial)
            # A proof of another ledger says nothing about this one.
            (data / checkpoint.FILE).unlink(missing_ok=True)
            os.link(partial, target)
            _sync_directory(data)
    except StorageError:
        raise
    except UNAVAILABLE as error:
        raise LedgerUnavailable(f"the restore failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return findings


def _copy(source: Path, target: Path, progress: Progress, step: int) -> None:
    reader = open_reader(source)
    writer = apsw.Connection(str(target))
    try:
        # While a read transaction is open the source cannot change under the copy,
        # so it need not start again however busy the gateway is.
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM account LIMIT 1").fetchall()
        with writer.backup("main", reader, "main") as copy:
            while not copy.done:
                copy.step(step)
                progress(copy.page_count - copy.remaining, copy.page_count)
        # One file, not three: a backup is carried about. This also syncs it.
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        writer.close()
        reader.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _examine(
    path: Path, now_ns: int | None = None, progress: Progress = unseen
) -> list[Finding]:
    # Not read-only: SQLite forgets a table's CHECKs there and would check none.
    connection = apsw.Connection(str(path))
    try:
        check(connection)
        if now_ns is not None:
            migrate(connection, now_ns)
    except DatabaseDamaged as error:
        raise DatabaseDamaged(f"the copy is not good: {error}") from error
    finally:
        connection.close()
    try:
        return prove(SqliteEngine(path).snapshot, progress=progress)[0]
    except LedgerUnavailable as error:
        # Nobody else has the file: what cannot be read, such as a sum of amounts that
        # is no amount any more, is wrong with the ledger in it.
        return [Finding("I6", "database", str(error))]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
