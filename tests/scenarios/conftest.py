"""A provider and a gateway for each file of stories, proved after every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.openai_script import Answer
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.harness import Caller, Gateway, environ_of

Start = Callable[..., Gateway]


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as provider:
        yield provider


@pytest.fixture
def fake(provider: FakeOpenAI) -> FakeOpenAI:
    """The module's provider, honest and with an empty memory."""
    provider.requests.clear()
    provider.always(Answer())
    return provider


@pytest.fixture(scope="module")
def shared(
    provider: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway as it is shipped, for all tests of a file."""
    with Gateway(tmp_path_factory.mktemp("data"), environ_of(provider)) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway, fake: FakeOpenAI) -> Iterator[Gateway]:
    """The shared gateway; whatever a test did to it, its ledger is whole."""
    yield shared
    shared.prove()


@pytest.fixture
def start(fake: FakeOpenAI, tmp_path: Path) -> Iterator[Start]:
    """Starts gateways of a test's own; their ledgers are proved too."""
    with ExitStack() as stack:

        def start(**arguments: Any) -> Gateway:
            arguments.setdefault("environ", environ_of(fake))
            made = stack.enter_context(Gateway(tmp_path, **arguments))
            stack.callback(made.prove)
            return made

        yield start


@pytest.fixture
def caller(gateway: Gateway) -> Caller:
    return gateway.caller()
