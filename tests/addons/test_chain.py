"""The chain: its order is the architecture."""

from pathlib import Path

import apsw
import pytest

import addons
from addons.inspecting import Inspecting
from addons.plan import Plan, Plans
from config import load
from storage.errors import LedgerUnavailable

CONFIG = Path(addons.__file__).parents[1] / "config"


def app(environ, start_response):
    return []


def chain_of(storage):
    return addons.chain(planned(load(CONFIG, {}), storage), storage, app)


def planned(settings, storage) -> Plans:
    return Plans(Plan.of(settings, {}, storage.clock))


async def test_a_request_meets_the_addons_in_this_order(storage) -> None:
    chain = chain_of(storage)
    assert [type(addon).__name__.lower() for addon in chain] == [
        "admission",
        "tracing",
        "keys",
        "limits",
        "asking",
        "quotes",
        "standing",
        "records",
        "library",
        "replays",
        "videos",
        "holds",
        "routing",
        "media",
        "metrics",
        "portal",
        "upstream",
        "pictures",
        "metering",
        "receipts",
        "jobs",
        "recovering",
        "auditing",
        "logs",
        "reloading",
    ]


async def test_who_looks_on_is_the_last_in_the_chain(storage) -> None:
    settings = load(CONFIG, {}).with_inspector(None, demo=True)
    *_, last, _ = addons.chain(planned(settings, storage), storage, app)
    assert isinstance(last, Inspecting)
    assert last.settings.usual == "full"


async def test_a_ledger_that_cannot_be_written_is_tried_again_when_asked(
    storage,
) -> None:
    admission, *_, auditing, _, _ = chain_of(storage)
    assert await addons.trouble(admission, storage, auditing) is None
    other = apsw.Connection(str(storage.engine.path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable):
        await storage.writer.run(addons.touch)
    assert await addons.trouble(admission, storage, auditing) == "ledger_unavailable"
    other.execute("ROLLBACK")
    other.close()
    assert await addons.trouble(admission, storage, auditing) is None
    admission.draining = True
    assert await addons.trouble(admission, storage, auditing) == "draining"


async def test_a_ledger_that_does_not_add_up_admits_nothing(storage) -> None:
    admission, *_, auditing, _, _ = chain_of(storage)
    auditing.broken = "I6 transfer 3: its hash is not that of its content"
    trouble = await addons.trouble(admission, storage, auditing)
    assert trouble == f"ledger_unavailable: {auditing.broken}"
