"""The lab stands where the stories do: a provider, a gateway, and proof afterwards."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.gateway import LedgerSettings
from storage import Storage, open_storage
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.marked import MarkedChild
from tests.scenarios.child import Child
from tests.scenarios.conftest import (
    Start,
    caller,
    fake,
    gateway,
    provider,
    shared,
    start,
)
from tests.scenarios.harness import Gateway, environ_of
from tests.storage.teller import NANO, Teller

__all__ = ["Start", "caller", "fake", "gateway", "provider", "shared", "start"]

GIVEN_NANO = 10 * NANO
WAIT_SECONDS = 20


class Lab:
    """One data directory with one user in it, and its gateways one after the other."""

    def __init__(self, fake: FakeOpenAI, data: Path) -> None:
        self.fake, self.data = fake, data
        with self.storage() as storage:
            self.key = Teller(storage).caller(GIVEN_NANO).key.plain

    @contextmanager
    def storage(self) -> Iterator[Storage]:
        """As an operator's command opens it, beside a gateway or without one."""
        storage = open_storage(self.data, LedgerSettings(), gateway=False)
        try:
            yield storage
        finally:
            storage.close()

    def serve(self, *flags: str) -> Child:
        return Child(self.data, environ_of(self.fake), *flags)

    def marked(self, moment: str, statement: str, count: int = 1) -> MarkedChild:
        return MarkedChild(
            self.data, environ_of(self.fake), moment, statement, count
        )


@pytest.fixture
def lab(fake: FakeOpenAI, tmp_path: Path) -> Lab:
    return Lab(fake, tmp_path)


def written(gateway: Gateway) -> None:
    """Returns when nothing waits in memory for the disk any more."""

    async def empty() -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while gateway.storage.reader.open_holds():
                await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(empty(), gateway.loop).result()
