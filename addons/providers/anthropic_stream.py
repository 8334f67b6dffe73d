"""Anthropic's events as OpenAI's chunks.

Blocks are numbered through, of whatever kind; OpenAI counts calls of tools only. A
call's arguments arrive in fragments that are none until they are joined, so they are
handed on as they are; a call without any gets the object it began with, which is empty
but for a provider that sends it whole.

Usage is told twice, in full at the start and as totals at the end, which know less of
the caches than the start did. So the fields replace each other one by one, and what
goes on to be read is everything known so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from addons.providers.anthropic_answer import explanation_in, finish_reason
from addons.providers.anthropic_request import ANSWER_TOOL
from addons.wire.chat_stream import NATIVE_FINISH, Malformed
from addons.wire.verdicts import error_in

Chunk = dict[str, Any]
Event = dict[str, Any]
BLOCKS_MAX = 4096


@dataclass(slots=True)
class Block:
    """An open block: the field of a delta its text is for, or of a call its number.

    A block with neither is one we do not hand on. `initial` is what a block that has
    an input says if no fragment of it comes.
    """

    goes_to: str | None = None
    call: int | None = None
    initial: str = ""
    empty: bool = True


@dataclass(slots=True)
class MessageEvents:
    """The events of one answer, turned into chunks one by one.

    The chunk with the role waits for the first that says something: only then is it
    known whether there is a text, or a call with no text before it.
    """

    finished: bool = False
    introduced: bool = False
    id: Any = None
    usage: dict[str, Any] = field(default_factory=dict)
    ending: dict[str, Any] = field(default_factory=dict)
    blocks: dict[int, Block] = field(default_factory=dict)
    calls: int = 0

    def feed(self, event: Event) -> list[Chunk]:
        kind = event.get("type")
        read = EVENTS.get(kind) if type(kind) is str else None
        if read is not None:
            return read(self, event)
        if error_in(event) is not None:
            return [event]
        raise Malformed

    def is_ping(self, event: Event) -> bool:
        return event.get("type") == "ping"

    def is_end(self, event: Event) -> bool:
        return event.get("type") == "message_stop"

    def start(self, event: Event) -> list[Chunk]:
        message = _object(event.get("message"))
        self.id = message.get("id")
        self.keep_usage(message.get("usage"))
        return [self.usage_so_far()]

    def open_block(self, event: Event) -> list[Chunk]:
        index, found = _index(event), _object(event.get("content_block"))
        if len(self.blocks) >= BLOCKS_MAX:
            raise Malformed
        block = self.blocks[index] = Block()
        kind = found.get("type")
        if kind == "tool_use":
            return self.open_call(block, found)
        if kind == "redacted_thinking":
            return []
        if type(kind) is not str or kind not in FIELDS:
            # Nobody here knows it; its deltas are expected and go the same way.
            raise Malformed
        block.goes_to = FIELDS[kind]
        return self.say(block, found.get(kind) or "")

    def open_call(self, block: Block, found: Event) -> list[Chunk]:
        name, call_id = _text(found.get("name")), _text(found.get("id"))
        block.initial = _json(_object(found.get("input") or {}))
        if name == ANSWER_TOOL:
            block.goes_to = "content"
            return []
        block.call = self.calls
        self.calls += 1
        function = {"name": name, "arguments": ""}
        call = {"id": call_id, "type": "function", "function": function}
        return self.hand_on({"tool_calls": [{"index": block.call, **call}]})

    def add(self, event: Event) -> list[Chunk]:
        block, delta = self.block(event), _object(event.get("delta"))
        kind = delta.get("type")
        if type(kind) is not str or kind not in DELTAS:
            raise Malformed
        name = DELTAS[kind]
        return [] if name is None else self.say(block, delta.get(name))

    def close_block(self, event: Event) -> list[Chunk]:
        block = self.block(event)
        return self.say(block, block.initial) if block.empty else []

    def note_end(self, event: Event) -> list[Chunk]:
        self.ending |= _only(ENDING, _object(event.get("delta")))
        self.keep_usage(event.get("usage"))
        return [self.usage_so_far()]

    def end(self, event: Event) -> list[Chunk]:
        self.finished = True
        explanation = explanation_in(self.ending)
        delta = {} if explanation is None else {"refusal": explanation}
        reason = self.ending.get("stop_reason")
        known = reason if type(reason) is str else None
        *first, last = self.hand_on(delta, finish_reason(known, self.calls > 0))
        return [*first, {**last, NATIVE_FINISH: known}]

    def fail(self, event: Event) -> list[Chunk]:
        return [{"error": event.get("error") or {"message": ""}}]

    def say(self, block: Block, text: Any) -> list[Chunk]:
        """A piece of what a block says, to where it belongs."""
        if type(text) is not str:
            raise Malformed
        if not text:
            return []
        block.empty = False
        if block.call is not None:
            call = {"index": block.call, "function": {"arguments": text}}
            return self.hand_on({"tool_calls": [call]})
        return [] if block.goes_to is None else self.hand_on({block.goes_to: text})

    def hand_on(self, delta: dict[str, Any], finish: str | None = None) -> list[Chunk]:
        chunk = _choice(delta, finish)
        if self.introduced:
            return [chunk]
        self.introduced = True
        content = None if "tool_calls" in delta else ""
        first = _choice({"role": "assistant", "content": content})
        return [{**first, "id": self.id}, chunk]

    def block(self, event: Event) -> Block:
        block = self.blocks.get(_index(event))
        if block is None:
            raise Malformed
        return block

    def keep_usage(self, usage: Any) -> None:
        if type(usage) is dict:
            self.usage |= _only(USAGE, usage)

    def usage_so_far(self) -> Chunk:
        return {"choices": [], "usage": dict(self.usage) if self.usage else None}


Read = Callable[[MessageEvents, Event], list[Chunk]]

EVENTS: Mapping[str, Read] = {
    "message_start": MessageEvents.start,
    "content_block_start": MessageEvents.open_block,
    "content_block_delta": MessageEvents.add,
    "content_block_stop": MessageEvents.close_block,
    "message_delta": MessageEvents.note_end,
    "message_stop": MessageEvents.end,
    "error": MessageEvents.fail,
}
# What is kept of an ending and of usage; the rest has no end.
ENDING = ("stop_reason", "stop_details")
USAGE = (
    "cache_creation",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "input_tokens",
    "output_tokens",
    "output_tokens_details",
)
# A kind of block, which its text is named after, and the field its text is for.
FIELDS: Mapping[str, str] = {"text": "content", "thinking": "reasoning_content"}
# A kind of delta and the name of its text; None is known and not handed on.
DELTAS: Mapping[str, str | None] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": None,
    "citations_delta": None,
}


def _choice(delta: dict[str, Any], finish: str | None = None) -> Chunk:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _only(names: tuple[str, ...], found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in names if found.get(name) is not None}


def _json(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise Malformed from None


def _index(event: Event) -> int:
    index = event.get("index")
    if type(index) is not int:
        raise Malformed
    return index


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Malformed
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Malformed
    return value
