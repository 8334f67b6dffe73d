"""Chat text: a stream of events, or a whole chat, as somebody would read it.

The pieces of an answer are joined, tool calls have their arguments in one, usage is one
line, and the end says whether there was one. It reads OpenAI's chunks and Anthropic's
events, for an entry of a provider has what that provider said. What is in no such form
is left out: another view has it as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from addons.wire.sse import SseDecoder, SseOverflow

DONE = b"[DONE]"
INPUT_BYTES_MAX = 1024 * 1024
CUT = "… only the start is shown"


@dataclass(slots=True)
class Told:
    """One choice or block of an answer, as far as it came."""

    text: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    finish: str = ""


@dataclass(slots=True)
class Story:
    """All that a stream told."""

    choices: dict[int, Told] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    error: Any = None
    events: int = 0
    ended: bool = False

    def of(self, index: Any) -> Told:
        number = index if type(index) is int else 0
        return self.choices.setdefault(number, Told())

    def read(self, name: str, said: dict[str, Any]) -> None:
        self.events += 1
        usage = said.get("usage")
        if isinstance(usage, dict):
            self.usage |= usage
        if said.get("error") is not None:
            self.error = said["error"]
        kind = said.get("type")
        if isinstance(kind, str) and kind in ANTHROPIC:
            ANTHROPIC[kind](self, said)
        for choice in listed(said.get("choices")):
            self.read_choice(choice)

    def read_choice(self, choice: dict[str, Any]) -> None:
        told, delta = self.of(choice.get("index")), mapped(choice.get("delta"))
        add_text(told.text, delta.get("content"))
        add_text(told.thoughts, delta.get("reasoning_content"))
        for call in listed(delta.get("tool_calls")):
            function = mapped(call.get("function"))
            index = call.get("index")
            pieces = told.calls.setdefault(index if type(index) is int else 0, [])
            if isinstance(function.get("name"), str) and function["name"]:
                pieces.append(f"{function['name']} ")
            add_text(pieces, function.get("arguments"))
        told.finish = text_of(choice.get("finish_reason")) or told.finish


def started(story: Story, said: dict[str, Any]) -> None:
    story.usage |= mapped(mapped(said.get("message")).get("usage"))


def block_started(story: Story, said: dict[str, Any]) -> None:
    block = mapped(said.get("content_block"))
    told = story.of(said.get("index"))
    if block.get("type") == "tool_use":
        told.calls.setdefault(0, []).append(f"{text_of(block.get('name'))} ")
    add_text(told.text, block.get("text"))


def block_grew(story: Story, said: dict[str, Any]) -> None:
    told, delta = story.of(said.get("index")), mapped(said.get("delta"))
    add_text(told.text, delta.get("text"))
    add_text(told.thoughts, delta.get("thinking"))
    if isinstance(delta.get("partial_json"), str):
        told.calls.setdefault(0, []).append(delta["partial_json"])


def message_ended(story: Story, said: dict[str, Any]) -> None:
    story.of(0).finish = text_of(mapped(said.get("delta")).get("stop_reason"))


def stopped(story: Story, said: dict[str, Any]) -> None:
    story.ended = True


ANTHROPIC = {
    "message_start": started,
    "content_block_start": block_started,
    "content_block_delta": block_grew,
    "message_delta": message_ended,
    "message_stop": stopped,
}


def stream_text(raw: bytes) -> str:
    """A stream of events, as far as it came."""
    story = Story()
    for name, data in events_of(raw[:INPUT_BYTES_MAX]):
        if data.strip() == DONE:
            story.ended = True
            continue
        try:
            said = orjson.loads(data)
        except orjson.JSONDecodeError:
            continue
        if isinstance(said, dict):
            story.read(name, said)
    lines: list[str] = []
    for index in sorted(story.choices):
        lines += told_lines(story, index)
    if story.usage:
        lines.append(usage_line(story.usage))
    if story.error is not None:
        lines.append(f"error: {orjson.dumps(story.error).decode()}")
    end = "the stream has its end" if story.ended else "the stream has no end yet"
    lines.append(f"-- {story.events} events, {end}")
    if len(raw) > INPUT_BYTES_MAX:
        lines.append(CUT)
    return "\n".join(lines)


def events_of(raw: bytes) -> Iterator[tuple[str, bytes]]:
    decoder = SseDecoder()
    try:
        yield from ((one.event, one.data) for one in decoder.feed(raw))
    except SseOverflow as overflow:
        yield from ((one.event, one.data) for one in overflow.events)


def told_lines(story: Story, index: int) -> Iterator[str]:
    told = story.choices[index]
    title = "answer" if len(story.choices) == 1 else f"answer {index}"
    if told.thoughts:
        yield f"## {title}: thoughts"
        yield "".join(told.thoughts) + "\n"
    if told.text:
        yield f"## {title}"
        yield "".join(told.text) + "\n"
    for call in told.calls.values():
        yield f"## {title}: tool call"
        yield "".join(call) + "\n"
    if told.finish:
        yield f"finish: {told.finish}"


def usage_line(usage: dict[str, Any]) -> str:
    return "usage: " + ", ".join(
        f"{name} {orjson.dumps(value).decode()}" for name, value in usage.items()
    )


def chat_text(raw: bytes) -> str:
    """A request for a chat, or a whole answer; ValueError if it is neither."""
    said = orjson.loads(raw)
    if not isinstance(said, dict):
        raise ValueError("no chat")
    lines = []
    for message in listed(said.get("messages")):
        lines += message_lines(message)
    if said.get("system"):
        lines = ["## system", content_text(said["system"]) + "\n", *lines]
    for choice in listed(said.get("choices")):
        lines += message_lines(mapped(choice.get("message")))
        lines.append(f"finish: {text_of(choice.get('finish_reason'))}")
    if said.get("role") == "assistant":
        lines += message_lines(said)
    if isinstance(said.get("usage"), dict):
        lines.append(usage_line(said["usage"]))
    shown = ("messages", "choices", "usage", "system", "content", "role")
    rest = {name: value for name, value in said.items() if name not in shown}
    lines.append("-- " + orjson.dumps(rest, option=orjson.OPT_INDENT_2).decode())
    return "\n".join(lines)


def message_lines(message: dict[str, Any]) -> list[str]:
    lines = [f"## {text_of(message.get('role'))}", content_text(message.get("content"))]
    for call in listed(message.get("tool_calls")):
        function = mapped(call.get("function"))
        name, arguments = function.get("name"), function.get("arguments")
        lines.append(f"tool call: {text_of(name)} {text_of(arguments)}")
    return [*lines, ""]


def content_text(content: Any) -> str:
    """A message's text, and of its other parts what they are."""
    if isinstance(content, str):
        return content
    texts = []
    for part in listed(content):
        text = part.get("text")
        kind = text_of(part.get("type"))
        texts.append(text if isinstance(text, str) else f"[{kind}]")
    return "\n".join(texts)


def listed(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]


def mapped(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def add_text(pieces: list[str], value: Any) -> None:
    if isinstance(value, str):
        pieces.append(value)
