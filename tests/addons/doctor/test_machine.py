"""Machine: versions, room and the port, each with what to do about it."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from addons.doctor.finding import Level, Patient
from addons.doctor.machine import (
    FREE_BYTES_FAIL,
    FREE_BYTES_WARN,
    disk,
    existing,
    is_gateway,
    port,
    python,
    room,
    sqlite,
)
from config import Settings
from tests.addons.doctor.conftest import Make, Told
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.harness import Gateway


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 11, 9), "fail"), ((3, 12, 0), "ok"), ((3, 14, 1), "ok")],
)
def test_pythons(patient: Patient, version: tuple[int, ...], level: str) -> None:
    (found,) = python(patient, version)
    assert found.level == level


@pytest.mark.parametrize(
    ("version", "level"), [("3.51.2", "fail"), ("3.51.3", "ok"), ("3.54.1", "ok")]
)
def test_sqlites(patient: Patient, version: str, level: str) -> None:
    (found,) = sqlite(patient, version)
    assert found.level == level


@pytest.mark.parametrize(
    ("free_bytes", "level"),
    [
        (FREE_BYTES_FAIL - 1, Level.FAIL),
        (FREE_BYTES_FAIL, Level.WARN),
        (FREE_BYTES_WARN - 1, Level.WARN),
        (FREE_BYTES_WARN, Level.OK),
    ],
)
def test_rooms(free_bytes: int, level: Level) -> None:
    found = room(Path("/data"), free_bytes)
    assert found.level is level
    assert bool(found.todo) is (level is not Level.OK)


def test_a_directory_that_is_not_there_has_the_room_of_where_it_will_be(
    make: Make, tmp_path: Path
) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path
    (found,) = disk(make())
    assert str(tmp_path) in found.text
    media = make(AUTOLIST_MEDIA=str(tmp_path / "media"))
    assert len(list(disk(media))) == 2


def listening_at(number: int, host: str = "127.0.0.1"):
    def change(settings: Settings) -> Settings:
        return replace(
            settings, listen=replace(settings.listen, host=host, port=number)
        )

    return change


def test_a_free_port(make: Make, levels: Told) -> None:
    assert levels(port, make(listening_at(0))) == ["ok"]


def test_a_port_that_somebody_else_has(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)
        (found,) = port(make(listening_at(taken.getsockname()[1])))
    assert found.level is Level.FAIL


def test_a_server_that_is_no_gateway(make: Make) -> None:
    with FakeOpenAI() as other:
        assert not is_gateway("127.0.0.1", other.port)
        (found,) = port(make(listening_at(other.port)))
    assert found.level is Level.FAIL


def test_a_port_that_a_gateway_serves(make: Make, tmp_path: Path) -> None:
    with Gateway(tmp_path / "served", {}) as gateway:
        (found,) = port(make(listening_at(gateway.port)))
    assert found.level is Level.OK
    assert "served by a gateway" in found.text


def test_an_address_that_is_none_of_ours(make: Make) -> None:
    (found,) = port(make(listening_at(0, "nobody.invalid")))
    assert (found.level, "listen.host" in found.todo) == (Level.FAIL, True)
