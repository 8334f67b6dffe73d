"""Brief: what a worker is told at its start, and how it tells that it serves.

Supervisor and worker talk over two pipes. The supervisor writes the brief to the
worker's standard input, and later what became of the files each time they were read
again; the end of that pipe is the supervisor's own end. The worker answers once over
the other, with READY or with what went wrong.
"""

import asyncio
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from config import Settings
from config.current import Loaded

READY = b"ready"
READ_BYTES = 64 * 1024
# Three files of a mebibyte at most are read to less than this.
FRAME_BYTES_MAX = 64 * 1024 * 1024
SIZE = Struct(">Q")
NOT_BY_HAND = "a worker is started by `serve` only"


@dataclass(frozen=True, slots=True)
class Brief:
    """The settings are the supervisor's own: whatever happened to the files since,
    all workers of one gateway agree, also those that are started later. The descriptors
    are inherited, where there are any: the gateway's lock, and the socket that a
    service manager gave. `metrics` is the folder in which all of them count."""

    loaded: Loaded
    data: Path
    demo: bool
    gateway_lock: int | None
    metrics: Path
    given: int | None = None

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def dump(self) -> bytes:
        return framed(pickle.dumps(self))


class Lifeline:
    """The worker's ends of both pipes."""

    def __init__(self, stdin: int, report: int) -> None:
        """ValueError if nobody has written a brief there."""
        self.frames = Frames()
        try:
            brief = pickle.loads(self.first_frame(stdin))
        except Exception as error:
            # Bytes that are no pickle raise whatever they happen to mean.
            raise ValueError(NOT_BY_HAND) from error
        if not isinstance(brief, Brief):
            raise ValueError(NOT_BY_HAND)
        self.brief = brief
        self.stdin = stdin
        self.report = report
        self.told = False
        os.set_inheritable(report, False)

    def tell(self, answer: bytes) -> bool:
        """READY, or why not; False if one of them was told before."""
        if self.told:
            return False
        self.told = True
        # Nobody listens if the supervisor is gone; its end is told by the other pipe.
        with suppress(BrokenPipeError):
            os.write(self.report, answer)
        os.close(self.report)
        return True

    def first_frame(self, stdin: int) -> bytes:
        """Blocks. EOFError if there is none."""
        while (frame := self.frames.next()) is None:
            read = os.read(stdin, READ_BYTES)
            if not read:
                raise EOFError
            self.frames.feed(read)
        return frame

    def watch(
        self,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[], None],
        on_news: Callable[[bytes], None],
    ) -> None:
        """Calls `on_end` once, when the supervisor is gone, and `on_news` with all that
        it says until then: what `news_of` reads."""

        def read() -> None:
            read = os.read(self.stdin, READ_BYTES)
            if not read:
                loop.remove_reader(self.stdin)
                on_end()
                return
            self.frames.feed(read)
            tell()

        def tell() -> None:
            while (frame := self.frames.next()) is not None:
                on_news(frame)

        # It may have come with the brief.
        tell()
        loop.add_reader(self.stdin, read)


class Frames:
    """What comes through a pipe in pieces of any size, put together again."""

    def __init__(self) -> None:
        self.received = bytearray()

    def feed(self, data: bytes) -> None:
        self.received += data

    def next(self) -> bytes | None:
        """The next that is whole. ValueError for one that nobody of us has sent."""
        if len(self.received) < SIZE.size:
            return None
        (size,) = SIZE.unpack_from(self.received)
        if size > FRAME_BYTES_MAX:
            raise ValueError(NOT_BY_HAND)
        end = SIZE.size + size
        if len(self.received) < end:
            return None
        frame = bytes(self.received[SIZE.size : end])
        del self.received[:end]
        return frame


def framed(content: bytes) -> bytes:
    return SIZE.pack(len(content)) + content


def news(loaded: Loaded) -> bytes:
    """What a supervisor writes to each of its workers when it has read the files."""
    return framed(pickle.dumps(loaded))


def news_of(frame: bytes) -> Loaded:
    """The same, as a worker has it."""
    loaded = pickle.loads(frame)
    if not isinstance(loaded, Loaded):
        raise ValueError(NOT_BY_HAND)
    return loaded
