"""Demo: a provider without a network, for a first run and for examples.

It answers in the language it is asked in, says honestly that no model is behind it,
and repeats the question, so that a newcomer sees the whole way work: streaming, word
by word; limits; several choices; usage; the charge. The same request gets the same
answer always. Tokens are counted as for any text, so its figures are plausible ones.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from addons.providers import demo_images, demo_videos
from addons.providers.base import Dialect, Script, no_credential
from addons.providers.demo_calls import demo_calls
from addons.wire.openai import (
    MESSAGE_TOKENS,
    REPLY_TOKENS,
    message_texts,
    prompt_texts,
)
from addons.wire.tokens import count_tokens

THINKING_SECONDS = 0.05
WORD_SECONDS = 0.02
QUOTE_CHARS_MAX = 200
ANSWER_ID = "chatcmpl-demo"
MODEL = "demo-chat"

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
# Japanese and Korean have Han letters too, beside letters of their own.
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
# A word with the space before it, or one letter where there are no spaces.
_WORD = re.compile(r"\s*[^\s\u0300-\U0010ffff]+|\s*\S|\s+")


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the demo says in one language."""

    greeting: str
    quoted: str
    wordless: str
    pictures: str
    outlook: str


CHINESE = Phrases(
    greeting="你好！这里是 AutoList Token 的演示模型，背后没有真正的 AI。",
    quoted="你刚才说：“{quote}”。",
    wordless="你没有写文字。",
    pictures="我收到了 {images} 张图片，但看不到内容。",
    outlook="配置好供应商的密钥后，同样的请求会由真正的模型回答。",
)
ENGLISH = Phrases(
    greeting="Hello! This is AutoList Token's demo; there is no real model behind it.",
    quoted=" You said: “{quote}”.",
    wordless=" You wrote no text.",
    pictures=" I received {images} image(s) but cannot see them.",
    outlook=" Once a provider's key is set, a real model answers the same request.",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One choice of an answer; all choices of a demo answer are alike."""

    words: tuple[str, ...]
    finish_reason: str
    calls: Sequence[dict[str, Any]] = ()

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def tokens(self) -> int:
        """What it costs to say, arguments of calls included."""
        return count_tokens(self.text) + _call_tokens(self.calls)


def demo_reply(request: Mapping[str, Any]) -> Script:
    """The answer to a request's body: pauses in seconds, and the bytes after each."""
    if "prompt" in request:
        return iter([(THINKING_SECONDS, demo_images.answer(request))])
    if "video" in request or "task" in request:
        return iter([(THINKING_SECONDS, demo_videos.answer(request))])
    reply = compose(request)
    choices = request.get("n", 1)
    usage = _usage(request, reply, choices)
    if request.get("stream"):
        return _stream(reply, choices, usage)
    return _whole(reply, choices, usage)


def compose(request: Mapping[str, Any]) -> Reply:
    """What the demo says to a request, within its limits."""
    limit = request.get("max_tokens")
    calls = demo_calls(request)
    if calls:
        # Half a call is none.
        whole = limit is None or _call_tokens(calls) <= limit
        return Reply((), "tool_calls", calls) if whole else Reply((), "length")
    said = speak(request["messages"])
    wanted = request.get("response_format") or {}
    if wanted.get("type", "text") != "text":
        said = orjson.dumps({"demo": True, "message": said}).decode()
    stop = request.get("stop") or ()
    for text in (stop,) if isinstance(stop, str) else stop:
        said = said.partition(text)[0]
    words = tuple(_WORD.findall(said))
    if limit is None:
        return Reply(words, "stop")
    kept = _within(words, limit)
    return Reply(kept, "stop" if kept == words else "length")


def speak(messages: list[dict[str, Any]]) -> str:
    """The demo's sentences about the last thing its user said."""
    asked = [message for message in messages if message["role"] == "user"]
    last = asked[-1] if asked else {"content": ""}
    quote = " ".join("\n".join(message_texts(last)).split())
    images = _images(last)
    phrases = CHINESE if _is_chinese(quote or _all_text(messages)) else ENGLISH
    said = [phrases.greeting]
    if quote:
        said.append(phrases.quoted.format(quote=_cut(quote)))
    elif not images:
        said.append(phrases.wordless)
    if images:
        said.append(phrases.pictures.format(images=images))
    return "".join([*said, phrases.outlook])


def _stream(reply: Reply, choices: int, usage: dict[str, Any]) -> Script:
    everyone = range(choices)
    first = {"role": "assistant", "content": None if reply.calls else ""}
    yield THINKING_SECONDS, b"".join(_chunk(index, first) for index in everyone)
    for word in reply.words:
        said = b"".join(_chunk(index, {"content": word}) for index in everyone)
        yield WORD_SECONDS, said
    for place, call in enumerate(reply.calls):
        yield WORD_SECONDS, b"".join(_call_chunks(everyone, place, call))
    ends = b"".join(_chunk(index, {}, reply.finish_reason) for index in everyone)
    frame = {**_head("chat.completion.chunk"), "choices": [], "usage": usage}
    yield 0, ends + _frame(frame) + b"data: [DONE]\n\n"


def _whole(reply: Reply, choices: int, usage: dict[str, Any]) -> Script:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    message["refusal"] = None
    if reply.calls:
        message |= {"content": None, "tool_calls": reply.calls}
    body = {
        **_head("chat.completion"),
        "choices": [
            {
                "index": index,
                "message": message,
                "logprobs": None,
                "finish_reason": reply.finish_reason,
            }
            for index in range(choices)
        ],
        "usage": usage,
    }
    yield THINKING_SECONDS, orjson.dumps(body)


def _usage(request: Mapping[str, Any], reply: Reply, choices: int) -> dict[str, Any]:
    messages = request["messages"]
    prompt = REPLY_TOKENS + MESSAGE_TOKENS * len(messages)
    prompt += sum(count_tokens(text) for text in prompt_texts(request))
    limit = request.get("max_tokens")
    output = reply.tokens
    output = (output if limit is None else min(output, limit)) * choices
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
    }


def _within(words: tuple[str, ...], tokens_max: int) -> tuple[str, ...]:
    """As many words as fit, counted together: each alone would count for more."""
    fitting = bisect_right(
        range(len(words) + 1),
        tokens_max,
        key=lambda end: count_tokens("".join(words[:end])),
    )
    return words[: fitting - 1]


def _call_tokens(calls: Sequence[Mapping[str, Any]]) -> int:
    functions = [call["function"] for call in calls]
    return sum(count_tokens(one["name"] + one["arguments"]) for one in functions)


def _call_chunks(
    everyone: Iterable[int], place: int, call: Mapping[str, Any]
) -> Iterator[bytes]:
    """A call in two pieces, as a model sends it: its name, then its arguments."""
    function = call["function"]
    head = {**call, "index": place, "function": {**function, "arguments": ""}}
    rest = {"index": place, "function": {"arguments": function["arguments"]}}
    for part in (head, rest):
        for index in everyone:
            yield _chunk(index, {"tool_calls": [part]})


def _chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return _frame({**_head("chat.completion.chunk"), "choices": [choice]})


def _head(kind: str) -> dict[str, Any]:
    # The time is left to the gateway, which has a clock.
    return {"id": ANSWER_ID, "object": kind, "created": 0, "model": MODEL}


def _frame(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _is_chinese(text: str) -> bool:
    return bool(_HAN.search(text)) and not _KANA_OR_HANGUL.search(text)


def _all_text(messages: list[dict[str, Any]]) -> str:
    return "\n".join(text for message in messages for text in message_texts(message))


def _images(message: Mapping[str, Any]) -> int:
    content = message["content"]
    if not isinstance(content, list):
        return 0
    return sum(part["type"] == "image_url" for part in content)


def _cut(text: str) -> str:
    return text if len(text) <= QUOTE_CHARS_MAX else text[:QUOTE_CHARS_MAX] + "…"


DEMO = Dialect(
    name="demo",
    auth=no_credential,
    drops=frozenset({"reasoning_effort", "verbosity"}),
    imaging=demo_images.DEMO_IMAGES,
    filming=demo_videos.DEMO_VIDEOS,
    reply=demo_reply,
)
