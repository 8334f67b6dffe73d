"""Table: all checks in the order they are told, and what each needs."""

from collections.abc import Iterator
from dataclasses import dataclass

from addons.doctor import files, ledger, machine, probes, settings, tls
from addons.doctor.finding import Check, Finding, Patient


@dataclass(frozen=True, slots=True)
class Entry:
    """A check by its name. What needs settings is left out where there are none, and
    what asks providers where nobody wanted that."""

    name: str
    check: Check
    needs_settings: bool = True
    asks_providers: bool = False


CHECKS = (
    Entry("python", machine.python, needs_settings=False),
    Entry("sqlite", machine.sqlite, needs_settings=False),
    Entry("config", settings.files, needs_settings=False),
    Entry("files", files.rights, needs_settings=False),
    Entry("disk", machine.disk),
    Entry("database", ledger.database),
    Entry("port", machine.port),
    Entry("tls", tls.certificate),
    Entry("credentials", settings.credentials),
    Entry("models", settings.models),
    Entry("prices", settings.prices),
    Entry("payments", settings.callbacks),
    Entry("providers", probes.probe, asks_providers=True),
)


def diagnose(patient: Patient, probing: bool) -> Iterator[tuple[str, Finding]]:
    """All findings under the names of their checks, as soon as they are made."""
    for entry in CHECKS:
        if entry.needs_settings and patient.settings is None:
            continue
        if entry.asks_providers and not probing:
            continue
        for finding in entry.check(patient):
            yield entry.name, finding
