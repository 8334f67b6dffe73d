"""Retries: what may follow an attempt that failed.

A failure is looked up in a table: it ends the request, or speaks of this leg alone, or
of this leg at this moment. While there is a leg that was not tried, it is tried at
once. After that the legs that may do better later are waited for, the one that is ready
first before the others: for as long as its provider asked, else for a time that
doubles. Everything has a limit, and where a wait goes beyond it the caller is told to
come back.

The jitter needs no dice: it is drawn from the request's own name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from zlib import crc32

from addons.wire.errors import (
    ApiError,
    BadParameter,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamThrottled,
    UpstreamTimeout,
)
from config.settings import Retries

OK = 200
CRC_MAX = 2**32


class Outlook(IntEnum):
    """What a failure leaves to hope for."""

    NOWHERE = 0
    UNABLE = 1
    ELSEWHERE = 2
    LATER = 3


OUTLOOKS: Mapping[type[ApiError], Outlook] = MappingProxyType(
    {
        # A judgement of the request, or a fault of ours.
        ApiError: Outlook.NOWHERE,
        # This leg's provider cannot do it, and was not asked.
        BadParameter: Outlook.UNABLE,
        UpstreamAuth: Outlook.ELSEWHERE,
        UpstreamBilling: Outlook.ELSEWHERE,
        UpstreamModelGone: Outlook.ELSEWHERE,
        # A second wait as long as the first is more than a caller bears.
        UpstreamTimeout: Outlook.ELSEWHERE,
        UpstreamFailed: Outlook.LATER,
        UpstreamThrottled: Outlook.LATER,
    }
)


def outlook(error: ApiError, status: int) -> Outlook:
    """What may follow an attempt, by its error and the provider's status."""
    found = next(OUTLOOKS[kind] for kind in type(error).__mro__ if kind in OUTLOOKS)
    if type(error) is UpstreamFailed and status == OK:
        # It began an answer, which it may bill: that is not asked of it twice.
        return Outlook.ELSEWHERE
    return found


@dataclass(slots=True, eq=False)
class Chance[L]:
    """A leg with what became of it so far. Seconds are the loop's."""

    leg: L
    tries: int = 0
    error: ApiError | None = None
    outlook: Outlook = Outlook.LATER
    ready_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step[L]:
    """What to do next: wait so long, then try this leg."""

    leg: L
    wait_seconds: float


class Course[L]:
    """The way of one request through its legs; `name` is the request's."""

    def __init__(self, legs: Sequence[L], limits: Retries, name: str) -> None:
        self.limits = limits
        self.name = name
        # Named with its parameter, the class would be looked up for each of them.
        self.chances: list[Chance[L]] = [Chance(leg) for leg in legs]
        self.current: Chance[L] | None = None
        self.attempts = 0
        self.waited_seconds = 0.0
        self.last: ApiError = UpstreamFailed(detail="no leg was tried")

    def next(self, now_seconds: float) -> Step[L] | None:
        """The next step; None if there is nothing more to try."""
        chance = self._best()
        if chance is None or self.attempts >= self.limits.attempts_max:
            return None
        wait_seconds = max(0.0, chance.ready_seconds - now_seconds)
        if self.waited_seconds + wait_seconds > self.limits.wait_seconds:
            return None
        self.waited_seconds += wait_seconds
        self.attempts += 1
        chance.tries += 1
        self.current = chance
        return Step(chance.leg, wait_seconds)

    def failed(self, error: ApiError, status: int, now_seconds: float) -> None:
        """What became of the step that was taken last."""
        chance = self.current
        if chance is None:
            raise RuntimeError("a failure without an attempt")
        self.last = error
        chance.error, chance.outlook = error, outlook(error, status)
        asked_seconds = error.asked_seconds
        chance.ready_seconds = now_seconds + (
            self._backoff_seconds(chance.tries)
            if asked_seconds is None
            else asked_seconds
        )

    @property
    def told(self) -> ApiError:
        """The failure that the caller is told: the one that leaves most to hope for,
        of those the one after the shortest wait that was named, else the last."""
        if self._over:
            return self.last
        failed = [one for one in self.chances if one.error is not None]
        if not failed:
            return self.last
        most = max(one.outlook for one in failed)
        best = [one for one in failed if one.outlook == most]
        named = [one for one in best if one.error and one.error.asked_seconds]
        if named:
            best = [min(named, key=lambda one: one.ready_seconds)]
        if self.current in best:
            return self.last
        return best[-1].error or self.last

    @property
    def _over(self) -> bool:
        return self.current is not None and self.current.outlook is Outlook.NOWHERE

    def _best(self) -> Chance[L] | None:
        if self._over:
            return None
        for chance in self.chances:
            if chance.tries == 0:
                return chance
        again = [
            chance
            for chance in self.chances
            if chance.outlook is Outlook.LATER
            and chance.tries <= self.limits.repeats_max
        ]
        return min(again, key=lambda one: one.ready_seconds, default=None)

    def _backoff_seconds(self, tries: int) -> float:
        doubled = self.limits.backoff_seconds * (1 << (tries - 1))
        longest = min(doubled, self.limits.backoff_seconds_max)
        drawn = crc32(f"{self.name}:{self.attempts}".encode()) / CRC_MAX
        return longest * (1 + drawn) / 2
