"""Media: files that providers made for callers, kept for a while.

A file has a random name and never changes, so a name is all that a cache, a range or a
second gateway needs to know. Its address is signed and expires: whoever has the address
may have the file, and nobody can make one. The key of the signature is made of the
secret, so all gateways that share the secret agree, and those that share the directory
too (a network mount) serve each other's files.

Nothing here is in the ledger. A file is older than it may be, or it is there: the
directory is walked now and then, which removes the old ones and counts the others. In
between what is added is counted on; several processes that do so may together go a
little beyond the total until the next walk.

All of it blocks: it is for threads. Only `address` and `allows` touch no disk.
"""

import base64
import hmac
import os
import re
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from config.gateway import MediaSettings
from storage.clock import Clock
from storage.errors import MediaFull, MediaTooLarge
from storage.secrets import Secrets

# What is kept, and by which extension it is known again.
EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "image/png": "png",
        "image/jpeg": "jpg",
        "image/webp": "webp",
        "image/gif": "gif",
        "video/mp4": "mp4",
        "video/webm": "webm",
    }
)
TYPES: Mapping[str, str] = MappingProxyType(
    {extension: media_type for media_type, extension in EXTENSIONS.items()}
)
LABEL = "media address v1"
NAME_BYTES = 16
SHARD_CHARS = 2
# One sweep removes no more than this; what is left is for the next one.
REMOVE_MAX = 10_000
# Nobody takes so long to write a file: it was left by a crash.
STALE_SECONDS = 3600
NANOSECONDS = 1_000_000_000

_PARTIAL = ".partial-"
_SHARD = re.compile(r"[a-z2-7]{2}")
# Lower case only: two names never differ by less than a file system can tell.
_NAME = re.compile(r"[a-z2-7]{26}\.(?:" + "|".join(TYPES) + ")")
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there."""

    path: Path
    media_type: str
    size: int

    def open(self) -> BinaryIO:
        """The file to read from; FileNotFoundError if it has gone."""
        return open(self.path, "rb", opener=_open_no_link)


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is being written: where it is, and where it is to be."""

    file: BinaryIO
    place: Path
    path: Path


class MediaStore:
    """Keeps files in a directory, and knows who may have them."""

    def __init__(
        self,
        directory: Path,
        secrets: Secrets,
        clock: Clock,
        settings: MediaSettings,
        remove_max: int = REMOVE_MAX,
    ) -> None:
        self.directory = directory
        self.remove_max = remove_max
        self.clock = clock
        self.settings = settings
        self._key = secrets.seed(LABEL)
        self._stopped = False
        self._sweeping = threading.RLock()
        self._counting = threading.Lock()
        self._used_bytes: int | None = None
        self._added_bytes = 0
        self._open_bytes = 0
        self._open_names: set[str] = set()

    def keep(self, data: bytes, media_type: str) -> str:
        """The name of a new file with this content, on disk when this returns.

        ValueError for no content or a type that is not kept, MediaTooLarge, MediaFull,
        or the OSError of the disk.
        """
        with self.writing(media_type) as part:
            part.write(data)
            return part.keep()

    @contextmanager
    def writing(self, media_type: str) -> Iterator["Part"]:
        """A new file, piece by piece. Nothing is left of one that is not kept.

        ValueError for a type that is not kept.
        """
        extension = EXTENSIONS.get(media_type)
        if extension is None:
            raise ValueError(f"files of type {media_type[:100]!r} are not kept")
        part = Part(self, extension)
        try:
            yield part
        finally:
            part.discard()

    def address(self, name: str) -> str:
        """The path at which anybody may have this file, for a while from now."""
        seconds = int(self.settings.url_seconds)
        expires = str(self.clock.wall_ns() // NANOSECONDS + seconds)
        return f"/media/{name}?expires={expires}&signature={self._sign(name, expires)}"

    def allows(self, name: str, expires: str, signature: str) -> bool:
        """Whether this is an address we gave, and in its time. Touches no disk."""
        if _NAME.fullmatch(name) is None or _EXPIRES.fullmatch(expires) is None:
            return False
        # The texts are compared: decoded, two of them could mean the same.
        right = self._sign(name, expires).encode()
        if not hmac.compare_digest(right, signature.encode("utf-8", "replace")):
            return False
        return int(expires) * NANOSECONDS > self.clock.wall_ns()

    def find(self, name: str, expires: str, signature: str) -> Found | None:
        """The file at an address; None if it has gone, or the address is not ours."""
        if not self.allows(name, expires, signature):
            return None
        return self.locate(name)

    def locate(self, name: str) -> Found | None:
        """The file of this name, for one who may have it; None if there is none."""
        if _NAME.fullmatch(name) is None:
            return None
        path = self._path(name)
        try:
            if not stat.S_ISDIR(path.parent.lstat().st_mode):
                return None
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return Found(path, TYPES[path.suffix[1:]], status.st_size)

    def sweep(self) -> int:
        """Removes what is too old and counts the rest; how many files were removed.

        At most `remove_max`, so that a walk ends; harmless if others do it too. Files
        that are being written are counted by who writes them, and one that is kept
        meanwhile perhaps twice until next time; none is counted by nobody.
        """
        with self._sweeping:
            with self._counting:
                self._added_bytes = 0
            removed, used_bytes = self._walk()
            with self._counting:
                self._used_bytes = used_bytes + self._added_bytes
            return removed

    def stop(self) -> None:
        """Ends a sweep that runs in another thread, and all later ones."""
        self._stopped = True

    @property
    def used_bytes(self) -> int:
        """What the files take together, as far as we know; 0 before anybody looked."""
        return (self._used_bytes or 0) + self._open_bytes

    def _path(self, name: str) -> Path:
        return self.directory / name[:SHARD_CHARS] / name

    def _sign(self, name: str, expires: str) -> str:
        text = f"{name}\n{expires}".encode()
        digest = hmac.digest(self._key, text, "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def begin(self, extension: str) -> Draft:
        """A new file, beside the place where it is to be in the end."""
        token = base64.b32encode(os.urandom(NAME_BYTES)).rstrip(b"=").decode().lower()
        path = self._path(f"{token}.{extension}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_PARTIAL, dir=path.parent)
        draft = Draft(os.fdopen(handle, "wb"), Path(name), path)
        with self._counting:
            self._open_names.add(draft.place.name)
        return draft

    def count(self, size: int) -> None:
        """Count bytes in before they are written; MediaFull if there is no room."""
        if self._used_bytes is None:
            with self._sweeping:
                # Of many who find that nobody has looked, one looks.
                if self._used_bytes is None:
                    self.sweep()
        with self._counting:
            used = self.used_bytes
            if used + size > self.settings.total_bytes:
                raise MediaFull(f"the files take {used} bytes already")
            self._open_bytes += size

    def end(self, draft: Draft | None, size: int, *, kept: bool) -> None:
        """What was counted in for a file is its own now, or nobody's."""
        with self._counting:
            self._open_bytes -= size
            if draft is not None:
                self._open_names.discard(draft.place.name)
            if kept:
                self._used_bytes = (self._used_bytes or 0) + size
                self._added_bytes += size

    def _walk(self) -> tuple[int, int]:
        """Remove the old; how many were removed, and how many bytes the others take."""
        removed = used_bytes = 0
        for entry in self._entries():
            # Another sweep may have been here first.
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    continue
                if entry.name in self._open_names:
                    continue
                old = self._is_old(entry.name, status.st_mtime_ns)
                if old and removed < self.remove_max:
                    os.unlink(entry.path)
                    removed += 1
                else:
                    used_bytes += status.st_size
        return removed, used_bytes

    def _entries(self) -> Iterator["os.DirEntry[str]"]:
        """Our files and what is left of writing them; nobody else's."""
        for shard in _scan(self.directory):
            if not _SHARD.fullmatch(shard.name) or not _is_directory(shard):
                continue
            for entry in _scan(Path(shard.path)):
                if self._stopped:
                    return
                if _NAME.fullmatch(entry.name) or entry.name.startswith(_PARTIAL):
                    yield entry

    def _is_old(self, name: str, modified_ns: int) -> bool:
        age_ns = self.clock.wall_ns() - modified_ns
        if name.startswith(_PARTIAL):
            return age_ns > STALE_SECONDS * NANOSECONDS
        return age_ns > self.settings.keep_seconds * NANOSECONDS


class Part:
    """A file that is being written, beside its place: a name has all of it or none.

    One thread at a time writes, not always the same one. What is written counts at
    once, so that many at a time do not fill the disk together.
    """

    def __init__(self, store: MediaStore, extension: str) -> None:
        self.size = 0
        self._store = store
        self._extension = extension
        self._whole = True
        self._counted = 0
        self._draft: Draft | None = None

    def write(self, data: bytes) -> None:
        """Adds to it. MediaTooLarge, MediaFull, or the OSError of the disk: after any
        of them it cannot be kept, and this is a ValueError."""
        if not self._whole:
            raise ValueError("this file is at its end")
        self._whole = False
        most = self._store.settings.file_bytes
        if self.size + len(data) > most:
            raise MediaTooLarge(f"a file of more than {most} bytes is not kept")
        if data:
            self._store.count(len(data))
            self._counted += len(data)
            self._opened().file.write(data)
            self.size += len(data)
        self._whole = True

    def keep(self) -> str:
        """The name of the file, on disk when this returns. ValueError for one that is
        empty, or not whole, or at its end; or the OSError of the disk."""
        draft = self._draft
        if draft is None or not self._whole:
            raise ValueError("an empty file, or half of one, is not kept")
        self._whole = False
        draft.file.flush()
        handle = draft.file.fileno()
        # Its age is measured by the clock that removes it.
        os.utime(handle, ns=(self._store.clock.wall_ns(),) * 2)
        os.fsync(handle)
        os.rename(draft.place, draft.path)
        _sync_directory(draft.path.parent)
        draft.file.close()
        self._end(kept=True)
        return draft.path.name

    def discard(self) -> None:
        """Nothing of it stays, unless it was kept; this may be called again."""
        self._whole = False
        if self._draft is not None:
            # It would write what it still has, and the disk may not take it.
            with suppress(OSError):
                self._draft.file.close()
            # It may have its name already, if the disk failed after that.
            for path in (self._draft.place, self._draft.path):
                with suppress(FileNotFoundError):
                    os.unlink(path)
        self._end(kept=False)

    def _opened(self) -> Draft:
        if self._draft is None:
            self._draft = self._store.begin(self._extension)
        return self._draft

    def _end(self, *, kept: bool) -> None:
        self._store.end(self._draft, self._counted, kept=kept)
        self._draft = None
        self._counted = 0


def _scan(directory: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except FileNotFoundError:
        # Nothing was kept yet.
        return


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def _sync_directory(directory: Path) -> None:
    """A new name is on disk only with its directory."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
