"""ChatStream: a provider's stream of chat chunks in, the caller's stream out.

A provider whose events are not OpenAI's chunks has a translator put in front, which
makes chunks of them one event at a time; from there on all providers are alike. And
even where both sides speak OpenAI's dialect the bytes are not passed through. Each
chunk is parsed once, read, and written again under our id and model name, with nothing
in it but what the dialect defines. That costs a few microseconds and makes three things
true: what is metered is what is delivered, a malformed chunk never reaches a caller,
and nothing a provider adds (its model name, its usage, its obfuscation) leaks.

The end is held back. `feed` never emits `[DONE]` or the usage; `tail` does, and is
called when the charge is committed, so a caller that has its end can see its charge.
A caller that asked for usage gets it as OpenAI sends it, in a chunk without choices.
One that did not ask may index `choices[0]` blindly; for it the chunk with the last
finish_reason is held back too and carries the usage.

`reading` tells at any time what was delivered and how the stream stands. Nothing here
raises: a fault ends the stream, `reading.fault` says which, and the caller of this
code closes with an error frame, never with a tail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from addons.wire.errors import ApiError, UpstreamFailed, UpstreamOverloaded
from addons.wire.sse import SseDecoder, SseEvent, SseOverflow
from addons.wire.tokens import TextMeter
from addons.wire.usage import OPENAI_PATHS, Reported, UsagePaths, merge, read_usage
from addons.wire.verdicts import error_in, judge_object

CHOICES_MAX = 128
DONE = b"data: [DONE]\n\n"
# A comment: it tells a caller's connection that the provider still works.
PING = b": ping\n\n"
TEXT_FIELDS = ("content", "reasoning_content", "reasoning", "refusal")
# Where a translated answer carries the provider's own word for why it ends; callers
# get OpenAI's.
NATIVE_FINISH = "native_finish_reason"
# A caller that indexes choices[0] must find something there.
EMPTY_CHOICES = b'[{"index":0,"delta":{},"finish_reason":null}]'


@dataclass(slots=True)
class Reading:
    """What a stream has shown so far.

    `events` counts the chunks with content or a finish that were handed on, `skipped`
    the malformed and the unknown ones that were not. `finished` is true when every
    choice has its finish_reason, or at [DONE]: a stream that ends without it was cut.
    `upstream_id` and `finish` are the provider's own words: what it calls this answer,
    and the reason it gave first for an end.
    """

    usage: Reported = None
    meter: TextMeter = field(default_factory=TextMeter)
    events: int = 0
    skipped: int = 0
    finished: bool = False
    fault: ApiError | None = None
    upstream_id: str = ""
    finish: str = ""


class Malformed(ValueError):
    """A chunk that is not one, or an event nobody knows."""


class Translator(Protocol):
    """Makes chunks of a provider's events. It has seen all events before this one."""

    # Nothing that may still come matters.
    finished: bool

    def feed(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The chunks an event makes, an error as it came; Malformed if it is none."""

    def is_ping(self, event: dict[str, Any]) -> bool:
        """Whether an event says only that the provider lives."""

    def is_end(self, event: dict[str, Any]) -> bool:
        """Whether an event ends its stream well."""


class ChatStream:
    """One answer's stream. Feed it bytes, `flush` it at their end, close by `tail`."""

    __slots__ = (
        "_choices",
        "_created",
        "_decoder",
        "_fatal",
        "_fingerprint",
        "_finished",
        "_head",
        "_held",
        "_id",
        "_include_usage",
        "_judge",
        "_late",
        "_model",
        "_paths",
        "_seen",
        "_translator",
        "ended",
        "reading",
    )

    def __init__(
        self,
        model: str,
        request_id: str,
        paths: UsagePaths = OPENAI_PATHS,
        include_usage: bool = False,
        *,
        choices: int = 1,
        created: int = 0,
        judge: Callable[[Mapping[str, Any]], ApiError] = judge_object,
        fatal_finishes: frozenset[str] = frozenset(),
        translator: Translator | None = None,
    ) -> None:
        self.reading = Reading()
        # Nothing that may still come matters: [DONE] was seen, or a fault.
        self.ended = False
        self._decoder = SseDecoder()
        self._paths = paths
        self._judge = judge
        self._fatal = fatal_finishes
        self._translator = translator
        self._include_usage = include_usage
        self._model = model
        self._id = request_id
        self._created = created
        self._fingerprint: str | None = None
        self._head = b""
        self._held = b""
        self._late = b""
        self._choices = choices
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    @property
    def started(self) -> bool:
        """Whether there was real content; headers and an empty first delta are none."""
        return self.reading.events > 0

    def feed(self, data: bytes) -> bytes:
        """The bytes for the caller that these bytes of the provider make."""
        if self.ended:
            return b""
        try:
            events = self._decoder.feed(data)
        except SseOverflow as overflow:
            out = self._all(overflow.events)
            self._fail(UpstreamFailed(detail=str(overflow)))
            return out
        if len(events) == 1:
            return self._one(events[0])
        return self._all(events) if events else b""

    def flush(self) -> None:
        """The provider's bytes have ended.

        An event whose blank line never came counts only if it ends the stream well:
        in a stream that was cut it is the piece where the cut went through.
        """
        if self.ended:
            return
        try:
            events = self._decoder.flush()
        except SseOverflow as overflow:
            self._fail(UpstreamFailed(detail=str(overflow)))
            return
        for event in events:
            if self.reading.finished or self._ends(event.data):
                self._late += self._one(event)

    def tail(self, usage: Mapping[str, Any] | None, cost: str | None) -> bytes:
        """What closes a good stream, once the charge is committed.

        `usage` is the object for the caller and `cost` the charge in dollars as a
        decimal text, which becomes a JSON number to the last digit.
        """
        figures = dict(usage or {})
        if cost is not None:
            figures["cost"] = orjson.Fragment(cost)
        closing = b',"usage":' + orjson.dumps(figures) + b"}\n\n" if figures else b""
        out, self._late = self._late, b""
        if self._include_usage and closing:
            out += self._frame_head() + b"[]" + closing
        elif self._held:
            out += self._held + (closing or b"}\n\n")
        elif closing:
            out += self._frame_head() + EMPTY_CHOICES + closing
        self._held = b""
        return out + DONE

    def _all(self, events: Iterable[SseEvent]) -> bytes:
        return b"".join([self._one(event) for event in events])

    def _one(self, event: SseEvent) -> bytes:
        if self.ended:
            return b""
        try:
            chunk = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            return self._not_json(event.data)
        try:
            if self._translator is None:
                return self._chunk(chunk, event.event)
            return self._translated(self._translator, chunk)
        except Malformed:
            self.reading.skipped += 1
            return b""

    def _translated(self, translator: Translator, event: Any) -> bytes:
        if type(event) is not dict:
            raise Malformed
        if translator.is_ping(event):
            return PING
        out = b"".join([self._chunk(chunk, "") for chunk in translator.feed(event)])
        if translator.finished:
            self.reading.finished = True
            self.ended = True
        return out

    def _not_json(self, data: bytes) -> bytes:
        text = data.strip()
        if text == b"[DONE]":
            self.reading.finished = True
            self.ended = True
        elif text:
            self.reading.skipped += 1
        return b""

    def _chunk(self, chunk: Any, event: str) -> bytes:
        if type(chunk) is not dict:
            raise Malformed
        choices = chunk.get("choices")
        if not choices or event or "error" in chunk:
            error = error_in(chunk)
            if error is None and event == "error":
                error = chunk
            if error is not None:
                self._fail(self._judge(error))
                return b""
        if chunk.get("usage") is not None:
            self._read_usage(chunk)
        if not choices:
            # Usage alone is no content, and an empty list is somebody's preamble.
            if choices is None and "usage" not in chunk:
                raise Malformed
            return b""
        return self._content(chunk, choices)

    def _content(self, chunk: dict[str, Any], choices: Any) -> bytes:
        if type(choices) is not list:
            raise Malformed
        texts = [_choice_text(choice) for choice in choices]
        try:
            # First, so that what cannot be handed on is not metered either.
            encoded = orjson.dumps(choices)
        except orjson.JSONEncodeError:
            raise Malformed from None
        ends = False
        for choice in choices:
            index, reason = choice["index"], choice.get("finish_reason")
            if reason:
                if reason in self._fatal:
                    self._fail(UpstreamOverloaded(detail=f"finish_reason {reason}"))
                    return b""
                ends = True
                self._finished.add(index)
                self.reading.finish = self.reading.finish or native_finish(
                    chunk, reason
                )
            self._seen.add(index)
        reading = self.reading
        started = ends
        for text in texts:
            if text:
                reading.meter.feed(text)
                started = True
        if started:
            reading.events += 1
        if ends:
            least = max(self._choices, len(self._seen))
            reading.finished = len(self._finished) >= least
        return self._emit(chunk, encoded, ends)

    def _emit(self, chunk: dict[str, Any], choices: bytes, ends: bool) -> bytes:
        if not self._head or chunk.get("system_fingerprint") != self._fingerprint:
            self._read_head(chunk)
        frame = self._head + choices
        if self._include_usage:
            return frame + b',"usage":null}\n\n'
        out = self._held + b"}\n\n" if self._held else b""
        if ends:
            self._held = frame
            return out
        self._held = b""
        return out + frame + b"}\n\n"

    def _read_head(self, chunk: dict[str, Any]) -> None:
        created = chunk.get("created")
        if not self._head and type(created) is int and created > 0:
            self._created = created
        if not self._head and type(chunk.get("id")) is str:
            self.reading.upstream_id = chunk["id"]
        fingerprint = chunk.get("system_fingerprint")
        self._fingerprint = fingerprint if type(fingerprint) is str else None
        self._head = self._frame_head()

    def _frame_head(self) -> bytes:
        """A chunk up to its choices: the same for all, so made once."""
        head: dict[str, Any] = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }
        if self._fingerprint is not None:
            head["system_fingerprint"] = self._fingerprint
        return b"data: " + orjson.dumps(head)[:-1] + b',"choices":'

    def _read_usage(self, chunk: dict[str, Any]) -> None:
        found = read_usage(chunk, self._paths)
        self.reading.usage = merge(self.reading.usage, found)

    def _fail(self, fault: ApiError) -> None:
        self.reading.fault = fault
        self.ended = True

    def _ends(self, data: bytes) -> bool:
        """Whether an event that nothing closed ends its stream well all the same."""
        if self._translator is None:
            return _ends(data)
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            return False
        return type(event) is dict and self._translator.is_end(event)


def _choice_text(choice: Any) -> str:
    """All a choice's delta says, for the meter; Malformed if it is no choice."""
    if type(choice) is not dict:
        raise Malformed
    index = choice.setdefault("index", 0)
    if type(index) is not int or not 0 <= index < CHOICES_MAX:
        raise Malformed
    reason = choice.get("finish_reason")
    if not reason:
        choice["finish_reason"] = None
    elif type(reason) is not str:
        raise Malformed
    delta = choice.get("delta")
    if delta is None:
        delta = choice["delta"] = {}
    if type(delta) is not dict:
        raise Malformed
    content = delta.get("content")
    if len(delta) == 1 and type(content) is str:
        return content
    return message_text(delta)


def native_finish(answer: Mapping[str, Any], reason: str) -> str:
    """Why a chunk or an answer ends, in the provider's word where one is known."""
    found = answer.get(NATIVE_FINISH)
    return found if type(found) is str and found else reason


def message_text(message: Mapping[str, Any]) -> str:
    """All that a message or a delta says, thoughts and calls of tools included.

    ValueError if it holds something else where a text must be.
    """
    parts = [message[name] for name in TEXT_FIELDS if message.get(name)]
    calls = message.get("tool_calls") or ()
    if type(calls) not in (list, tuple):
        raise Malformed
    for call in calls:
        function = call.get("function") if type(call) is dict else None
        if type(function) is dict:
            parts += [function.get("name") or "", function.get("arguments") or ""]
    try:
        return "".join(parts)
    except TypeError:
        raise Malformed from None


def _ends(data: bytes) -> bool:
    """Whether the data of an event ends a stream of chunks."""
    if data.strip() == b"[DONE]":
        return True
    try:
        choices = orjson.loads(data)["choices"]
        return any(choice["finish_reason"] for choice in choices)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return False
