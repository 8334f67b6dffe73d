"""Ownership: what root makes in a data directory belongs to whom the directory does.

An operator's command often runs as root on the directory of a gateway that does not.
A lock file that only root may open would keep that gateway from its own ledger, for
ever; so would a checkpoint, an alarm or the file itself.
"""

import os
from pathlib import Path


def open_owned(path: Path) -> int:
    """A descriptor to read and write the file, which is made if it is not there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def give(path: Path, descriptor: int | None = None) -> None:
    """Hand over what is root's; nothing happens if we are not root, or its owner is."""
    if os.geteuid():
        return
    owner = os.stat(path.parent)
    made = os.stat(path if descriptor is None else descriptor)
    if made.st_uid == 0 != owner.st_uid:
        os.chown(
            path if descriptor is None else descriptor, owner.st_uid, owner.st_gid
        )
