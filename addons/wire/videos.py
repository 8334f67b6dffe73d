"""Videos: what a caller asks of a video model, and what it is told of its video.

Two surfaces, one ask. `videos/generations` is the API document's: its fields and its
defaults, in JSON. `videos` is OpenAI's: JSON or a form, seconds as a text and a size in
pixels instead of a duration and a shape. Which values they may have differs from model
to model: the readers take what any could have, `within` holds an ask to the rules of
one. Only what passed both is ever sent, so the price of an ask is the price of what is
sent.

An `Order` is what is kept of a request until its video is made; a `Film` is a video as
its caller sees it, made or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import orjson

from addons.wire.chat_schema import Tally
from addons.wire.checks import (
    Check,
    filled,
    flag,
    missing,
    one_of,
    text,
    unsupported,
    whole,
    wrong_type,
    wrong_value,
)
from addons.wire.errors import BadParameter
from addons.wire.forms import is_form, read_form
from addons.wire.openai import parsed

MODEL = "gen-2"
DURATION_SECONDS = 10
DURATION_SECONDS_MAX = 60
ASPECT_RATIO = "16:9"
RESOLUTION = "720p"
# What models have today; which of them one has is in its rules.
RESOLUTIONS = (RESOLUTION, "1080p")
MODEL_CHARS_MAX = 256
# No provider takes more.
PROMPT_CHARS_MAX = 32_000

GENERATIONS = "generations"
VIDEOS = "videos"

# What a model has a default of its own for.
RULED = frozenset({"aspect_ratio", "duration", "resolution", "seconds", "size"})
OWN: Mapping[str, frozenset[str]] = {
    GENERATIONS: frozenset(
        {"aspect_ratio", "async", "duration", "model", "prompt", "resolution", "user"}
    ),
    VIDEOS: frozenset({"model", "prompt", "seconds", "size", "user"}),
}
# Without it another video would be made than the one that was asked for.
REFERENCES = ("input_reference", "image", "image_url")
# Sizes of OpenAI's own that no provider of ours makes, and the shape that is nearest.
NEAREST = {"1792x1024": "16:9", "1024x1792": "9:16"}

QUEUED = "queued"
IN_PROGRESS = "in_progress"
COMPLETED = "completed"
FAILED = "failed"

_SECONDS = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


def _written(pattern: str, expected: str) -> Check:
    form = re.compile(pattern, re.ASCII)

    def check(value: Any, param: str) -> str:
        if type(value) is not str:
            raise wrong_type(param, expected, value)
        if not form.fullmatch(value):
            raise wrong_value(param, expected, value)
        return value

    return check


_model = filled(MODEL_CHARS_MAX)
_prompt = filled(PROMPT_CHARS_MAX)
_duration = whole(1, DURATION_SECONDS_MAX)
_aspect_ratio = _written(r"[1-9][0-9]?:[1-9][0-9]?", "a shape such as 16:9")
_resolution = _written(r"[1-9][0-9]{2,3}p", "a resolution such as 720p")
_size = _written(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", "a size such as 1280x720")


class Rules(Protocol):
    """What one model makes; of shapes and resolutions the first is the default.
    `aspect_ratios` has the pixels of each shape at the first resolution."""

    @property
    def durations(self) -> tuple[int, ...]: ...

    @property
    def duration(self) -> int: ...

    @property
    def aspect_ratios(self) -> Mapping[str, str]: ...

    @property
    def resolutions(self) -> tuple[str, ...]: ...

    @property
    def prompt_chars(self) -> int: ...


@dataclass(frozen=True, slots=True)
class VideoAsk:
    """One video of some length and shape.

    `surface` says where it was asked for, `waits` whether the caller waits for the
    video itself. `size` is in pixels, about so, once a model's rules are known. `said`
    names those fields with defaults that the caller gave, `dropped` fields that are not
    sent on.
    """

    model: str
    prompt: str
    duration_seconds: int = DURATION_SECONDS
    aspect_ratio: str = ASPECT_RATIO
    resolution: str = RESOLUTION
    surface: str = GENERATIONS
    waits: bool = False
    size: str = ""
    said: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()

    stream: ClassVar[bool] = False

    @property
    def quantities(self) -> dict[str, int]:
        """Both ways a video can be billed by; a price puts its rate on one."""
        return {"generation": 1, "second": self.duration_seconds}

    @property
    def parameters(self) -> dict[str, str]:
        """What a rate may depend on."""
        return {"resolution": self.resolution}

    def within(self, rules: Rules) -> VideoAsk:
        """The ask by a model's rules: its defaults where the caller said nothing.
        BadParameter names what it makes not."""
        ask = self._lasting(rules)
        if "size" in ask.said:
            ask = ask._sized(rules)
        else:
            ask = ask._shaped(rules)
        filled(rules.prompt_chars)(ask.prompt, "prompt")
        return replace(ask, size=pixels_of(rules, ask.aspect_ratio, ask.resolution))

    def _lasting(self, rules: Rules) -> VideoAsk:
        for name in ("duration", "seconds"):
            if name in self.said:
                if self.duration_seconds not in rules.durations:
                    expected = f"one of {_several(rules.durations)}"
                    raise wrong_value(name, expected, self.duration_seconds)
                return self
        return replace(self, duration_seconds=rules.duration)

    def _shaped(self, rules: Rules) -> VideoAsk:
        shape, resolution = next(iter(rules.aspect_ratios)), rules.resolutions[0]
        if "aspect_ratio" in self.said:
            shape = one_of(*rules.aspect_ratios)(self.aspect_ratio, "aspect_ratio")
        if "resolution" in self.said:
            resolution = one_of(*rules.resolutions)(self.resolution, "resolution")
        return replace(self, aspect_ratio=shape, resolution=resolution)

    def _sized(self, rules: Rules) -> VideoAsk:
        made = {
            pixels_of(rules, shape, resolution): (shape, resolution)
            for resolution in rules.resolutions
            for shape in rules.aspect_ratios
        }
        near = {
            size: (shape, rules.resolutions[0])
            for size, shape in NEAREST.items()
            if shape in rules.aspect_ratios
        }
        size = one_of(*made, *near)(self.size, "size")
        shape, resolution = (near | made)[size]
        return replace(self, aspect_ratio=shape, resolution=resolution)


@dataclass(frozen=True, slots=True)
class Order:
    """What is kept of a request for a video: where its caller reached us, and the
    moment that it is priced by."""

    ask: VideoAsk
    base: str = ""
    moment_ns: int = 0


@dataclass(frozen=True, slots=True)
class Film:
    """A video as its caller sees it. Moments are in seconds, `cost` in dollars.
    `request_id` names the receipt of what it cost."""

    id: str
    request_id: str
    status: str
    model: str
    prompt: str
    seconds: int
    aspect_ratio: str
    size: str
    created: int
    progress: int = 0
    completed: int | None = None
    expires: int | None = None
    url: str | None = None
    cost: str = "0.00"
    error: tuple[str, str] | None = None


def read_generation(raw: bytes) -> VideoAsk:
    """The ask in a body for `videos/generations`; BadJson or BadParameter if there is
    none."""
    return video_of(parsed(raw))


def read_creation(content_type: str, raw: bytes) -> VideoAsk:
    """The ask in a body for `videos`: a form, or JSON whatever its type says."""
    if not is_form(content_type):
        return creation_of(parsed(raw))
    form = read_form(content_type, raw)
    for name in sorted(form.files & OWN[VIDEOS]):
        raise BadParameter(name, "expected a text, got a file.", code="invalid_type")
    # A field that is empty is one that was not filled in.
    sent: dict[str, Any] = {name: value for name, value in form.fields.items() if value}
    return creation_of(sent | dict.fromkeys(form.files, "a file"))


def video_of(sent: Mapping[str, Any]) -> VideoAsk:
    """The ask in a body of the API document; BadParameter names what is wrong."""
    given = _given(sent)
    return VideoAsk(
        **_asked(given, GENERATIONS),
        duration_seconds=_duration(given.get("duration", DURATION_SECONDS), "duration"),
        aspect_ratio=_aspect_ratio(
            given.get("aspect_ratio", ASPECT_RATIO), "aspect_ratio"
        ),
        resolution=_resolution(given.get("resolution", RESOLUTION), "resolution"),
        waits=not flag(given.get("async", False), "async"),
    )


def creation_of(sent: Mapping[str, Any]) -> VideoAsk:
    """The ask in a body of OpenAI's dialect; BadParameter names what is wrong."""
    given = _given(sent)
    return VideoAsk(
        **_asked(given, VIDEOS),
        duration_seconds=_seconds(given.get("seconds", DURATION_SECONDS), "seconds"),
        size=_size(given["size"], "size") if "size" in given else "",
    )


def pixels_of(rules: Rules, aspect_ratio: str, resolution: str) -> str:
    """Width and height, about so: a resolution is the height of what lies wide, and
    all sides grow with it."""
    width, height = map(int, rules.aspect_ratios[aspect_ratio].split("x"))
    first, other = int(rules.resolutions[0][:-1]), int(resolution[:-1])
    return f"{width * other // first}x{height * other // first}"


def order_text(order: Order) -> str:
    """An order in JSON, to be kept; its model is kept beside it."""
    ask = order.ask
    kept = {
        "prompt": ask.prompt,
        "seconds": ask.duration_seconds,
        "aspect_ratio": ask.aspect_ratio,
        "resolution": ask.resolution,
        "size": ask.size,
        "surface": ask.surface,
        "waits": ask.waits,
        "base": order.base,
        "moment_ns": order.moment_ns,
    }
    return orjson.dumps(kept).decode()


def order_of(model: str, kept: str) -> Order:
    """The order that a text was made of."""
    fields = orjson.loads(kept)
    ask = VideoAsk(
        model=model,
        prompt=fields["prompt"],
        duration_seconds=fields["seconds"],
        aspect_ratio=fields["aspect_ratio"],
        resolution=fields["resolution"],
        surface=fields["surface"],
        waits=fields["waits"],
        size=fields["size"],
    )
    return Order(ask, fields["base"], fields["moment_ns"])


def generation_body(film: Film) -> bytes:
    """The answer of the API document, and where its receipt is; without a video there
    is no address yet."""
    return orjson.dumps(
        {
            "id": film.id,
            "object": "video",
            "status": film.status,
            "model": film.model,
            "created": film.created,
            **_outcome(film),
        }
    )


def video_object(film: Film) -> dict[str, Any]:
    """OpenAI's resource, all keys there, and what the API document has beside it, so
    that whoever asks for a video later gets it by either's words."""
    error = None
    if film.error is not None:
        code, message = film.error
        error = {"code": code, "message": message}
    return {
        "id": film.id,
        "object": "video",
        "model": film.model,
        "status": film.status,
        "progress": film.progress,
        "created_at": film.created,
        "completed_at": film.completed,
        "expires_at": film.expires,
        "prompt": film.prompt,
        "size": film.size,
        "seconds": str(film.seconds),
        "remixed_from_video_id": None,
        "error": error,
        "created": film.created,
        **_outcome(film),
    }


def video_body(film: Film) -> bytes:
    return orjson.dumps(video_object(film))


def videos_body(films: Sequence[Film], has_more: bool) -> bytes:
    """A page of a list, in OpenAI's shape."""
    return orjson.dumps(
        {
            "object": "list",
            "data": [video_object(film) for film in films],
            "first_id": films[0].id if films else None,
            "last_id": films[-1].id if films else None,
            "has_more": has_more,
        }
    )


def deleted_body(id: str) -> bytes:
    return orjson.dumps({"id": id, "object": "video.deleted", "deleted": True})


def cancelling_body(id: str) -> bytes:
    """Its provider was asked to stop, and has not done so yet."""
    return orjson.dumps(
        {
            "id": id,
            "object": "video.deleted",
            "deleted": False,
            "status": "cancelling",
        }
    )


def _given(sent: Mapping[str, Any]) -> dict[str, Any]:
    if sent.get("prompt") is None:
        raise missing("prompt")
    return {name: value for name, value in sent.items() if value is not None}


def _asked(given: Mapping[str, Any], surface: str) -> dict[str, Any]:
    """What both surfaces have."""
    for name in REFERENCES:
        if name in given:
            raise unsupported(name, "no video model here takes a picture or a video.")
    if "user" in given:
        text(given["user"], "user")
    tally = Tally()
    for name in [name for name in given if name not in OWN[surface]]:
        tally.drop(name)
    return {
        "model": _model(given.get("model", MODEL), "model"),
        "prompt": _prompt(given["prompt"], "prompt"),
        "surface": surface,
        "said": RULED & OWN[surface] & given.keys(),
        "dropped": tuple(tally.dropped),
    }


def _seconds(value: Any, param: str) -> int:
    """A text, as OpenAI has it, or a number."""
    expected = f"a text such as 8, from 1 to {DURATION_SECONDS_MAX}"
    if type(value) is str and _SECONDS.fullmatch(value):
        value = int(value)
    if type(value) is str:
        raise wrong_value(param, expected, value)
    return int(_duration(value, param))


def _several(durations: Sequence[int]) -> str:
    """5, 10 or 2 to 10."""
    first, last = durations[0], durations[-1]
    if len(durations) > 2 and list(durations) == list(range(first, last + 1)):
        return f"{first} to {last}"
    return ", ".join(map(str, durations))


def _outcome(film: Film) -> dict[str, Any]:
    return {
        "data": [] if film.url is None else [{"url": film.url}],
        "duration": film.seconds,
        "aspect_ratio": film.aspect_ratio,
        "usage": {"cost": orjson.Fragment(film.cost)},
        "request_id": film.request_id,
    }
