"""Table: what is looked at, in which order, and what is left out."""

from dataclasses import replace

from addons.doctor.finding import Patient
from addons.doctor.table import CHECKS, diagnose


def names(patient: Patient, probing: bool = False) -> list[str]:
    return list(dict.fromkeys(name for name, _ in diagnose(patient, probing)))


def test_all_is_looked_at_and_nobody_asked(patient: Patient) -> None:
    asked = [entry.name for entry in CHECKS if entry.asks_providers]
    expected = [entry.name for entry in CHECKS if entry.name not in asked]
    assert (names(patient), asked) == (expected, ["providers"])


def test_without_settings_the_rest_is_looked_at(patient: Patient) -> None:
    spoilt = replace(patient, settings=None, mistake="gateway.yaml:1: x")
    assert names(spoilt, probing=True) == ["python", "sqlite", "config", "files"]
