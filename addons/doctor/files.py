"""Files: who may read what the data directory holds.

The secret turns a stolen database into keys, and the database holds prompts and
e-mails: both are their owner's alone.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from addons.doctor.finding import Finding, Patient, fail, ok, warn
from storage import DATABASE

DIRECTORY, FILE = 0o700, 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO
NAMES = ("secret", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")


def rights(patient: Patient) -> Iterator[Finding]:
    """One finding for each place that others may use, and one if there is none."""
    data = patient.data
    if not data.exists():
        yield ok(f"{data} is not there yet; the first start makes it")
        return
    if not data.is_dir():
        yield fail(f"{data} is no directory", "name another one with --data")
        return
    found = [*of_directory(data), *of_files(data), *of_owner(data)]
    yield from found or [ok(f"{data} and what is in it are its owner's alone")]


def of_directory(data: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(data.stat().st_mode)
    if mode & OTHERS:
        yield warn(f"{data} has mode {mode:04o}", f"chmod {DIRECTORY:o} {data}")


def of_files(data: Path) -> Iterator[Finding]:
    for path in (data / name for name in NAMES):
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & OTHERS:
            yield fail(f"{path} has mode {mode:04o}", f"chmod {FILE:o} {path}")


def of_owner(data: Path) -> Iterator[Finding]:
    """A gateway must be able to write what root's commands have left there."""
    owner = data.stat().st_uid
    for path in (data / name for name in NAMES):
        if path.exists() and path.stat().st_uid != owner:
            yield fail(
                f"{path} belongs to another user than its directory",
                f"chown --reference={data} {path}",
            )
    if os.geteuid() not in (0, owner):
        yield warn(
            f"{data} belongs to another user than you",
            "run this as the user that the gateway runs as",
        )
