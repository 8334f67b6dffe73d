"""Verdicts: what a provider's error means for the caller.

Providers differ in codes, agree on statuses, and put both in OpenAI's envelope, in a
flat object, or in nothing parsable. So a verdict is looked up by the most telling
thing there is: words of the message, the code, the code's family
(`Throttling.RateQuota` → `Throttling`), the type, and last the status. Codes go before
it because a status lies more often: an unpaid bill arrives as 400 at one provider and
as 429 at another. Words go before all, but only those that a provider's own file names:
they are for the few errors that have nothing else to be told by.

Two rules hold for all. What concerns our account with the provider becomes a 502 with
a text of ours. What concerns the caller's request keeps the provider's words, because
only they say what to mend; addresses and identifiers are taken out of them first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.wire.errors import (
    ApiError,
    BadRequest,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
)

Verdicts = Mapping[str, type[ApiError]]

MESSAGE_CHARS_MAX = 500
NAME_CHARS_MAX = 64
BODY_BYTES_MAX = 256 * 1024
# No provider asks for more than a day, so more is a mistake of its own.
WAIT_SECONDS_MAX = 86_400

BY_STATUS: Mapping[int, type[ApiError]] = {
    400: UpstreamRefused,
    401: UpstreamAuth,
    402: UpstreamBilling,
    403: UpstreamAuth,
    404: UpstreamModelGone,
    408: UpstreamTimeout,
    413: UpstreamRefused,
    422: UpstreamRefused,
    429: UpstreamThrottled,
    503: UpstreamOverloaded,
    504: UpstreamTimeout,
    529: UpstreamOverloaded,
}

COMMON: Verdicts = MappingProxyType(
    {
        "authentication_error": UpstreamAuth,
        "billing_hard_limit_reached": UpstreamBilling,
        "billing_not_active": UpstreamBilling,
        "content_filter": ContentRefused,
        "content_policy_violation": ContentRefused,
        "credit_balance_exhausted": UpstreamBilling,
        "insufficient_quota": UpstreamBilling,
        "invalid_api_key": UpstreamAuth,
        "model_not_found": UpstreamModelGone,
        "moderation_blocked": ContentRefused,
        "permission_error": UpstreamAuth,
        "rate_limit_error": UpstreamThrottled,
        "rate_limit_exceeded": UpstreamThrottled,
        "server_is_overloaded": UpstreamOverloaded,
        "service_unavailable_error": UpstreamOverloaded,
        "slow_down": UpstreamOverloaded,
    }
)

# An error inside an answer that began with 200 has no status; this type alone says
# that the request was at fault. It is no verdict of its own, since providers put the
# same type on a wrong key.
REFUSING_TYPE = "invalid_request_error"

_WAIT = re.compile(r"\s*([0-9]{1,9})(?:\.([0-9]+))?\s*", re.ASCII)
_PRIVATE = re.compile(
    r"""
      https?://\S+                                       # addresses
    | \b[\w.+-]+@[\w-]+\.[\w.-]+                         # mail addresses
    | \b(?:[a-z0-9-]+\.)+(?:com|net|cn|ai|io|run|dev)\b(?:[:/]\S*)?   # hosts
    | \b(?:sk|org|proj|user|acct|key|ws)[-_](?=[\w*-]*[\d*])[\w*-]{6,}  # ids, keys
    """,
    re.VERBOSE | re.IGNORECASE,
)


def judge(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    verdicts: Verdicts = COMMON,
) -> ApiError:
    """The error for an answer whose status says that it failed."""
    return _verdict(error_in(_parsed(body)) or {}, status, wait(headers), verdicts)


def judge_object(
    error: Mapping[str, Any], verdicts: Verdicts = COMMON
) -> ApiError:
    """The error for an error object inside an answer that began with 200."""
    code = error.get("code")
    if type(code) is int:
        status = code
    else:
        status = 400 if error.get("type") == REFUSING_TYPE else 200
    return _verdict(error, status, None, verdicts)


def error_in(answer: object) -> Mapping[str, Any] | None:
    """The error object an answer carries; None if it carries none.

    `{"error": {…}}`, `{"error": "text"}` and the flat `{"code": …, "message": …}`.
    """
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {"message": error, "code": answer.get("code")}
    if answer.get("code") and "message" in answer and "choices" not in answer:
        return answer
    return {} if error else None


def wait(headers: Mapping[str, str]) -> int | None:
    """Whole seconds the provider asks to wait; None if it names none we read.

    A date is not read: it needs a clock, and theirs may differ from ours.
    """
    names = {name.lower(): value for name, value in headers.items()}
    milliseconds = _whole_rounded_up(names.get("retry-after-ms", ""))
    if milliseconds is not None:
        return min(-(-milliseconds // 1000), WAIT_SECONDS_MAX)
    seconds = _whole_rounded_up(names.get("retry-after", ""))
    return None if seconds is None else min(seconds, WAIT_SECONDS_MAX)


def without_private(text: str) -> str:
    """A provider's message without addresses, hosts, keys and account ids."""
    return _PRIVATE.sub("[…]", text[: 4 * MESSAGE_CHARS_MAX])[:MESSAGE_CHARS_MAX]


def _verdict(
    error: Mapping[str, Any],
    status: int,
    retry_after: int | None,
    verdicts: Verdicts,
) -> ApiError:
    code, kind = _code(error), _name(error.get("type"))
    message = error.get("message")
    message = without_private(message) if isinstance(message, str) else ""
    detail = f"status {status}, {code or kind or 'no code'}: {message}"
    verdict = (
        _by_words(message, verdicts)
        or verdicts.get(code or "")
        or verdicts.get((code or "").partition(".")[0])
        or verdicts.get(kind or "")
        or BY_STATUS.get(status, UpstreamFailed)
    )
    if verdict is UpstreamRefused:
        return UpstreamRefused(
            message or None, code=code, param=_name(error.get("param")), detail=detail
        )
    if issubclass(verdict, BadRequest):
        return verdict(message or None, detail=detail)
    return verdict(retry_after=retry_after, detail=detail)


def _by_words(message: str, verdicts: Verdicts) -> type[ApiError] | None:
    """The verdict of a message that says what no code does: keys with a space."""
    said = message.lower()
    for words, verdict in verdicts.items():
        if " " in words and words in said:
            return verdict
    return None


def _code(error: Mapping[str, Any]) -> str | None:
    """The error's code, which some providers keep among its details."""
    details = error.get("details")
    inner = details.get("error_code") if isinstance(details, dict) else None
    return _name(error.get("code")) or _name(inner)


def _parsed(body: bytes) -> object:
    if len(body) > BODY_BYTES_MAX:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _name(value: object) -> str | None:
    """A short name as it stands; None for anything that is not one."""
    if isinstance(value, str) and value:
        return without_private(value)[:NAME_CHARS_MAX]
    return None


def _whole_rounded_up(text: str) -> int | None:
    match = _WAIT.fullmatch(text)
    if match is None:
        return None
    whole, fraction = match.groups()
    return int(whole) + (1 if (fraction or "").strip("0") else 0)
