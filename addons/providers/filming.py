"""Filming: how one provider is asked for a video, and what it says of it.

The part of a dialect that makes videos; a dialect without one makes none. A video takes
minutes, so every provider makes it as a task: it is submitted, asked about from time to
time, and when it is made the provider names the address of the file or gives its bytes.
Whoever runs tasks keeps a `Task` between the calls, for days if it must be, and needs
nothing else to go on after a restart.

The contract, which the tests hold every dialect in the registry to:

- `submit_request` takes any ask and refuses what the provider does not make, with the
  BadParameter that names the field; nothing is rounded to what it does make. `check`
  does that alone, before there is money to hold.
- `sold` reads out of the request what is made by it. It is computed from the bytes that
  are sent and from nothing else, so it can be compared with what the caller pays.
- `read_submitted` gives a task or raises an ApiError. Addresses in it are kept as
  paths below the provider's own base address; any other address is a fault.
- `read_polled` and `read_result` never raise: what they make of an answer is a
  `Polled`, and one that says nothing about the task is `transient`.
- Everything is a pure function of its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from addons.providers.base import JSON_HEADERS, NOTHING, Sold, UpstreamRequest
from addons.providers.imaging import ACCEPT, Retell, as_it_is
from addons.wire.checks import shown
from addons.wire.errors import ApiError, BadParameter, ContentRefused, UpstreamFailed
from addons.wire.verdicts import COMMON, Verdicts, error_in, judge, judge_object
from addons.wire.videos import PROMPT_CHARS_MAX, VideoAsk

type State = Literal["queued", "running", "made", "failed", "unclear"]
# The states of a task that is not over.
type Live = Literal["queued", "running"]

# A task is kept in one row: what a provider calls it may not be longer.
NAME_CHARS_MAX = 512
PROGRESS_MAX = 100
# Answers to questions about a task that do not end it: our key may be renewed, the
# provider may be busy. All other refusals say that there is no such task.
PASSING = frozenset({401, 402, 403, 408, 409, 425, 429})
SERVER_FAULTS = 500
# The one that is about what was asked for, and not about the asking.
JUDGED = 422

CANCELLED = "The provider cancelled the video."
NO_VIDEO = "The provider made no video."

# Nothing that could lead elsewhere: no escapes, no dots that climb.
_BELOW = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+(?:\?[A-Za-z0-9._~=&-]*)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Task:
    """What a provider gave for a video that it makes.

    `urls` are paths below its base address, by what they are for. `media` is the
    address of the file, once it is known; it is anywhere, and dies after a while.
    """

    id: str
    urls: Mapping[str, str] = field(default_factory=dict)
    media: str | None = None

    def text(self) -> str:
        """As it is kept; `of` reads it again."""
        kept = {"id": self.id, "urls": dict(self.urls), "media": self.media}
        return orjson.dumps(kept).decode()

    @classmethod
    def of(cls, text: str) -> Task:
        kept = orjson.loads(text)
        return cls(kept["id"], kept["urls"], kept["media"])

    def with_media(self, url: str) -> Task:
        return replace(self, media=url)


@dataclass(frozen=True, slots=True)
class Polled:
    """What an answer says of a task.

    `queued` and `running` tasks are asked about again; progress is in percent, None
    where the provider does not tell. A `made` one has the address of the file, or its
    bytes, or neither: then `result_request` is to be sent. A `failed` one is over, and
    `failure` says why. An `unclear` answer says nothing of the task; `failure` is what
    it says of the provider, and may name a time to wait.
    """

    state: State
    progress: int | None = None
    url: str | None = None
    data: bytes | None = None
    failure: ApiError | None = None

    @property
    def transient(self) -> bool:
        return self.state == "unclear"


# An ask that was checked, the model upstream, who asks: the body.
Compose = Callable[[VideoAsk, str, str], dict[str, Any]]
# A request's body, and what it has the provider make.
Count = Callable[[Mapping[str, Any]], Sold]
# A good answer in, and the provider's base address. Of all readers: AttributeError,
# LookupError, TypeError or ValueError for an answer that makes no sense, ApiError for
# one that is an error.
ReadTask = Callable[[Mapping[str, Any], str], Task]
ReadState = Callable[[Mapping[str, Any]], Polled]
# Headers by small names and the body of a good answer in.
ReadResult = Callable[[Mapping[str, str], bytes], Polled]
# A task, and how often it was asked about before: the call that asks.
Ask = Callable[[Task, int], UpstreamRequest]
Request = Callable[[Task], UpstreamRequest]


@dataclass(frozen=True, slots=True)
class Filming:
    """One provider's way to make videos."""

    # `{model}` in it is the model upstream.
    path: str
    compose: Compose
    count: Count
    read_task: ReadTask
    ask: Ask
    read_state: ReadState
    # Where the result is told, anew each time: an address that has died is renewed.
    result: Request
    read_made: ReadResult
    # What it makes: its own words for our ratios and resolutions, whole seconds.
    ratios: Mapping[str, str]
    resolutions: Mapping[str, str]
    durations: tuple[int, ...]
    # UTF-16 units; where it names no limit, more than any ask has.
    prompt_units: int = 2 * PROMPT_CHARS_MAX
    headers: Mapping[str, str] = NOTHING
    # How often it may be asked about one task at most.
    poll_seconds: int = 5
    # None where there is none; and what is not billed if it is cancelled in time.
    cancel: Request | None = None
    cancels: frozenset[Live] = frozenset()
    verdicts: Verdicts = COMMON
    retell: Retell = as_it_is
    # How long it shuts out whoever asked too often, where it does not say.
    throttle_seconds: int | None = None

    def check(self, ask: VideoAsk) -> None:
        """BadParameter if this provider does not make what is asked."""
        _known("aspect_ratio", ask.aspect_ratio, self.ratios)
        _known("resolution", ask.resolution, self.resolutions)
        _known("duration", ask.duration_seconds, self.durations)
        units = len(ask.prompt.encode("utf-16-le", "surrogatepass")) // 2
        if not 0 < units <= self.prompt_units:
            raise BadParameter(
                "prompt",
                f"expected 1 to {self.prompt_units} UTF-16 characters, got {units}.",
            )

    def submit_request(
        self, ask: VideoAsk, upstream_model: str, end_user: str
    ) -> UpstreamRequest:
        """The call that has a video made; BadParameter if it cannot be."""
        self.check(ask)
        return UpstreamRequest(
            method="POST",
            path=self.path.replace("{model}", upstream_model),
            headers={**JSON_HEADERS, **self.headers},
            body=orjson.dumps(self.compose(ask, upstream_model, end_user)),
            stream=False,
        )

    def sold(self, request: UpstreamRequest) -> Sold:
        """What a request of `submit_request` has made, read from its bytes."""
        return self.count(orjson.loads(request.body))

    def read_submitted(
        self, status: int, headers: Mapping[str, str], body: bytes, base_url: str
    ) -> Task:
        """The task that was begun; an ApiError if none was, or nobody knows which."""
        if not is_good(status):
            raise self.read_error(status, headers, body)
        try:
            return self.read_task(self._answer_in(body), base_url.rstrip("/"))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise malformed(error) from None

    def poll_request(self, task: Task, polls: int) -> UpstreamRequest:
        """The call that asks about a task, after so many others."""
        return self._whole(self.ask(task, polls))

    def read_polled(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> Polled:
        """What an answer to `poll_request` says of the task."""
        return self._read(
            status, headers, body, lambda: self.read_state(self._answer_in(body))
        )

    def result_request(self, task: Task) -> UpstreamRequest:
        """The call that tells where the video of a task that is made is now."""
        return self._whole(self.result(task))

    def read_result(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> Polled:
        """What an answer to `result_request` says: made, failed or unclear."""
        named = {name.lower(): value for name, value in headers.items()}
        return self._read(status, headers, body, lambda: self.read_made(named, body))

    def cancel_request(self, task: Task, state: Live) -> UpstreamRequest | None:
        """The call that stops a task; None where it would be billed all the same.

        A good answer is no promise that the task is over: it may have begun meanwhile.
        Whoever must know goes on to ask about it.
        """
        if self.cancel is None or state not in self.cancels:
            return None
        return self._whole(self.cancel(task))

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> ApiError:
        """What an answer whose status is no good one means for the caller."""
        error = judge(status, headers, self.retell(body), self.verdicts)
        if error.status == 429 and "retry-after" not in map(str.lower, headers):
            error.retry_after = self.throttle_seconds or error.retry_after
        return error

    def _read(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        read: Callable[[], Polled],
    ) -> Polled:
        if not is_good(status):
            return self._refused(status, headers, body)
        try:
            return read()
        except ApiError as error:
            return Polled("unclear", failure=error)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return Polled("unclear", failure=malformed(error))

    def _refused(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> Polled:
        """A question about a task was refused: for now, or because there is no such
        task, or because that is how it ended."""
        error = self.read_error(status, headers, body)
        if status in PASSING or not 400 <= status < SERVER_FAULTS:
            return Polled("unclear", failure=error)
        if status == JUDGED or isinstance(error, ContentRefused):
            return Polled("failed", failure=error)
        return Polled("failed", failure=UpstreamFailed(NO_VIDEO, detail=error.detail))

    def _answer_in(self, body: bytes) -> dict[str, Any]:
        """A body as the object it must be; the ApiError it carries instead."""
        answer = object_in(body)
        if "status" not in answer and "id" not in answer:
            error = error_in(object_in(self.retell(body)))
            if error is not None:
                raise judge_object(error, self.verdicts)
        return answer

    def _whole(self, request: UpstreamRequest) -> UpstreamRequest:
        return request.with_headers(self.headers) if self.headers else request


def is_good(status: int) -> bool:
    return 200 <= status < 300


def get(path: str) -> UpstreamRequest:
    return UpstreamRequest("GET", path, ACCEPT, b"", False)


def object_in(body: bytes) -> dict[str, Any]:
    """A body as an object; ValueError if it is none."""
    answer = orjson.loads(body)
    if type(answer) is not dict:
        raise ValueError("no object")
    return answer


def task_name(value: object) -> str:
    """A task's id as it may stand in a path; ValueError for anything else."""
    if type(value) is not str or len(value) > NAME_CHARS_MAX:
        raise ValueError("an id that is none")
    if not _NAME.fullmatch(value):
        raise ValueError("an id that is none")
    return value


def path_below(base_url: str, url: object) -> str:
    """The path of an address that is below a base address; ValueError if it is not.

    Compared letter by letter, because parsers differ in what they make of addresses.
    """
    if type(url) is not str or len(url) > 4 * NAME_CHARS_MAX:
        raise ValueError("an address that is none")
    path = url.removeprefix(base_url)
    if path == url or not _BELOW.fullmatch(path):
        raise ValueError("an address that is not the provider's own")
    return path


def address(value: object) -> str:
    """An address in an answer, which may be followed if it passes whoever fetches."""
    if type(value) is not str or not value:
        raise ValueError("no address")
    return value


def percent(fraction: object) -> int | None:
    """A progress from 0 to 1 in percent; None if it is not told, or nonsense."""
    if type(fraction) is not int and type(fraction) is not float:
        return None
    return int(min(max(fraction, 0), 1) * PROGRESS_MAX)


def malformed(error: Exception) -> UpstreamFailed:
    return UpstreamFailed(detail=f"malformed answer: {type(error).__name__}")


def _known(param: str, value: object, allowed: Collection[object]) -> None:
    if value not in allowed:
        names = ", ".join(map(str, allowed))
        raise BadParameter(param, f"expected one of {names}, got {shown(value)}.")
