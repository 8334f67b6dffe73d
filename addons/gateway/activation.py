"""Activation: a listening socket that a service manager holds for us.

systemd opens it, hands it over as descriptor 3 and keeps it open while the gateway is
restarted. Who connects in between waits in the kernel's queue instead of being refused,
and what waits there when one gateway stops is accepted by the next. The protocol is
that of sd_listen_fds(3), which anything that starts programs can speak.
"""

import os
import socket
from collections.abc import MutableMapping

FIRST = 3
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
FAMILIES = (socket.AF_INET, socket.AF_INET6)
WHAT = "the service manager gave"


def given_socket(environ: MutableMapping[str, str], pid: int) -> socket.socket | None:
    """The socket that this process was started with; None if it was given none.

    What says so is taken out of the environment: it was not said to our children.
    OSError if there are several, or what there is does not listen for TCP.
    """
    whose, count, _ = (environ.pop(name, "") for name in VARIABLES)
    if whose != str(pid):
        return None
    if count != "1":
        raise OSError(f"{WHAT} {count or 'no'} sockets, and one is expected")
    return adopt(FIRST)


def adopt(descriptor: int) -> socket.socket:
    """A listening socket by its number; OSError if it is anything else."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise OSError(f"{WHAT} descriptor {descriptor}: {error}") from error
    os.set_inheritable(descriptor, False)
    if found.family not in FAMILIES or not listens(found):
        found.close()
        raise OSError(f"{WHAT} a socket that does not listen for TCP")
    return found


def listens(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
