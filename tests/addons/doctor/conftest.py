"""A patient in good health: the shipped files, one credential, an empty directory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from addons.doctor.finding import Check, Patient
from config import Settings, load
from tests.fakes.clock import FakeClock

CONFIG = Path(__file__).parents[3] / "config"
SECRET = "sk-not-to-be-told"
Make = Callable[..., Patient]
Told = Callable[[Check, Patient], list[str]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Patients whose settings are those of an environment."""

    def make(
        change: Callable[[Settings], Settings] = lambda settings: settings,
        **environ: str,
    ) -> Patient:
        settings = load(CONFIG, {"OPENAI_API_KEY": SECRET, **environ})
        data = tmp_path / "data"
        return Patient(CONFIG, data, FakeClock(), change(settings))

    return make


@pytest.fixture
def patient(make: Make) -> Patient:
    return make()


@pytest.fixture
def levels() -> Told:
    """What a check says of a patient, in a word each."""
    return lambda check, patient: [str(one.level) for one in check(patient)]
