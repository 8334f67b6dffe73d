"""Activation: what a service manager hands over, and what it cannot be."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from addons.gateway.activation import FIRST, adopt, given_socket

ROOT = Path(__file__).parents[3]
PID = 4711
ASK = """
import os
from addons.gateway.activation import given_socket
found = given_socket(os.environ, os.getpid())
assert "LISTEN_FDS" not in os.environ and not os.get_inheritable(found.fileno())
print(found.getsockname()[1])
"""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "", "LISTEN_FDS": "1"},
    ],
)
def test_what_was_given_to_somebody_else_is_not_taken(environ: dict[str, str]) -> None:
    assert given_socket(environ, PID) is None
    assert environ == {}, "our children would take it for theirs"


@pytest.mark.parametrize("count", ["", "0", "2", "x"])
def test_one_socket_is_expected(count: str) -> None:
    with pytest.raises(OSError, match="one is expected"):
        given_socket({"LISTEN_PID": str(PID), "LISTEN_FDS": count}, PID)


def test_a_listening_socket_is_taken_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        descriptor = os.dup(held.fileno())
        with adopt(descriptor) as found:
            assert found.getsockname() == held.getsockname()
            assert not os.get_inheritable(descriptor)


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_STREAM),
    ],
)
def test_what_does_not_listen_for_tcp_is_refused(family: int, kind: int) -> None:
    descriptor = socket.socket(family, kind).detach()
    with pytest.raises(OSError, match="does not listen for TCP"):
        adopt(descriptor)


def test_what_is_no_socket_is_refused() -> None:
    reading, writing = os.pipe()
    with pytest.raises(OSError, match=f"descriptor {reading}"):
        adopt(reading)
    os.close(reading)
    os.close(writing)


def test_a_process_finds_it_where_the_protocol_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        shell = 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        program = [sys.executable, "-c", ASK]
        found = subprocess.run(
            ["bash", "-c", shell, str(held.fileno()), *program],
            cwd=ROOT,
            pass_fds=[held.fileno()],
            stdout=subprocess.PIPE,
            check=True,
        )
        assert int(found.stdout) == held.getsockname()[1]
    assert FIRST == 3
