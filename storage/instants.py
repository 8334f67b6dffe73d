"""Instants: the ledger's nanoseconds since 1970 as a text that people read, and back.

To the last digit, because a receipt is recomputed from its texts.
"""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 10**9
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", re.ASCII
)


def instant_text(wall_ns: int) -> str:
    """2026-11-01T08:00:00.000000001Z, in UTC."""
    seconds, rest_ns = divmod(wall_ns, _SECOND_NS)
    whole = _EPOCH + timedelta(seconds=seconds)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest_ns:09}Z"


def instant_ns(text: str) -> int:
    """What `instant_text` wrote; ValueError if it is anything else."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("an instant is written 2026-11-01T08:00:00.000000001Z")
    whole = datetime.fromisoformat(match.group(1)).replace(tzinfo=UTC)
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    return seconds * _SECOND_NS + int(match.group(2))
