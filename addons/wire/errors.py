"""Errors: every way a request to the programs' API can end badly.

ApiError                        never raised itself
├── BadRequest              400 the caller can mend the request
│   ├── BadJson
│   ├── BadForm
│   ├── BadParameter            names the parameter
│   ├── UpstreamRefused         a provider judged the request, in the provider's words
│   └── ContentRefused          a provider's content policy
├── UnknownKey              401 no key and a wrong key alike
│   └── KeyExpired              its time is over
├── InsufficientBalance     402 with what is needed and what is there
│   └── KeyBudgetExceeded       of the key's own cap
├── Forbidden               403
│   ├── AccountDisabled
│   ├── ModelNotAllowed         the key is for other models
│   ├── AddressNotAllowed       the key is for other networks
│   └── AddressNotValid         changed, made up, or too late
├── NotFound                404
│   ├── UnknownModel
│   ├── UnknownVideo            another user's too
│   ├── VideoGone               it was made, and is no longer kept
│   └── UnknownRoute
├── MethodNotAllowed        405
├── RequestTimeout          408 the caller took too long to send
├── Conflict                409 what is already there stands against it
│   ├── IdempotencyKeyInUse     its answer comes soon: ask again
│   ├── AnswerNotKept           charged, and nothing is left to answer with
│   ├── VideoNotReady           there is nothing to download
│   ├── VideoCancelled          by its owner, who also waits for it
│   └── VideoRunning            its provider makes and bills it in any case
├── BodyTooLarge            413
├── TokensOverLimit         413 more than the key may use in a whole minute
├── RangeUnsatisfiable      416 a part of a file that it has not
├── IdempotencyKeyReused    422 the name is another request's
├── RateLimited             429 a limit of ours
├── TooManyVideos           429 the account's unfinished ones
├── UpstreamThrottled       429 a limit of the provider's, after our own retries
├── HeadersTooLarge         431
├── InternalError           500 our fault
├── UpstreamFailed          502 retrying may help
│   ├── UpstreamTimeout
│   ├── UpstreamOverloaded
│   ├── UpstreamMisled          it names a place where it keeps no files
│   ├── UpstreamAuth            our account's state: retrying cannot help, and the
│   ├── UpstreamBilling         caller must not mistake it for a fault of its own,
│   └── UpstreamModelGone       so these three are never 401, 402 or 404
└── Unavailable             503
    ├── Overloaded
    ├── Draining
    ├── MediaDown               what was made cannot be kept
    ├── LedgerDown
    │   └── VideoUncertain      it may have been ordered: another would be a second one
    ├── PriceUnknown
    └── ModelUnavailable

Two texts travel with an error. `message` goes to the caller and never holds a secret,
a provider's address or the state of our account with it. `detail` is for the
operator's log and goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

MESSAGE_CHARS_MAX = 1_000
NAME_CHARS_MAX = 100
# Clients stop honouring the header above this and fall back to a short wait of their
# own, so a longer wait is worth less than this one.
RETRY_AFTER_SECONDS_MAX = 120

NOTHING: Mapping[str, str] = {}


class ApiError(Exception):
    """One refusal or failure, with all a caller's program can act upon."""

    status: ClassVar[int]
    type: ClassVar[str] = "invalid_request_error"
    text: ClassVar[str]

    code: str | None = None
    param: str | None = None
    retry_after: int | None = None
    should_retry: bool | None = None
    extra: Mapping[str, str] = NOTHING
    headers: Sequence[tuple[str, str]] = ()

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        detail: str = "",
    ) -> None:
        if not hasattr(self, "status"):
            raise TypeError(f"{self.__class__.__name__} only groups other errors")
        self.message = _clean(self.text if message is None else message)
        self.detail = detail
        # What is not given stays the class's own.
        if code is not None:
            self.code = code
        if param is not None:
            self.param = param
        if retry_after is not None:
            self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def asked_seconds(self) -> int | None:
        """The wait that somebody named for this error, and not just for its kind."""
        return vars(self).get("retry_after")


class BadRequest(ApiError):
    status = 400
    code = "invalid_request"
    text = "The request is not valid."


class BadJson(BadRequest):
    code = "invalid_json"
    text = "The body is not valid JSON."


class BadForm(BadRequest):
    code = "invalid_form"
    text = "The body is not a valid form."


class BadParameter(BadRequest):
    code = "invalid_value"

    def __init__(self, param: str, reason: str, *, code: str | None = None) -> None:
        super().__init__(f"Parameter '{param}': {reason}", code=code, param=param)


class UpstreamRefused(BadRequest):
    code = "upstream_refused"
    text = "The provider refused the request."


class ContentRefused(BadRequest):
    code = "content_policy_violation"
    text = "The provider's content policy refused the request."


class UnknownKey(ApiError):
    status = 401
    code = "invalid_api_key"
    text = (
        "No valid API key. "
        "Send it as 'Authorization: Bearer tk_…' or as 'X-API-Key: tk_…'."
    )


class KeyExpired(UnknownKey):
    code = "key_expired"
    text = "This API key has expired."


class InsufficientBalance(ApiError):
    status = 402
    type = "insufficient_quota"
    code = "insufficient_balance"
    should_retry = False

    def __init__(self, needed: str, available: str) -> None:
        super().__init__(
            f"Insufficient balance: this request can cost {needed}, "
            f"{available} is available."
        )
        self.extra = {"needed": needed, "available": available}


CAPS = {"total": "its budget", "month": "its month", "day": "its day"}


class KeyBudgetExceeded(InsufficientBalance):
    code = "key_budget_exceeded"

    def __init__(self, cap: str, needed: str, available: str) -> None:
        super().__init__(needed, available)
        self.message = (
            f"This API key's budget is exceeded: this request can cost {needed}, "
            f"{available} is left of {CAPS.get(cap, cap)}."
        )
        self.args = (self.message,)
        self.extra = {"needed": needed, "available": available, "limit": cap}


class Forbidden(ApiError):
    status = 403
    type = "permission_error"
    code = "forbidden"
    text = "This key may not do that."


class AddressNotValid(Forbidden):
    code = "invalid_address"
    text = "This address is not valid, or its time is over."


class AccountDisabled(Forbidden):
    code = "account_disabled"
    text = "This account is disabled."


class ModelNotAllowed(Forbidden):
    code = "model_not_allowed"
    param = "model"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"This API key may not use the model '{model[:NAME_CHARS_MAX]}'."
        )


class AddressNotAllowed(Forbidden):
    code = "address_not_allowed"
    text = "This API key may not be used from this address."


class NotFound(ApiError):
    status = 404
    code = "not_found"
    text = "There is no such thing here."


class UnknownModel(NotFound):
    code = "model_not_found"
    param = "model"

    def __init__(self, model: str) -> None:
        super().__init__(f"The model '{model[:NAME_CHARS_MAX]}' does not exist.")


class UnknownVideo(NotFound):
    code = "video_not_found"
    text = "There is no such video."


class VideoGone(NotFound):
    code = "video_expired"
    text = "The video is no longer kept."


class UnknownRoute(NotFound):
    code = "unknown_route"

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"No such route: {method[:16]} {path[:NAME_CHARS_MAX]}")


class MethodNotAllowed(ApiError):
    status = 405
    code = "method_not_allowed"

    def __init__(self, allowed: Sequence[str]) -> None:
        methods = ", ".join(allowed)
        super().__init__(f"This route answers only {methods}.")
        self.headers = (("Allow", methods),)


class RequestTimeout(ApiError):
    status = 408
    code = "request_timeout"
    text = "The request did not arrive in time."


class Conflict(ApiError):
    status = 409
    type = "idempotency_error"
    code = "conflict"
    text = "The request is not the first with its Idempotency-Key."


class IdempotencyKeyInUse(Conflict):
    code = "idempotency_key_in_use"
    retry_after = 1
    should_retry = True

    def __init__(self, first_id: str) -> None:
        super().__init__(
            f"A request with this Idempotency-Key is running ({first_id}). "
            "Send it again to get its answer."
        )
        self.extra = {"request_id": first_id}


class AnswerNotKept(Conflict):
    code = "idempotency_answer_not_kept"
    should_retry = False

    def __init__(self, first_id: str, streamed: bool) -> None:
        why = "it was a stream" if streamed else "it was too large"
        super().__init__(
            f"A request with this Idempotency-Key ran and was charged ({first_id}). "
            f"Its answer was not kept, because {why}. To run it anew, send another key."
        )
        self.extra = {"request_id": first_id}


class VideoNotReady(Conflict):
    type = "invalid_request_error"
    code = "video_not_ready"
    should_retry = False

    def __init__(self, status: str) -> None:
        super().__init__(f"The video is {status}: there is nothing to download.")


class VideoCancelled(Conflict):
    type = "invalid_request_error"
    code = "video_cancelled"
    should_retry = False
    text = "The video was cancelled."


class VideoRunning(Conflict):
    type = "invalid_request_error"
    code = "video_not_cancellable"
    should_retry = False
    text = (
        "The video's provider makes and bills it in any case, so it cannot be "
        "cancelled. It can be deleted when it is done."
    )


class BodyTooLarge(ApiError):
    status = 413
    code = "body_too_large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"The body is larger than {bytes_max} bytes.")


class TokensOverLimit(ApiError):
    """No 429: a client's program would come back, and be refused each time."""

    status = 413
    code = "tokens_over_limit"
    should_retry = False

    def __init__(self, needed: int, limit: int) -> None:
        super().__init__(
            f"This request can take {needed} tokens, and this key may use {limit} "
            "a minute: it never fits. Send less text, or a lower output limit."
        )
        self.extra = {"limit": "tpm", "needed": str(needed), "available": str(limit)}


class RangeUnsatisfiable(ApiError):
    status = 416
    code = "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes.")
        self.headers = (("Content-Range", f"bytes */{size}"),)


class IdempotencyKeyReused(ApiError):
    status = 422
    type = "idempotency_error"
    code = "idempotency_key_reused"
    should_retry = False

    def __init__(self, first_id: str) -> None:
        super().__init__(
            "This Idempotency-Key belongs to a request that asked for something else "
            f"({first_id}). Send another key."
        )
        self.extra = {"request_id": first_id}


class HeadersTooLarge(ApiError):
    status = 431
    code = "headers_too_large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"The headers are larger than {bytes_max} bytes.")


LIMITS = {
    "rpm": "requests a minute",
    "tpm": "tokens a minute",
    "concurrency": "requests at the same time",
}


class RateLimited(ApiError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(
            f"Too many {LIMITS.get(limit, limit)} for this key.",
            retry_after=retry_after,
        )
        self.extra = {"limit": limit}


class TooManyVideos(ApiError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retry_after = 30

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This account has {most} unfinished videos, and may have no more."
        )
        self.extra = {"limit": "videos"}


class UpstreamThrottled(ApiError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retry_after = 5
    text = "The provider takes no more requests for the moment."


class InternalError(ApiError):
    status = 500
    type = "server_error"
    code = "internal_error"
    text = "Something went wrong in the gateway."


class UpstreamFailed(ApiError):
    status = 502
    type = "server_error"
    code = "upstream_error"
    text = "The provider failed to answer."


class UpstreamTimeout(UpstreamFailed):
    code = "upstream_timeout"
    text = "The provider did not answer in time."


class UpstreamOverloaded(UpstreamFailed):
    code = "upstream_overloaded"
    text = "The provider is overloaded."


class UpstreamMisled(UpstreamFailed):
    text = "The provider named a file that is not fetched."


class UpstreamAuth(UpstreamFailed):
    code = "upstream_auth"
    should_retry = False
    text = "The provider did not let the gateway in."


class UpstreamBilling(UpstreamFailed):
    code = "upstream_billing"
    should_retry = False
    text = "The provider does not serve the gateway at present."


class UpstreamModelGone(UpstreamFailed):
    code = "upstream_model_unavailable"
    should_retry = False
    text = "The provider does not serve this model at present."


class Unavailable(ApiError):
    status = 503
    type = "server_error"
    code = "unavailable"
    text = "The gateway cannot serve this at present."


class Overloaded(Unavailable):
    code = "overloaded"
    retry_after = 1
    text = "The gateway serves as many requests as it can."


class Draining(Unavailable):
    code = "draining"
    retry_after = 1
    text = "The gateway is restarting."


class MediaDown(Unavailable):
    code = "media_unavailable"
    should_retry = False
    text = (
        "What was made could not be kept, and was not charged. "
        "Ask for it as b64_json, or try again later."
    )


class LedgerDown(Unavailable):
    code = "ledger_unavailable"
    retry_after: int | None = 1
    text = "The ledger cannot be written, so nothing is admitted."


class VideoUncertain(LedgerDown):
    should_retry = False
    retry_after = None

    def __init__(self, video_id: str) -> None:
        super().__init__(
            "The ledger cannot be written, so it is not known whether the video was "
            "ordered. Sent again, the request may have a second one made: look first, "
            f"at GET /api/v1/videos/{video_id}. A 404 there says that there is none."
        )
        self.extra = {"video_id": video_id}


class PriceUnknown(Unavailable):
    code = "price_unknown"
    should_retry = False

    def __init__(self, model: str) -> None:
        super().__init__(f"The model '{model[:NAME_CHARS_MAX]}' has no price.")


class ModelUnavailable(Unavailable):
    code = "model_unavailable"
    should_retry = False

    def __init__(self, model: str) -> None:
        name = model[:NAME_CHARS_MAX]
        super().__init__(f"The model '{name}' has no provider at present.")


def error_headers(error: ApiError) -> list[tuple[str, str]]:
    """The headers that tell a client's program whether and when to come back."""
    headers = list(error.headers)
    if error.retry_after is not None:
        seconds = min(max(error.retry_after, 1), RETRY_AFTER_SECONDS_MAX)
        headers.append(("Retry-After", str(seconds)))
    if error.should_retry is not None:
        headers.append(("x-should-retry", "true" if error.should_retry else "false"))
    return headers


def error_object(error: ApiError) -> dict[str, Any]:
    """The error in OpenAI's shape: all four keys, always."""
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
        **error.extra,
    }


def error_body(error: ApiError) -> bytes:
    """The JSON body of an answer that is an error."""
    return orjson.dumps({"error": error_object(error)})


def error_frame(error: ApiError) -> bytes:
    """The event that ends a stream which had already begun well."""
    return b"data: " + error_body(error) + b"\n\n"


def _clean(text: str) -> str:
    """The text, short and free of what JSON cannot carry: paths may hold surrogates."""
    return text[:MESSAGE_CHARS_MAX].encode("utf-8", "replace").decode()
