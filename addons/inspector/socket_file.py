"""Socket file: where workers and the inspector meet, in the data directory.

A Unix socket's path has room for about a hundred bytes, and a data directory may be
deeper than that. Linux reaches it by a descriptor of the directory as well.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "inspector.sock"
PATH_BYTES_MAX = 100
BACKLOG = 64
OWNER_ONLY = 0o177


@contextmanager
def reachable(data: Path) -> Iterator[str]:
    """A path to the socket that is short enough, as long as the block lasts."""
    path = data.resolve() / NAME
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        yield str(path)
        return
    directory = os.open(data, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)


def listen(data: Path) -> socket.socket:
    """A socket that its owner alone may connect to; it takes the place of one that a
    dead inspector left behind."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(OWNER_ONLY)
    try:
        with reachable(data) as path:
            with suppress(FileNotFoundError):
                os.unlink(path)
            listening.bind(path)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def connect(data: Path) -> socket.socket | None:
    """A connection that never blocks; None where nobody listens. A local socket takes a
    connection at once or refuses it."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.setblocking(False)
    try:
        with reachable(data) as path:
            connected.connect(path)
    except OSError:
        connected.close()
        return None
    return connected
