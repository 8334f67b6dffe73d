"""Machine: the interpreter, SQLite, room on the disks, and the port."""

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import httpx

from addons.doctor.finding import Finding, Patient, fail, ok, warn
from storage.errors import UnsupportedSqlite
from storage.sqlite import require_sqlite

OLDEST_PYTHON = (3, 12)
GIB = 2**30
# Below the first nothing may be written soon, below the second an alert is due.
FREE_BYTES_FAIL = GIB // 4
FREE_BYTES_WARN = 2 * GIB
ASK_SECONDS = 3.0
OURS = "/api/v1/receipts/key"
ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def python(
    patient: Patient, version: tuple[int, ...] = sys.version_info[:3]
) -> Iterator[Finding]:
    text = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield fail(f"{text} is too old", f"install Python {oldest} or newer")
        return
    yield ok(text)


def sqlite(
    patient: Patient, version: str = apsw.sqlite_lib_version()
) -> Iterator[Finding]:
    try:
        require_sqlite(version)
    except UnsupportedSqlite as error:
        yield fail(str(error), "upgrade the package apsw")
        return
    yield ok(version)


def disk(patient: Patient) -> Iterator[Finding]:
    media = patient.known.media.directory
    for place in filter(None, (patient.data, media)):
        yield room(place, shutil.disk_usage(existing(place)).free)


def room(place: Path, free_bytes: int) -> Finding:
    text = f"{free_bytes / GIB:.1f} GiB free at {place}"
    if free_bytes < FREE_BYTES_FAIL:
        return fail(text, "make room: what cannot be recorded is not served")
    if free_bytes < FREE_BYTES_WARN:
        return warn(text, "make room, and alert on it")
    return ok(text)


def existing(place: Path) -> Path:
    """The folder that a folder which is not there yet will be made in."""
    place = place.absolute()
    while not place.exists():
        place = place.parent
    return place


def port(patient: Patient) -> Iterator[Finding]:
    """Free, or a gateway's."""
    listen = patient.known.listen
    where = f"{listen.host or '*'}:{listen.port}"
    try:
        refused = refusal(listen.host, listen.port)
    except OSError as error:
        yield fail(f"{where}: {error}", "correct listen.host in gateway.yaml")
        return
    if refused is None:
        yield ok(f"{where} is free")
    elif is_gateway(listen.host, listen.port):
        yield ok(f"{where} is served by a gateway")
    else:
        yield fail(f"{where}: {refused}", "stop who has it, or take another port")


def refusal(host: str, number: int) -> OSError | None:
    """Why one cannot listen there; OSError if the host is none of ours."""
    found = socket.getaddrinfo(
        host or None, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error
    return None


def is_gateway(host: str, number: int) -> bool:
    """Who has a key to sign receipts with is one."""
    shown = ANYWHERE.get(host, host)
    shown = f"[{shown}]" if ":" in shown else shown
    try:
        answer = httpx.get(
            f"http://{shown}:{number}{OURS}", timeout=ASK_SECONDS, trust_env=False
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and b'"public_key"' in answer.content
