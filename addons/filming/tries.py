"""Tries: the legs of one job, and what became of those that were tried.

Legs are tried in the order they came in. When all were, those that may do better later
are tried again, the one that is ready first before the others. This is known as long as
the process lives; who takes a job over begins anew, and what was tried stays in the
job's own trail, which also bounds how often.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from addons.exchange import Leg
from addons.filming.outcomes import Outlook
from addons.wire.errors import ApiError, UpstreamFailed


@dataclass(slots=True, eq=False)
class Chance:
    """A leg with what became of it so far."""

    leg: Leg
    error: ApiError | None = None
    outlook: Outlook = Outlook.LATER
    ready_ns: int = 0
    tries: int = 0


class Tries:
    """Which leg is next."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        self.chances = [Chance(leg) for leg in legs]

    def next(self) -> Chance | None:
        """The leg to try, and from when on; None if none is left."""
        for chance in self.chances:
            if chance.error is None:
                return chance
        left = [one for one in self.chances if one.outlook is Outlook.LATER]
        return min(left, key=lambda one: one.ready_ns, default=None)

    def failed(
        self, chance: Chance, error: ApiError, outlook: Outlook, ready_ns: int
    ) -> None:
        chance.error, chance.outlook, chance.ready_ns = error, outlook, ready_ns
        chance.tries += 1

    @property
    def told(self) -> ApiError:
        """The failure that the caller is told: the one that leaves most to hope for, of
        equal ones the first."""
        errors = [one for one in self.chances if one.error is not None]
        if not errors:
            return UpstreamFailed(detail="no leg was tried")
        best = max(errors, key=lambda one: one.outlook)
        return best.error or UpstreamFailed()
