"""Formats: a record of Python's logging as a line.

Both say the same. A line that has fields, such as that of a request, has them as the
object's own in JSON, and as name=value behind the text for people.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from config.settings import LogSettings
from storage.instants import instant_text

NANOSECONDS = 1_000_000_000
FIELDS = "fields"
TEXT = "%(asctime)s {who}%(levelname)s %(name)s: %(message)s"

# Of several processes the one that speaks: a worker's number, or the name of another.
type Who = int | str | None


class JsonFormat(logging.Formatter):
    """An object on each line."""

    def __init__(self, who: Who = None) -> None:
        super().__init__()
        # A field has one type, or those who collect lines take only some of them.
        name = "worker" if isinstance(who, int) else "process"
        self.who: dict[str, int | str] = {} if who is None else {name: who}

    def format(self, record: logging.LogRecord) -> str:
        shown: dict[str, Any] = {
            "time": moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **self.who,
            "event": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(shown, default=str).decode()


class TextFormat(logging.Formatter):
    """A line for people."""

    def __init__(self, who: Who = None) -> None:
        name = f"worker {who}" if isinstance(who, int) else who
        super().__init__(TEXT.format(who=f"{name} " if name else ""))

    def formatMessage(self, record: logging.LogRecord) -> str:
        shown = [f"{name}={value}" for name, value in fields_of(record).items()]
        return " ".join([super().formatMessage(record), *shown])


def format_of(settings: LogSettings, who: Who) -> logging.Formatter:
    kind = JsonFormat if settings.format == "json" else TextFormat
    return kind(who)


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(record, FIELDS, {})
    return found


def moment(record: logging.LogRecord) -> str:
    """When it was said, in UTC to the millisecond."""
    return f"{second(int(record.created))}.{int(record.msecs):03}Z"


@lru_cache(maxsize=1)
def second(since_1970: int) -> str:
    """Written once for all that is said in it."""
    return instant_text(since_1970 * NANOSECONDS).partition(".")[0]
