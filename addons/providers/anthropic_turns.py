"""Turns: OpenAI's messages as Anthropic's conversation.

There the system prompt stands apart, so what system and developer messages say is
gathered from wherever they stand, in their order, as the vendor's own compatibility
layer does it. User and assistant take turns: neighbours of one role become one turn.
A tool's result is something the user says, before anything else in that turn.

Texts of nothing but blanks are refused there and mean nothing, so they are left out.
The first turn is the user's and so is the last: where OpenAI accepts a conversation
that the assistant opens or closes, a word is put into the user's mouth.

Calls and results must match, each result after its call and before anything else is
said; it is checked here, so that the caller learns it in words of its own request.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from addons.wire.checks import shallow, unsupported, wrong_value
from addons.wire.errors import BadParameter

OPENING = "."
CONTINUE = "Continue."
DATA_HEAD_CHARS_MAX = 256
DETAIL = "messages[].content[].image_url.detail"
IMAGE_TYPES = {
    "image/gif": "image/gif",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/webp": "image/webp",
}
SENDS_NO = ("name", "reasoning_content")

_CALL_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said; `called` names the tools that were called in it."""

    system: str
    turns: list[dict[str, Any]]
    called: tuple[str, ...]
    left_out: tuple[str, ...]


def conversation(messages: list[dict[str, Any]]) -> Conversation:
    """The messages as turns; BadParameter where they make no conversation."""
    reading = _Reading()
    for index, message in enumerate(messages):
        reading.read(message, f"messages[{index}]")
    return reading.close()


@dataclass(slots=True)
class _Reading:
    """A conversation as far as it was read; `pending` are calls without a result."""

    system: list[str] = field(default_factory=list)
    turns: list[tuple[str, list[Block]]] = field(default_factory=list)
    called: dict[str, None] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)

    def read(self, message: dict[str, Any], param: str) -> None:
        for name in SENDS_NO:
            if name in message:
                self.left_out[f"messages[].{name}"] = None
        READERS[message["role"]](self, message, param)

    def read_system(self, message: dict[str, Any], param: str) -> None:
        said = "".join(texts(message))
        if said.strip():
            self.system.append(said)

    def read_user(self, message: dict[str, Any], param: str) -> None:
        self.expect_results()
        self.say("user", list(self.user_blocks(message["content"], param)))

    def read_assistant(self, message: dict[str, Any], param: str) -> None:
        self.expect_results()
        said = [*texts(message), message.get("refusal") or ""]
        blocks = [text_block(text) for text in said if text.strip()]
        for number, call in enumerate(message.get("tool_calls") or ()):
            blocks.append(self.call_block(call, f"{param}.tool_calls[{number}]"))
        self.say("assistant", blocks)

    def read_result(self, message: dict[str, Any], param: str) -> None:
        call_id = message["tool_call_id"]
        if self.pending.pop(call_id, None) is None:
            raise BadParameter(
                f"{param}.tool_call_id", "no call that waits for a result has this id."
            )
        block: Block = {"type": "tool_result", "tool_use_id": plain_id(call_id)}
        said = [text for text in texts(message) if text.strip()]
        if len(said) == 1:
            block["content"] = said[0]
        elif said:
            block["content"] = [text_block(text) for text in said]
        self.say("user", [block])

    def user_blocks(self, content: Any, param: str) -> Iterator[Block]:
        if isinstance(content, str):
            content = [text_block(content)]
        for number, part in enumerate(content):
            if part["type"] == "image_url":
                image = part["image_url"]
                if image.get("detail") not in (None, "auto"):
                    self.left_out[DETAIL] = None
                param_url = f"{param}.content[{number}].image_url.url"
                yield {"type": "image", "source": image_source(image["url"], param_url)}
            elif part["text"].strip():
                yield text_block(part["text"])

    def call_block(self, call: dict[str, Any], param: str) -> Block:
        call_id, function = call["id"], call["function"]
        if call_id in self.pending:
            raise BadParameter(f"{param}.id", "another call has the same id.")
        self.pending[call_id] = param
        self.called[function["name"]] = None
        return {
            "type": "tool_use",
            "id": plain_id(call_id),
            "name": function["name"],
            "input": arguments(function["arguments"], f"{param}.function.arguments"),
        }

    def expect_results(self) -> None:
        for param in self.pending.values():
            raise BadParameter(param, "no 'tool' message follows with its result.")

    def say(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(blocks)
        else:
            self.turns.append((role, blocks))

    def close(self) -> Conversation:
        self.expect_results()
        system = "\n".join(self.system)
        if not self.turns:
            if not system:
                raise BadParameter("messages", "there is nothing said in them.")
            # Instructions alone are a question all the same.
            self.say("user", [text_block(system)])
            system = ""
        if self.turns[0][0] == "assistant":
            self.turns.insert(0, ("user", [text_block(OPENING)]))
        if self.turns[-1][0] == "assistant":
            self.say("user", [text_block(CONTINUE)])
        return Conversation(
            system,
            [{"role": role, "content": compact(said)} for role, said in self.turns],
            tuple(self.called),
            tuple(self.left_out),
        )


READERS = {
    "system": _Reading.read_system,
    "developer": _Reading.read_system,
    "user": _Reading.read_user,
    "assistant": _Reading.read_assistant,
    "tool": _Reading.read_result,
}


def texts(message: dict[str, Any]) -> Iterator[str]:
    """The texts of a message that holds no images."""
    content = message.get("content") or ()
    if isinstance(content, str):
        yield content
        return
    for part in content:
        yield part[part["type"]]


def text_block(text: str) -> Block:
    return {"type": "text", "text": text}


def compact(blocks: list[Block]) -> str | list[Block]:
    """A text alone needs no block."""
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        found: str = blocks[0]["text"]
        return found
    return blocks


def arguments(text: str, param: str) -> dict[str, Any]:
    """A call's arguments as the object they are; none at all are an empty one."""
    if not text.strip():
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise wrong_value(param, "a JSON object", text) from None
    return shallow(found, param)


def plain_id(call_id: str) -> str:
    """A call's id in the letters that are allowed there, and no two alike."""
    if _CALL_ID.fullmatch(call_id):
        return call_id
    return "id_" + urlsafe_b64encode(call_id.encode()).decode().rstrip("=")


def image_source(url: str, param: str) -> dict[str, str]:
    """Where an image is: in the request itself, or at an address they fetch."""
    scheme = url[:8].lower()
    if scheme == "https://":
        return {"type": "url", "url": url}
    if not scheme.startswith("data:"):
        raise unsupported(param, "this model fetches images from https:// only.")
    # An image may be many megabytes, so it is copied once.
    comma = url.find(",", 0, DATA_HEAD_CHARS_MAX)
    head = url[5:comma] if comma > 0 else ""
    kind, *options = head.lower().split(";")
    media_type = IMAGE_TYPES.get(kind)
    if media_type is None:
        raise wrong_value(param, "an image of type jpeg, png, gif or webp", kind)
    if "base64" not in options or comma + 1 == len(url):
        raise wrong_value(param, "data in base64", head)
    return {"type": "base64", "media_type": media_type, "data": url[comma + 1 :]}
