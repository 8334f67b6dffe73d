"""The lab stands where the stories do: a provider, a gateway, and proof afterwards."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.gateway import LedgerSettings
from storage import Storage, open_storage
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.books import Books, read
from tests.faults.marked import MarkedChild
from tests.faults.marks import TORN
from tests.faults.marked_line import MarkedLine, StruckChild, bury
from tests.postgres import Databases
from tests.scenarios.child import Child, prove
from tests.scenarios.conftest import Start, caller, fake, gateway, provider
from tests.scenarios.harness import Gateway, environ_of
from tests.storage.teller import NANO, Teller

__all__ = ["Start", "caller", "fake", "gateway", "provider"]

GIVEN_NANO = 10 * NANO
WAIT_SECONDS = 20
Marked = MarkedChild | StruckChild


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the ledger of a file's shared gateway is: on each engine once."""
    if request.param == "sqlite":
        yield ""
        return
    databases: Databases = request.getfixturevalue("databases")
    name = databases.lend()
    yield databases.cluster.url(name)
    databases.give_back(name)


@pytest.fixture(scope="module")
def shared(
    provider: FakeOpenAI, ledger_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway as it is shipped, for all tests of a file."""
    data = tmp_path_factory.mktemp("data")
    with Gateway(data, environ_of(provider, ledger_url)) as gateway:
        yield gateway


@pytest.fixture
def start(fake: FakeOpenAI, tmp_path: Path, url: str) -> Iterator[Start]:
    """Starts gateways of a test's own, on each engine; their ledgers are proved."""
    with ExitStack() as stack:

        def start(**arguments: Any) -> Gateway:
            environ = {**environ_of(fake, url), **arguments.pop("environ", {})}
            made = stack.enter_context(Gateway(tmp_path, environ, **arguments))
            stack.callback(made.prove)
            return made

        yield start


class Lab:
    """One data directory with one user in it, and its gateways one after the other."""

    def __init__(self, fake: FakeOpenAI, data: Path, url: str) -> None:
        self.fake, self.data, self.url = fake, data, url
        # What its gateways find in their environment besides, and are told.
        self.environ: dict[str, str] = {}
        self.flags: tuple[str, ...] = ()
        with self.storage() as storage:
            self.key = Teller(storage).caller(GIVEN_NANO).key.plain

    @contextmanager
    def storage(self) -> Iterator[Storage]:
        """As an operator's command opens it, beside a gateway or without one."""
        storage = open_storage(
            self.data, LedgerSettings(), gateway=False, url=self.url
        )
        try:
            yield storage
        finally:
            storage.close()

    def serve(self, *flags: str) -> Child:
        bury(self.url)
        environ = {**environ_of(self.fake, self.url), **self.environ}
        return Child(self.data, environ, *self.flags, *flags)

    @contextmanager
    def marked(self, moment: str, statement: str) -> Iterator[Marked]:
        """The first transaction that says this statement is the gateway's last."""
        if self.url and moment == TORN:
            pytest.skip("a page that is half written is PostgreSQL's own business")
        if not self.url:
            environ = {**environ_of(self.fake), **self.environ}
            with MarkedChild(
                self.data, environ, moment, statement, 1, *self.flags
            ) as child:
                yield child
            return
        with MarkedLine(self.url, moment, statement) as line:
            environ = {**environ_of(self.fake, line.url), **self.environ}
            with StruckChild(self.data, environ, line, *self.flags) as child:
                yield child

    def read(self) -> Books:
        return read(self.data, url=self.url)

    def prove(self) -> None:
        prove(self.data, self.url)


@pytest.fixture
def lab(fake: FakeOpenAI, tmp_path: Path, url: str) -> Lab:
    return Lab(fake, tmp_path, url)


def written(gateway: Gateway) -> None:
    """Returns when nothing waits in memory for the disk any more."""

    async def empty() -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while gateway.storage.reader.open_holds():
                await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(empty(), gateway.loop).result()
