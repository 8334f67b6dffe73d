"""Tls: whose the key is, and when the certificate ends."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from addons.doctor.finding import Level, Patient
from addons.doctor.tls import certificate as check
from config.settings import Listen
from storage.clock import SystemClock
from tests.fakes.plans import settings
from tests.scenarios.fronts import CERTIFICATE, KEY, certificate


def patient(home: Path | None) -> Patient:
    listen = Listen()
    if home is not None:
        listen = Listen(tls_certificate=home / CERTIFICATE, tls_key=home / KEY)
    return Patient(Path("config"), Path("data"), SystemClock(), settings(listen=listen))


def found(home: Path | None) -> list[tuple[Level, str]]:
    return [(one.level, one.text) for one in check(patient(home))]


def test_plain_http_needs_none() -> None:
    ((level, text),) = found(None)
    assert (level, "plain HTTP" in text) == (Level.OK, True)


@pytest.mark.parametrize(
    ("mode", "levels"),
    [
        (0o600, [Level.OK]),
        (0o640, [Level.OK]),
        (0o644, [Level.FAIL, Level.OK]),
        (0o660, [Level.FAIL, Level.OK]),
    ],
)
def test_the_key_is_not_for_everybody(tmp_path: Path, mode: int, levels) -> None:
    certificate(tmp_path)
    (tmp_path / KEY).chmod(mode)
    assert [level for level, _ in found(tmp_path)] == levels


@pytest.mark.parametrize(
    ("age_days", "days", "level", "said"),
    [
        (0, 365, Level.OK, "good until"),
        (100, 110, Level.WARN, "ends on"),
        (100, 99, Level.FAIL, "has ended on"),
        (-2, 99, Level.FAIL, "begins on"),
    ],
)
def test_its_end_is_told(
    tmp_path: Path, age_days: int, days: int, level: Level, said: str
) -> None:
    now_ns = SystemClock().wall_ns()
    seconds = now_ns // 10**9 - age_days * 86_400
    certificate(tmp_path, datetime.fromtimestamp(seconds, UTC), days)
    (tmp_path / KEY).chmod(0o600)
    ((found_level, text),) = found(tmp_path)
    assert (found_level, said in text) == (level, True)


def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    certificate(tmp_path)
    (tmp_path / KEY).unlink()
    ((level, text),) = found(tmp_path)
    assert (level, "tls_key" in text) == (Level.FAIL, True)
