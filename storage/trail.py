"""Trail: the attempts a request took, as its usage row keeps them.

What explains a charge is in it and nothing else: who was asked, what became of it and
how long it took; never a credential, an address or anything that was said. Both the
number of attempts and the length of each text have a limit, so a row has one too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

ATTEMPTS_MAX = 16
"""How many are kept: of more the first and the last half, for the last one answered."""
NAME_CHARS_MAX = 64
ID_CHARS_MAX = 128

_UNFIT = re.compile(r"[^\w.:/+=@-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One leg that was tried. `status` is the provider's, 0 where it gave none;
    `started_ms` counts from the start of the request."""

    provider: str
    model: str
    outcome: str
    status: int
    started_ms: int
    total_ms: int


def trail_text(attempts: Sequence[AttemptRecord]) -> str | None:
    """A list of lists in the order of the fields above; None if nothing was tried."""
    if not attempts:
        return None
    half = ATTEMPTS_MAX // 2
    kept = attempts
    if len(attempts) > ATTEMPTS_MAX:
        kept = [*attempts[:half], *attempts[-half:]]
    return orjson.dumps([_row(attempt) for attempt in kept]).decode()


def attempts_of(text: str | None) -> tuple[AttemptRecord, ...]:
    """What `trail_text` wrote."""
    return tuple(AttemptRecord(*row) for row in orjson.loads(text or "[]"))


def cleaned(text: str, chars_max: int) -> str:
    """What a provider calls something, without what no identifier has in it."""
    if not text:
        return ""
    return _UNFIT.sub("", text[: 2 * chars_max])[:chars_max]


def _row(attempt: AttemptRecord) -> tuple[str | int, ...]:
    return (
        attempt.provider[:NAME_CHARS_MAX],
        attempt.model[:NAME_CHARS_MAX],
        attempt.outcome[:NAME_CHARS_MAX],
        attempt.status,
        attempt.started_ms,
        attempt.total_ms,
    )
