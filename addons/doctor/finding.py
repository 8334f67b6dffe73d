"""Finding: what one check says, and of whom."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from config.settings import Settings
from storage.clock import Clock


class Level(StrEnum):
    """How bad it is: only a `fail` keeps the gateway from serving as it should."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for the operator. What is not well says what to do about it."""

    level: Level
    text: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at. Without settings there is a mistake in the files."""

    config: Path
    data: Path
    clock: Clock
    settings: Settings | None
    mistake: str = ""

    @property
    def known(self) -> Settings:
        """For checks that are only made where the files are right."""
        assert self.settings is not None
        return self.settings


type Check = Callable[[Patient], Iterator[Finding]]


def ok(text: str) -> Finding:
    return Finding(Level.OK, text)


def warn(text: str, todo: str) -> Finding:
    return Finding(Level.WARN, text, todo)


def fail(text: str, todo: str) -> Finding:
    return Finding(Level.FAIL, text, todo)
