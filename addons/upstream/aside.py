"""Aside: legs that were shown the door, which are tried after all others for a while.

A credential that a provider refuses, an account in arrears and a model that is gone do
not mend themselves between two requests, and not every request shall pay an attempt to
learn it again. A leg that was put aside is still tried where nothing else is left: it
may be well again, and a wrong guess must not refuse what could be served.

There is one entry for each leg of the configuration at most.
"""

from collections.abc import Hashable, Sequence
from typing import Protocol

from addons.wire.errors import (
    ApiError,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamModelGone,
)

LASTING = (UpstreamAuth, UpstreamBilling, UpstreamModelGone)


class Named(Protocol):
    """What is tried, by the name under which it is refused."""

    @property
    def name(self) -> Hashable: ...


class Aside:
    """Which legs are put aside, until when. Seconds are the loop's."""

    def __init__(self) -> None:
        self.until: dict[Hashable, float] = {}

    def order[L: Named](self, legs: Sequence[L], now_seconds: float) -> list[L]:
        """The legs as they are to be tried."""
        if not self.until:
            return list(legs)
        return sorted(legs, key=lambda leg: self.holds(leg, now_seconds))

    def holds(self, leg: Named, now_seconds: float) -> bool:
        """Whether a leg is tried after all others now."""
        return self.until.get(leg.name, 0) > now_seconds

    def failed(self, leg: Named, error: ApiError, until_seconds: float) -> None:
        if isinstance(error, LASTING):
            self.until[leg.name] = until_seconds

    def served(self, leg: Named) -> None:
        if self.until:
            self.until.pop(leg.name, None)

    def forget(self) -> None:
        """All are tried in their turn again."""
        self.until.clear()
