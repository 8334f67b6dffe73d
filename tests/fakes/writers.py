"""Writers of the ledger that fail, or answer what a test says."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from storage.errors import LedgerUnavailable


class Runs(Protocol):
    async def run(self, verb: Callable[..., Any], *args: Any) -> Any: ...


class FailingWriter:
    """Another writer behind a disk that refuses so often.

    `written` says that the refused commits happened all the same, as they may.
    """

    def __init__(
        self,
        writer: Runs,
        failures: int,
        *,
        written: bool = False,
        error: type[Exception] = LedgerUnavailable,
    ) -> None:
        self.writer = writer
        self.failures = failures
        self.written = written
        self.error = error

    async def run(self, verb: Callable[..., Any], *args: Any) -> Any:
        if not self.failures:
            return await self.writer.run(verb, *args)
        self.failures -= 1
        if self.written:
            await self.writer.run(verb, *args)
        raise self.error("the disk is full")


class ScriptedWriter:
    """Writes nothing: gives one answer after the other, and keeps what was asked."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self.answers = iter(answers)
        self.asked: list[tuple[Any, ...]] = []

    async def run(self, verb: Callable[..., Any], *args: Any) -> Any:
        self.asked.append((verb.__name__, *args))
        return next(self.answers)
