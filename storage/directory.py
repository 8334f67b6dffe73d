"""The directory: callers' keys, in memory.

Each request asks "whose key is this?", nearly always one that was asked before. The
answer may be stale for half a second at most: a change in this process empties the
memory at once, and a change in another process moves a counter in the file that is
looked at four times a second while requests come. Nothing runs while nobody asks.

Unknown keys are remembered apart from known ones and both are bounded, so that a flood
of guesses costs a look in the file each, but pushes no paying caller out of memory.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from storage.clock import Clock
from storage.errors import LedgerUnavailable
from storage.keys import KeyRecord, well_formed
from storage.reader import Reader
from storage.secrets import Secrets

KNOWN_MAX = 50_000
UNKNOWN_MAX = 10_000
REFRESH_NS = 250 * 10**6
STALE_NS = 500 * 10**6


@dataclass(frozen=True, slots=True)
class Unknown:
    """No such key, or one that was revoked: guessing must not tell which."""


UNKNOWN = Unknown()


class Directory:
    def __init__(
        self,
        reader: Reader,
        secrets: Secrets,
        clock: Clock,
        *,
        known_max: int = KNOWN_MAX,
        unknown_max: int = UNKNOWN_MAX,
    ) -> None:
        self._known_max = known_max
        self._unknown_max = unknown_max
        self._reader = reader
        self._secrets = secrets
        self._clock = clock
        self._known: dict[bytes, KeyRecord] = {}
        self._unknown: dict[bytes, None] = {}
        self._lock = threading.Lock()
        # Counts how often the memory was emptied: what was read before that moment
        # must not be put in after it.
        self._generation = 0
        self._revision = -1
        self._looked_ns = clock.monotonic_ns() - 2 * STALE_NS
        self._looking = False
        self._closed = False
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="key-directory")

    def find_cached(self, plain: str) -> KeyRecord | Unknown | None:
        """What is known without waiting; None means `find` has to look."""
        if not well_formed(plain):
            return UNKNOWN
        age_ns = self._clock.monotonic_ns() - self._looked_ns
        if age_ns >= STALE_NS:
            return None
        if age_ns >= REFRESH_NS and not self._looking and not self._closed:
            self._looking = True
            self._threads.submit(self._look)
        key_hash = self._secrets.key_hash(plain)
        record = self._known.get(key_hash)
        if record is not None:
            return record
        return UNKNOWN if key_hash in self._unknown else None

    async def find(self, plain: str) -> KeyRecord | None:
        """The key, from memory or from the file. Raises if the file cannot be read."""
        cached = self.find_cached(plain)
        if cached is None:
            if self._closed:
                raise LedgerUnavailable("the directory of keys is closed")
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._load, plain)
        return cached if isinstance(cached, KeyRecord) else None

    def changed(self) -> None:
        """A key or an account changed in this process: forget what was known."""
        with self._lock:
            self._generation += 1
            self._known = {}
            self._unknown = {}

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown()

    def _load(self, plain: str) -> KeyRecord | None:
        self._look()
        key_hash = self._secrets.key_hash(plain)
        # Several requests may have waited here for the same key.
        if key_hash in self._known:
            return self._known[key_hash]
        if key_hash in self._unknown:
            return None
        generation = self._generation
        record = self._reader.key_by_hash(key_hash)
        if record is not None and record.status == "revoked":
            record = None
        with self._lock:
            if generation == self._generation:
                self._remember(key_hash, record)
        return record

    def _remember(self, key_hash: bytes, record: KeyRecord | None) -> None:
        if record is None:
            _make_room(self._unknown, self._unknown_max)
            self._unknown[key_hash] = None
        else:
            _make_room(self._known, self._known_max)
            self._known[key_hash] = record

    def _look(self) -> None:
        """Notice what other processes changed, unless that was done just now."""
        try:
            now_ns = self._clock.monotonic_ns()
            if now_ns - self._looked_ns < REFRESH_NS:
                return
            revision = self._reader.revision()
            if revision != self._revision:
                self.changed()
                self._revision = revision
            # Dated before the look, so that the age is never flattered.
            self._looked_ns = now_ns
        finally:
            self._looking = False


def _make_room[V](memory: dict[bytes, V], most: int) -> None:
    """The oldest entry goes; one that is still in use is read again."""
    while len(memory) >= most:
        del memory[next(iter(memory))]
