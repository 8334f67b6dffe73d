"""A line to a PostgreSQL server that breaks when it is told to.

It stands between the gateway and the server's socket and passes bytes on. At a word the
client sends (such as COMMIT) it cuts: before the word arrives, or after the server did
what it says and before the client hears of it. That is the moment in which nobody but
the server knows whether money moved.
"""

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 65_536
COMMIT = b"COMMIT\0"
"""The whole statement: the one that begins a transaction says READ COMMITTED."""


class PostgresLine:
    """Listens on a port of its own for as long as the `with` block runs."""

    def __init__(self, server: Path) -> None:
        self.server = server
        self.cuts = 0
        self._word = b""
        self._arrives = False
        self._left = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A listener that is only closed would go on listening in its `accept`.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut_at(self, word: bytes, *, arrives: bool, times: int = 1) -> None:
        """The next so many times the word is sent, the line breaks."""
        self._word, self._arrives, self._left = word, arrives, times

    def cut(self) -> None:
        """All lines break now."""
        with self._lock:
            for one in self._open:
                _end(one)
            self._open.clear()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server))
                with self._lock:
                    self._open |= {client, server}
                for work in (self._ask, self._answer):
                    threading.Thread(
                        target=work, args=(client, server), daemon=True
                    ).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                if self._left and self._word in data:
                    self._left -= 1
                    self.cuts += 1
                    # Nothing gets back to the client from here on.
                    client.shutdown(socket.SHUT_WR)
                    if self._arrives:
                        server.sendall(data)
                        # The answer itself is read by the other thread, which finds
                        # the client gone; the server then hears that nobody is left.
                        server.shutdown(socket.SHUT_WR)
                    break
                server.sendall(data)
        if not self._arrives:
            _end(server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                with contextlib.suppress(OSError):
                    client.sendall(data)
        _end(client)
        _end(server)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
