"""Dialect: how one provider wants to be asked, and how it answers.

A dialect is data: a record of rules that the functions below apply, the same ones for
every provider that takes OpenAI's chat bodies. When such a provider's file needs an
`if`, this record is missing a field.

A provider with shapes of its own has three more functions, at the edges: `compose`
makes its request of a body that the rules were applied to, `unwrap` makes OpenAI's
answer of its own, and `translator` makes OpenAI's chunks of its stream's events. What
is between, checks and usage and errors and the end of a stream, is the same for all.

The contract, which the tests hold every dialect in the registry to:

- `chat_request` takes an ask that was checked and gives the whole request but for
  address and credential. What the provider cannot do is refused with BadParameter;
  what it does not know and can be missed is left out and named in `dropped`. The
  output limit it is given is always sent, and usage is always asked for.
- `read_answer` never gives an answer that is not one: garbage, an error under status
  200 and an answer the provider broke off raise UpstreamFailed or another ApiError.
- `open_stream` and `read_error` never raise.
- What makes images is in `imaging`, and what makes videos in `filming`, whose own files
  have their contracts.
- Everything is a pure function of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from addons.wire.chat_stream import (
    ChatStream,
    Translator,
    message_text,
    native_finish,
)
from addons.wire.checks import unsupported, wrong_value
from addons.wire.errors import ApiError, UpstreamFailed, UpstreamOverloaded
from addons.wire.openai import ChatAsk, usage_object
from addons.wire.usage import OPENAI_PATHS, Reported, Usage, UsagePaths, read_usage
from addons.wire.verdicts import COMMON, Verdicts, error_in, judge, judge_object

if TYPE_CHECKING:
    from addons.providers.filming import Filming
    from addons.providers.imaging import Imaging

Rewrite = Callable[[Any], Any]
# A body by OpenAI's names in, the provider's own out, with what it had to leave out.
Compose = Callable[[dict[str, Any], ChatAsk], tuple[dict[str, Any], tuple[str, ...]]]
# A provider's answer in, OpenAI's out, its usage still in the provider's words. What is
# no answer comes back as it is; LookupError, TypeError or ValueError for one that
# makes no sense.
Unwrap = Callable[[dict[str, Any]], dict[str, Any]]
Script = Iterator[tuple[float, bytes]]

NOTHING: Mapping[str, Any] = MappingProxyType({})
JSON_HEADERS: Mapping[str, str] = MappingProxyType(
    {"content-type": "application/json", "accept": "application/json"}
)
STREAM_HEADERS: Mapping[str, str] = MappingProxyType(
    {"content-type": "application/json", "accept": "text/event-stream"}
)
ANSWER_FIELDS = ("id", "created", "model", "system_fingerprint")
# Fewer brackets than this cannot be nested deeper than a JSON writer follows.
BRACKETS_SAFE = 200


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request for a provider; `path` is relative to the provider's base address."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    stream: bool
    dropped: tuple[str, ...] = ()

    def with_headers(self, headers: Mapping[str, str]) -> UpstreamRequest:
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True, slots=True)
class Sold:
    """What a request has a provider make, in the words that prices are in."""

    quantities: Mapping[str, int]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `body` is in OpenAI's shape, `text` is what must be counted,
    `finish` the reason the provider gave for its end, in its own word."""

    body: dict[str, Any]
    usage: Reported
    text: str
    finish: str = ""

    @property
    def id(self) -> str:
        """What the provider calls the answer; empty if it does not say."""
        found = self.body.get("id")
        return found if type(found) is str else ""


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def no_credential(secret: str) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's rules. The defaults are OpenAI's."""

    name: str
    auth: Callable[[str], dict[str, str]] = bearer
    path: str = "/chat/completions"
    headers: Mapping[str, str] = NOTHING

    # The request: fields left out, fields rewritten, fields always sent.
    drops: frozenset[str] = frozenset()
    rewrites: Mapping[str, Rewrite] = NOTHING
    constants: Mapping[str, Any] = NOTHING
    # Empty for a provider that reports usage unasked.
    stream_options: Mapping[str, Any] = MappingProxyType({"include_usage": True})
    output_limit_field: str = "max_tokens"
    end_user_field: str | None = None
    # Rewrites that see more than one field: the body in, the body out.
    adapt: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = ()
    compose: Compose | None = None

    # What the provider cannot do, so that the caller learns it from us.
    choices_max: int = 128
    choices_max_with_tools: int = 128
    images: bool = True
    refused: Mapping[str, frozenset[str]] = NOTHING
    # Parts of an answer that it never has: asked for, they cannot be missed.
    lacking: frozenset[str] = frozenset()

    # The answer.
    usage: UsagePaths = OPENAI_PATHS
    verdicts: Verdicts = COMMON
    fatal_finishes: frozenset[str] = frozenset()
    unwrap: Unwrap | None = None
    translator: Callable[[], Translator] | None = None

    # What it makes: chat answers, by all of the above; images and videos, by records of
    # their own.
    chats: bool = True
    imaging: Imaging | None = None
    filming: Filming | None = None

    # A provider that is played in this process instead of being called.
    reply: Callable[[Mapping[str, Any]], Script] | None = None

    def check(self, ask: ChatAsk) -> None:
        """BadParameter if this provider cannot do what is asked."""
        with_tools = "tools" in ask.body
        limit = self.choices_max_with_tools if with_tools else self.choices_max
        if ask.n > limit:
            raise wrong_value("n", f"at most {limit} for this model", ask.n)
        if ask.images and not self.images:
            raise unsupported("messages", "this model takes no images.")
        for name, values in self.refused.items():
            value = ask.body.get(name)
            if type(value) is str and value in values:
                raise unsupported(name, f"this model does not support '{value}'.")
        for name in self.lacking:
            if ask.body.get(name):
                raise unsupported(name, "this model's answers do not have it.")

    def chat_request(
        self,
        ask: ChatAsk,
        upstream_model: str,
        output_limit: int | None,
        end_user: str | None = None,
        stream: bool | None = None,
    ) -> UpstreamRequest:
        """The ask as this provider wants it; BadParameter if it cannot do it."""
        self.check(ask)
        streams = ask.stream if stream is None else stream
        body: dict[str, Any] = {"model": upstream_model}
        for name, value in ask.body.items():
            if name not in self.drops:
                rewrite = self.rewrites.get(name)
                body[name] = value if rewrite is None else rewrite(value)
        body |= self.constants
        if ask.n > 1:
            body["n"] = ask.n
        if output_limit is not None:
            body[self.output_limit_field] = output_limit
        if self.end_user_field is not None and end_user is not None:
            body[self.end_user_field] = end_user
        if streams:
            body["stream"] = True
            if self.stream_options:
                body["stream_options"] = dict(self.stream_options)
        for adapt in self.adapt:
            body = adapt(body)
        dropped = tuple(name for name in ask.body if name in self.drops)
        if self.compose is not None:
            body, left_out = self.compose(body, ask)
            dropped += left_out
        headers = STREAM_HEADERS if streams else JSON_HEADERS
        return UpstreamRequest(
            method="POST",
            path=self.path,
            headers={**headers, **self.headers} if self.headers else headers,
            body=orjson.dumps(body),
            stream=streams,
            dropped=dropped,
        )

    def read_answer(self, raw: bytes) -> Answer:
        """The answer in a body that came with status 200."""
        answer = _parsed(raw)
        if self.unwrap is not None:
            answer = _unwrapped(self.unwrap, answer)
        choices = answer.get("choices")
        if not choices or "error" in answer:
            error = error_in(answer)
            if error is not None:
                raise judge_object(error, self.verdicts)
        if type(choices) is not list or not choices:
            raise _malformed("no choices")
        texts = [self._read_choice(choice) for choice in choices]
        _check_depth(raw, choices)
        usage = read_usage(answer, self.usage)
        body: dict[str, Any] = {"object": "chat.completion"}
        for name in ANSWER_FIELDS:
            if type(answer.get(name)) in (int, str):
                body[name] = answer[name]
        body["choices"] = choices
        if isinstance(usage, Usage):
            body["usage"] = usage_object(usage)
        return Answer(
            body=body,
            usage=usage,
            text="\n".join(texts),
            finish=native_finish(answer, choices[0].get("finish_reason") or ""),
        )

    def open_stream(
        self,
        model: str,
        request_id: str,
        include_usage: bool = False,
        *,
        choices: int = 1,
        created: int = 0,
    ) -> ChatStream:
        """What turns this provider's stream into the caller's."""
        return ChatStream(
            model,
            request_id,
            self.usage,
            include_usage,
            choices=choices,
            created=created,
            judge=partial(judge_object, verdicts=self.verdicts),
            fatal_finishes=self.fatal_finishes,
            translator=None if self.translator is None else self.translator(),
        )

    def read_error(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> ApiError:
        """What an answer with another status than 200 means for the caller."""
        return judge(status, headers, body, self.verdicts)

    def _read_choice(self, choice: Any) -> str:
        """A choice's text; the keys that clients rely on are filled in."""
        message = choice.get("message") if type(choice) is dict else None
        if type(message) is not dict:
            raise _malformed("a choice without a message")
        reason = choice.get("finish_reason") or ""
        if type(reason) is not str:
            raise _malformed("a finish_reason that is not text")
        if reason in self.fatal_finishes:
            raise UpstreamOverloaded(detail=f"finish_reason {reason}")
        choice.setdefault("index", 0)
        choice.setdefault("logprobs", None)
        message.setdefault("role", "assistant")
        message.setdefault("content", None)
        message.setdefault("refusal", None)
        try:
            return message_text(message)
        except ValueError:
            raise _malformed("a message that is not text") from None


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed(str(error)) from None
    if type(answer) is not dict:
        raise _malformed("no object")
    return answer


def _unwrapped(unwrap: Unwrap, answer: dict[str, Any]) -> dict[str, Any]:
    try:
        return unwrap(answer)
    except (LookupError, TypeError, ValueError):
        # An argument nested too deeply to be written again is a TypeError.
        raise _malformed("an answer that makes no sense") from None


def _check_depth(raw: bytes, choices: list[Any]) -> None:
    """What cannot be written again must not be taken for an answer."""
    if raw.count(b"[") + raw.count(b"{") <= BRACKETS_SAFE:
        return
    try:
        orjson.dumps({"choices": choices})
    except orjson.JSONEncodeError:
        raise _malformed("nested too deeply") from None


def _malformed(reason: str) -> UpstreamFailed:
    return UpstreamFailed(detail=f"malformed answer: {reason}")


# Rewrites that more than one provider needs.


def clamp(low: Any, high: Any) -> Rewrite:
    """For an open interval at a provider where callers have a closed one."""
    return lambda value: min(max(value, low), high)


def developer_as_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For providers that know the older name of the role only."""
    return [
        {**message, "role": "system"} if message["role"] == "developer" else message
        for message in messages
    ]


def flat_text(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For providers that take text as a string only, arrays for images alone."""
    return [{**message, **_flat(message)} for message in messages]


def _flat(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if type(content) is not list or any(p["type"] == "image_url" for p in content):
        return {}
    return {"content": "".join(part[part["type"]] for part in content)}


def without(*keys: str) -> Rewrite:
    """For providers that refuse fields of messages which others know."""
    removed = frozenset(keys)

    def rewrite(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            message
            if message.keys().isdisjoint(removed)
            else {key: message[key] for key in message if key not in removed}
            for message in messages
        ]

    return rewrite


def in_turn(*rewrites: Rewrite) -> Rewrite:
    def rewrite(value: Any) -> Any:
        for step in rewrites:
            value = step(value)
        return value

    return rewrite


def schema_as_instruction(body: dict[str, Any]) -> dict[str, Any]:
    """For providers that promise JSON but follow no schema: the schema as a message."""
    wanted = body.get("response_format")
    if not wanted or wanted["type"] != "json_schema":
        return body
    schema = orjson.dumps(wanted["json_schema"].get("schema", {})).decode()
    instruction = {
        "role": "system",
        "content": f"Answer with JSON alone that follows this JSON schema: {schema}",
    }
    return {
        **body,
        "messages": [instruction, *body["messages"]],
        "response_format": {"type": "json_object"},
    }
