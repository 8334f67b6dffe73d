"""Fixtures that several test files share."""

from collections.abc import Iterator

import pytest

from tests.fakes.openai_server import FakeOpenAI


@pytest.fixture
def fake_openai() -> Iterator[FakeOpenAI]:
    """An honest OpenAI on a real socket; script it to make it anything else."""
    with FakeOpenAI() as fake:
        yield fake
