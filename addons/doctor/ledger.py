"""Ledger: whether the database can be reached, and fits this program."""

from collections.abc import Iterator

from addons.doctor.finding import Finding, Patient, fail, ok, warn
from storage import DATABASE, engine_at
from storage.condition import Condition, condition
from storage.errors import StorageError


def database(patient: Patient) -> Iterator[Finding]:
    url = patient.known.storage
    if not url and not (patient.data / DATABASE).exists():
        yield ok("there is none yet; the first start makes it")
        return
    try:
        engine = engine_at(patient.data, url)
        found = condition(engine, bool(url))
        alarm = engine.alarm().reason() if found.applied else None
    except StorageError as error:
        yield fail(str(error), "start the database, or correct `storage`")
        return
    yield from judged(found)
    if alarm is not None:
        yield fail(f"it does not add up: {alarm}", "run `verify`; nothing is admitted")


def judged(found: Condition) -> Iterator[Finding]:
    """What the schema and the server's version mean for a start."""
    if found.too_old:
        yield fail(f"{found.server} is too old", f"upgrade to {found.oldest}")
    elif found.unknown:
        yield fail(
            f"{found.server}: a newer program has written it ({found.unknown[0]})",
            "run that version, or restore an older backup",
        )
    elif found.missing:
        names = ", ".join(found.missing)
        yield warn(
            f"{found.server}: the next start changes the schema ({names})",
            "make a backup first",
        )
    else:
        yield ok(f"{found.server}, schema {found.applied[-1]}")
