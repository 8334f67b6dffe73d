"""The failing writer fails as often as told; the scripted one knows its lines."""

import pytest

from storage.errors import LedgerBusy, LedgerUnavailable
from tests.fakes.writers import FailingWriter, ScriptedWriter


def settle() -> None:
    """A verb by name only."""


async def test_a_failing_writer_fails_so_often_and_then_writes() -> None:
    inner = ScriptedWriter(["done"])
    writer = FailingWriter(inner, 2)
    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            await writer.run(settle, 1)
    assert await writer.run(settle, 1) == "done"
    assert inner.asked == [("settle", 1)]


async def test_a_commit_that_failed_may_have_happened() -> None:
    inner = ScriptedWriter(["first", "second"])
    writer = FailingWriter(inner, 1, written=True)
    with pytest.raises(LedgerUnavailable):
        await writer.run(settle)
    assert await writer.run(settle) == "second"


async def test_the_error_is_the_tests_to_choose() -> None:
    with pytest.raises(LedgerBusy):
        await FailingWriter(ScriptedWriter([]), 1, error=LedgerBusy).run(settle)
