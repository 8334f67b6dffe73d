"""Aside: legs that were shown the door, which are tried after all others for a while.

A credential that a provider refuses, an account in arrears and a model that is gone do
not mend themselves between two requests, and not every request shall pay an attempt to
learn it again. A leg that was put aside is still tried where nothing else is left: it
may be well again, and a wrong guess must not refuse what could be served.

There is one entry for each leg of the configuration at most.
"""

from collections.abc import Sequence

from addons.exchange import Leg
from addons.wire.errors import (
    ApiError,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamModelGone,
)

LASTING = (UpstreamAuth, UpstreamBilling, UpstreamModelGone)

type Name = tuple[str, str, str]


class Aside:
    """Which legs are put aside, until when. Seconds are the loop's."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until: dict[Name, float] = {}

    def order(self, legs: Sequence[Leg], now_seconds: float) -> list[Leg]:
        """The legs as they are to be tried."""
        if not self.until:
            return list(legs)
        return sorted(
            legs, key=lambda leg: self.until.get(name_of(leg), 0) > now_seconds
        )

    def failed(self, leg: Leg, error: ApiError, now_seconds: float) -> None:
        if isinstance(error, LASTING):
            self.until[name_of(leg)] = now_seconds + self.seconds

    def served(self, leg: Leg) -> None:
        if self.until:
            self.until.pop(name_of(leg), None)


def name_of(leg: Leg) -> Name:
    """What a refusal is about: an account with a provider, and a model there."""
    credential = leg.credential.name if leg.credential is not None else ""
    return leg.provider.name, credential, leg.candidate.model
