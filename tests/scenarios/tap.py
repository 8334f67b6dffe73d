"""A tap: all that leaves the workers for the inspector, as it passes.

It takes the inspector's place at the socket's address and hands on what it hears to the
socket itself, which goes on listening under another name. A worker that was quicker is
sent here by the end of the inspector that it found.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from addons.inspector.socket_file import NAME, connect, listen

BEHIND = "behind"
LOOK_SECONDS = 0.001
# Longer than a worker takes to start and to look for an inspector.
COME_SECONDS = 20.0
READ_BYTES = 1 << 20


class Tap:
    """Hears the one worker of a gateway from the first byte on."""

    def __init__(self, data: Path, inspector: Callable[[], int]) -> None:
        self.place, self.behind = data / NAME, data / BEHIND
        self.inspector = inspector
        self.heard = bytearray()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, name="tap")

    def __enter__(self) -> Self:
        self.behind.mkdir(parents=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def run(self) -> None:
        while not self.ended.wait(LOOK_SECONDS):
            with suppress(FileNotFoundError):
                os.replace(self.place, self.behind / NAME)
                self.stand_between()

    def stand_between(self) -> None:
        with listen(self.place.parent) as listening:
            listening.settimeout(COME_SECONDS)
            try:
                worker, _ = listening.accept()
            except TimeoutError:
                os.kill(self.inspector(), signal.SIGKILL)
                return
            finally:
                # The next that is found here is another inspector's.
                self.place.unlink(missing_ok=True)
        inspector = connect(self.behind)
        assert inspector is not None
        with worker, inspector:
            inspector.setblocking(True)
            worker.settimeout(None)
            self.relay(worker, inspector)

    def relay(self, worker: socket.socket, inspector: socket.socket) -> None:
        """Until one of them is gone."""
        with suppress(OSError):
            while piece := worker.recv(READ_BYTES):
                self.heard += piece
                inspector.sendall(piece)
