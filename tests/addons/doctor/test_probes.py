"""Probes: one free request a credential, against servers that play providers."""

from dataclasses import replace

import pytest

from addons.doctor.finding import Level
from addons.doctor.probes import PATHS, ahead, kept, probe, verdict
from addons.providers import REGISTRY
from config.settings import Credential
from storage.clock import SystemClock
from tests.addons.doctor.conftest import SECRET, Make
from tests.fakes.fal_server import FakeFal
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.runway_server import FakeRunway

import httpx

NOBODY = "http://127.0.0.1:9"
CREDENTIAL = Credential("OPENAI_API_KEY", SECRET)


def test_every_dialect_that_is_called_has_its_probe() -> None:
    called = {name for name, one in REGISTRY.items() if one.reply is None}
    assert called == PATHS.keys()


def test_a_provider_that_lets_us_in(make: Make) -> None:
    with FakeOpenAI(api_key=SECRET) as fake:
        patient = make(OPENAI_BASE_URL=f"{fake.address}/v1")
        patient = replace(patient, clock=SystemClock())
        found, clock = probe(patient)
        assert fake.requests == [], "nothing that costs anything was asked"
    assert (found.level, found.text) == (Level.OK, "openai: OPENAI_API_KEY is accepted")
    assert clock.level is Level.OK


def test_a_credential_that_is_refused_is_named_and_not_told(make: Make) -> None:
    with FakeOpenAI(api_key="sk-another") as fake:
        found, *_ = probe(make(OPENAI_BASE_URL=f"{fake.address}/v1"))
    assert found.level is Level.FAIL
    assert "OPENAI_API_KEY is refused (status 401)" in found.text
    assert SECRET not in found.text


def test_a_provider_that_is_not_there(make: Make) -> None:
    (found,) = probe(make(OPENAI_BASE_URL=NOBODY))
    assert (found.level, NOBODY in found.text) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("kind", "address", "credential"),
    [
        (FakeRunway, "RUNWAYML_BASE_URL", "RUNWAYML_API_SECRET"),
        (FakeFal, "FAL_QUEUE_URL", "FAL_KEY"),
    ],
)
def test_who_makes_videos_refuses_a_wrong_credential(
    make: Make, kind, address: str, credential: str
) -> None:
    with kind() as fake:
        environ = {address: fake.address, credential: "wrong", "OPENAI_API_KEY": ""}
        (found, *_) = probe(make(**environ))
    assert (found.level, credential in found.text) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (200, Level.OK),
        (404, Level.OK),
        (422, Level.OK),
        (401, Level.FAIL),
        (402, Level.FAIL),
        (403, Level.FAIL),
        (429, Level.WARN),
        (500, Level.WARN),
        (529, Level.WARN),
    ],
)
def test_what_a_status_says(make: Make, status: int, level: Level) -> None:
    provider = make().known.providers["openai"]
    assert verdict(provider, CREDENTIAL, httpx.Response(status)).level is level


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 13:00:00 GMT"])
def test_an_answer_without_a_date_says_nothing_of_the_clock(make, date: str) -> None:
    answer = httpx.Response(200, headers={"date": date})
    assert ahead(answer, make().clock) == []


def test_the_clock_is_compared_with_the_date(make: Make) -> None:
    clock = make().clock
    answer = httpx.Response(200, headers={"date": "Thu, 01 Jan 1970 00:01:00 GMT"})
    assert ahead(answer, clock) == [clock.wall_ns() // 10**9 - 60]


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, "ok"), (-5, "ok"), (6, "warn"), (-60, "warn"), (61, "fail")],
)
def test_how_far_off_a_clock_may_be(seconds: int, level: str) -> None:
    assert kept(seconds).level == level
