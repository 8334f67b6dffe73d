"""Imaging: how one provider is asked for images, and what it answers.

The part of a dialect that makes images; a dialect without one makes none. Providers
differ in the form of a request, in how many images one call makes, and in whether the
answer is bytes, text or addresses. What they have in common is here.

The contract, which the tests hold every dialect in the registry to:

- `image_requests` takes an ask that was held to its model's rules and gives all calls
  that it needs, together for exactly the images asked for, whole but for address and
  credential. What the provider does not know is left out and named in `dropped`.
- `read_images` gives images or raises an ApiError, never an empty list, and never bytes
  that are no image. A picture that the provider's filter blurred is none.
- `read_error` never raises. Everything is a pure function of its arguments.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from addons.providers.base import UpstreamRequest
from addons.wire.errors import ApiError, UpstreamFailed
from addons.wire.images import ImageAsk, Made, media_type_of
from addons.wire.verdicts import COMMON, Verdicts, error_in, judge, judge_object

OK = 200
NO_IMAGES = "The provider made no images."


@dataclass(frozen=True, slots=True)
class Form:
    """The body of one call, what it is, and which fields it had to leave out."""

    body: bytes
    content_type: str = "application/json"
    accept: str = "application/json"
    dropped: tuple[str, ...] = ()


# An ask, the model upstream, how many images of it, and who asks: the call for them.
Compose = Callable[[ImageAsk, str, int, str], Form]
# The headers, by small names, and the body of a good answer in. AttributeError,
# LookupError, TypeError or ValueError for one that makes no sense, ApiError for one
# that is none.
Read = Callable[[Mapping[str, str], bytes], Iterable[Made]]
# An error's body in the provider's words in, in words that verdicts are found by out.
Retell = Callable[[bytes], bytes]


def as_it_is(body: bytes) -> bytes:
    return body


@dataclass(frozen=True, slots=True)
class Imaging:
    """One provider's way to make images."""

    path: str
    compose: Compose
    read: Read
    images_a_call: int = 1
    # Whether it obeys `quality`; else no model that sells several may be made by it.
    qualities: bool = False
    verdicts: Verdicts = COMMON
    retell: Retell = as_it_is
    # How long it shuts out whoever asked too often, where it does not say.
    throttle_seconds: int | None = None

    def image_requests(
        self, ask: ImageAsk, upstream_model: str, end_user: str
    ) -> tuple[UpstreamRequest, ...]:
        """The calls that make all images of an ask."""
        full, rest = divmod(ask.n, self.images_a_call)
        counts = [self.images_a_call] * full + [rest] * bool(rest)
        forms = {
            count: self.compose(ask, upstream_model, count, end_user)
            for count in set(counts)
        }
        return tuple(self._request(forms[count]) for count in counts)

    def read_images(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[Made, ...]:
        """The images in an answer; an ApiError if there are none."""
        if status != OK:
            raise self.read_error(status, headers, body)
        named = {name.lower(): value for name, value in headers.items()}
        try:
            made = tuple(map(_typed, self.read(named, body)))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise _malformed(type(error).__name__) from None
        if not made:
            raise UpstreamFailed(NO_IMAGES)
        return made

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> ApiError:
        """What an answer with another status than 200 means for the caller."""
        error = judge(status, headers, self.retell(body), self.verdicts)
        if error.status == 429 and "retry-after" not in map(str.lower, headers):
            error.retry_after = self.throttle_seconds or error.retry_after
        return error

    def _request(self, form: Form) -> UpstreamRequest:
        headers = {"content-type": form.content_type, "accept": form.accept}
        return UpstreamRequest(
            "POST", self.path, headers, form.body, False, form.dropped
        )


def answer_in(body: bytes, wanted: str, verdicts: Verdicts = COMMON) -> dict[str, Any]:
    """A body as the object it must be, with a field of that name; the ApiError it
    carries instead, ValueError if it is neither."""
    answer = orjson.loads(body)
    if type(answer) is not dict:
        raise ValueError("no object")
    if not answer.get(wanted):
        error = error_in(answer)
        if error is not None:
            raise judge_object(error, verdicts)
    return answer


def decoded(text: str) -> bytes:
    """Bytes that came as base64; ValueError if they did not."""
    return base64.b64decode(text, validate=True)


def _typed(made: Made) -> Made:
    """An image with the type that its bytes say."""
    if made.data is None:
        if type(made.url) is not str or not made.url:
            raise ValueError("neither bytes nor address")
        return made
    media_type = media_type_of(made.data)
    if media_type is None:
        raise ValueError("no image")
    return replace(made, media_type=media_type)


def _malformed(reason: str) -> UpstreamFailed:
    return UpstreamFailed(detail=f"malformed answer: {reason}")
