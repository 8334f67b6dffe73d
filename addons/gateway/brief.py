"""Brief: what a worker is told at its start, and how it tells that it serves.

Supervisor and worker talk over two pipes. The supervisor writes the brief to the
worker's standard input and then nothing more: the end of that pipe is the supervisor's
own end. The worker answers once over the other, with READY or with what went wrong.
"""

import asyncio
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from config import Settings

READY = b"ready"
READ_BYTES = 4096
NOT_BY_HAND = "a worker is started by `serve` only"


@dataclass(frozen=True, slots=True)
class Brief:
    """The settings are the supervisor's own: whatever happened to the files since,
    all workers of one gateway agree. The descriptors are inherited, where there are
    any: the gateway's lock, and the socket that a service manager gave. `metrics` is
    the folder in which all of them count."""

    settings: Settings
    data: Path
    demo: bool
    gateway_lock: int | None
    metrics: Path
    given: int | None = None

    def dump(self) -> bytes:
        return pickle.dumps(self)


class Lifeline:
    """The worker's ends of both pipes."""

    def __init__(self, stdin: BinaryIO, report: int) -> None:
        """ValueError if nobody has written a brief there."""
        try:
            brief = pickle.load(stdin)
        except Exception as error:
            # Bytes that are no pickle raise whatever they happen to mean.
            raise ValueError(NOT_BY_HAND) from error
        if not isinstance(brief, Brief):
            raise ValueError(NOT_BY_HAND)
        self.brief = brief
        self.stdin = stdin.fileno()
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

    def watch(
        self, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]
    ) -> None:
        """Calls `on_end` once, when the supervisor is gone."""

        def read() -> None:
            if not os.read(self.stdin, READ_BYTES):
                loop.remove_reader(self.stdin)
                on_end()

        loop.add_reader(self.stdin, read)
