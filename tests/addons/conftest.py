"""A real ledger and callers in it, proved after each test that used it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.money import NANO
from config.settings import LedgerSettings
from storage import Storage, open_storage
from storage.accounts import NewUser, Registered, register
from storage.audit import audit
from storage.keys import KeyRecord, mint
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def storage(tmp_path: Path, clock: FakeClock) -> Iterator[Storage]:
    # A lock is waited for briefly, so that tests of locked files are quick.
    settings = LedgerSettings(busy_seconds=0.05)
    opened = open_storage(
        tmp_path, settings, clock=clock, gateway=True, prices=[exchanges.PRICE]
    )
    yield opened
    opened.close()
    with opened.engine.snapshot() as snapshot:
        assert audit(snapshot) == [], "the ledger does not add up"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a key and some money."""

    plain: str
    key: KeyRecord


@pytest.fixture
def caller_with(storage: Storage) -> Callable[[int], Caller]:
    """A new caller each time, with so many nano-dollars."""

    def make(nano: int) -> Caller:
        key = mint(storage.secrets)
        email = f"{storage.ids.make('user')}@example.com"
        new = NewUser(storage.ids.uuid(), email, "hash")
        made = storage.writer.wait(register, new, key, nano)
        assert isinstance(made, Registered)
        found = storage.reader.key_by_hash(key.hash)
        assert found is not None
        return Caller(key.plain, found)

    return make


@pytest.fixture
def caller(caller_with: Callable[[int], Caller]) -> Caller:
    return caller_with(10 * NANO)
