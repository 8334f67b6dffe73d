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
- `sold` reads out of a call what it has the provider make, from the bytes that are
  sent and from nothing else, so it can be compared with what the caller pays.
- `read_error` never raises. Everything is a pure function of its arguments.

A provider that makes images as tasks answers a call at once with a task's name, and is
asked about it until the answer is what `read_images` reads; its `tasks` say how.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import NOTHING, Sold, UpstreamRequest
from addons.wire.errors import ApiError, UpstreamFailed
from addons.wire.images import ImageAsk, Made, media_type_of
from addons.wire.verdicts import COMMON, Verdicts, error_in, judge, judge_object

OK = 200
ACCEPT: Mapping[str, str] = MappingProxyType({"accept": "application/json"})
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
# The body of a call, and what it has the provider make.
Count = Callable[[bytes], Sold]
# An error's body in the provider's words in, in words that verdicts are found by out.
Retell = Callable[[bytes], bytes]


def as_it_is(body: bytes) -> bytes:
    return body


@dataclass(frozen=True, slots=True)
class Tasks:
    """How a provider is asked about what it makes for a call.

    Both functions raise what a `Read` raises.
    """

    # The answer to the call in, and out the path at which to ask.
    read_path: Callable[[bytes], str]
    # An answer to a question in, and whether it is the last one.
    is_over: Callable[[bytes], bool]
    poll_seconds: int


@dataclass(frozen=True, slots=True)
class Imaging:
    """One provider's way to make images."""

    path: str
    compose: Compose
    read: Read
    count: Count
    headers: Mapping[str, str] = NOTHING
    tasks: Tasks | None = None
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

    def sold(self, request: UpstreamRequest) -> Sold:
        """What a call of `image_requests` has made, read from its bytes."""
        return self.count(request.body)

    def poll_request(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> UpstreamRequest | None:
        """The call that asks about what an answer promises; None if the answer is the
        images themselves. An ApiError if nothing is made."""
        if self.tasks is None:
            return None
        if status != OK:
            raise self.read_error(status, headers, body)
        try:
            path = self.tasks.read_path(body)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise _malformed(type(error).__name__) from None
        return UpstreamRequest("GET", path, ACCEPT, b"", False)

    def is_over(self, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether an answer to `poll_request` is the last one, for `read_images` to
        read; an ApiError for one that says nothing of the task."""
        if self.tasks is None:
            return True
        if status != OK:
            raise self.read_error(status, headers, body)
        try:
            return self.tasks.is_over(body)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise _malformed(type(error).__name__) from None

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
        if self.headers:
            headers |= self.headers
        return UpstreamRequest(
            "POST", self.path, headers, form.body, False, form.dropped
        )


def nearest(size: str, shapes: Sequence[str], sign: str) -> str:
    """The shape nearest to a size: the one whose ratio differs by the least factor, or
    the first of those. In shapes a sign stands between width and height."""
    width, height = map(int, size.split("x"))

    def distance(shape: str) -> int:
        # As whole numbers, so that equals are equal: the larger product over the
        # smaller one, in millionths.
        across, down = map(int, shape.split(sign))
        least, most = sorted((width * down, height * across))
        return most * 10**6 // least

    return min(shapes, key=distance)


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
