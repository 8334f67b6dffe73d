"""Outcomes: what a submission that failed leaves to hope for.

A provider makes, and bills, what it accepted. So a job is submitted again only where
it is certain that nothing was begun: the call never left, or the provider said no.
Whatever else happened to a call that was on its way, nobody knows; such a job ends, and
the house pays for what the provider may make of it.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from addons.wire.errors import (
    ApiError,
    BadParameter,
    BadRequest,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamThrottled,
)

UNAVAILABLE = 503
# A request that came too slowly may have come all the same.
TIMED_OUT = 408
CLIENT_ERRORS = range(400, 500)


class Outlook(IntEnum):
    """What may follow. The last two end the job."""

    LATER = 3
    ELSEWHERE = 2
    JUDGED = 1
    UNKNOWN = 0


# Of a call that the provider answered in its own words.
REJECTIONS: Mapping[type[ApiError], Outlook] = MappingProxyType(
    {
        BadRequest: Outlook.JUDGED,
        UpstreamAuth: Outlook.ELSEWHERE,
        UpstreamBilling: Outlook.ELSEWHERE,
        UpstreamModelGone: Outlook.ELSEWHERE,
        UpstreamThrottled: Outlook.LATER,
    }
)
# Of one that never left.
UNSENT: Mapping[type[ApiError], Outlook] = MappingProxyType(
    {
        # Our own translation: this provider cannot do it, another one may.
        BadParameter: Outlook.ELSEWHERE,
        UpstreamFailed: Outlook.LATER,
    }
)


def outlook(error: ApiError, sent: bool, status: int) -> Outlook:
    """By the error, whether the call was on its way, and the provider's status, 0 if
    there was none."""
    if not sent:
        return _found(error, UNSENT) or Outlook.ELSEWHERE
    known = _found(error, REJECTIONS)
    if known is not None:
        return known
    if status == UNAVAILABLE:
        return Outlook.LATER
    if status in CLIENT_ERRORS and status != TIMED_OUT:
        return Outlook.ELSEWHERE
    return Outlook.UNKNOWN


def _found(
    error: ApiError, table: Mapping[type[ApiError], Outlook]
) -> Outlook | None:
    kinds = (kind for kind in type(error).__mro__ if kind in table)
    kind = next(kinds, None)
    return None if kind is None else table[kind]
