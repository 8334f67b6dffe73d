"""A bench on a ledger that is proved after each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.gateway import MediaSettings
from storage.media import MediaStore
from tests.addons.filming.bench import Bench


@pytest.fixture
def store(storage, clock, tmp_path: Path) -> MediaStore:
    settings = MediaSettings(file_bytes=4 * 1024 * 1024)
    return MediaStore(tmp_path / "media", storage.secrets, clock, settings)


@pytest.fixture
async def bench(storage, clock, store, caller) -> AsyncIterator[Bench]:
    made = Bench(storage, clock, store, caller.key)
    yield made
    await made.steps.close()
    made.end()
