"""OpenAI's chat dialect, the one callers speak: a body in, an answer out.

`read_chat` turns a caller's bytes into a `ChatAsk`: everything checked, everything
that decides cost in a field of its own, and the rest an allow-listed body that each
provider's dialect turns into its own request. JSON is read whatever the content type
says, because the documented example sends it as a form.

What the gateway decides itself is not in `ChatAsk.body`: the model's name upstream,
streaming, the number of choices, the output limit, and the end user's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from addons.wire.chat_schema import (
    CHOICES_MAX,
    FIELDS,
    NAME_CHARS_MAX,
    OUTPUT_TOKENS_MAX,
    Tally,
    check_messages,
)
from addons.wire.checks import filled, flag, mapping, missing, whole
from addons.wire.errors import BadJson
from addons.wire.usage import Usage

TEMPERATURE = 0.7
TEMPERATURE_ALONE = frozenset({"temperature"})
NONE: frozenset[str] = frozenset()
PROMPT_OVERHEAD_TOKENS = 16
# What a message and the start of a reply really cost: for counting, not for bounds.
MESSAGE_TOKENS = 3
REPLY_TOKENS = 3
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Read here, so neither sent as they are nor reported as dropped. The provider gets a
# name of ours in place of `user`.
OWN = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "n",
        "safety_identifier",
        "stream",
        "stream_options",
        "user",
    }
)

_model = filled(NAME_CHARS_MAX)
_choices = whole(1, CHOICES_MAX)
_output_limit = whole(1, OUTPUT_TOKENS_MAX)


@dataclass(frozen=True, slots=True)
class ChatAsk:
    """What a caller asks of a chat model. Nobody changes `body`.

    `input_tokens_max` bounds the input from above, images not included: no tokenizer
    makes more tokens of a text than it has bytes. `dropped` names fields not sent on,
    `output_limit_name` the field that the output limit was sent in, `defaulted` what is
    in `body` only because the caller said nothing about it.
    """

    model: str
    stream: bool
    n: int
    output_limit: int | None
    include_usage: bool
    body: dict[str, Any]
    dropped: tuple[str, ...]
    input_tokens_max: int
    images: int
    output_limit_name: str = "max_tokens"
    defaulted: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """All text of the prompt, for counting."""
        return "\n".join(prompt_texts(self.body))

    @property
    def overhead_tokens(self) -> int:
        """What the messages cost beside their text, for counting."""
        return MESSAGE_TOKENS * len(self.messages) + REPLY_TOKENS

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["messages"]
        return found


def read_chat(raw: bytes) -> ChatAsk:
    """The ask in a request's body; BadJson or BadParameter if there is none."""
    return chat_of(parsed(raw))


def chat_of(sent: Mapping[str, Any]) -> ChatAsk:
    """The ask in an object that was a body, or stood in one."""
    model = sent.get("model")
    if model is None:
        raise missing("model")
    _model(model, "model")
    if sent.get("messages") is None:
        raise missing("messages")
    tally = Tally()
    body: dict[str, Any] = {
        "messages": check_messages(sent["messages"], tally),
        "temperature": TEMPERATURE,
    }
    for name, value in sent.items():
        if value is None:
            continue
        check = FIELDS.get(name)
        if check is not None:
            body[name] = check(value, name, tally)
        elif name not in OWN:
            tally.drop(name)
    stream = sent.get("stream")
    output_limit_name, output_limit = _read_output_limit(sent)
    return ChatAsk(
        model=model,
        stream=stream is not None and flag(stream, "stream"),
        n=1 if sent.get("n") is None else _choices(sent["n"], "n"),
        output_limit=output_limit,
        include_usage=_read_include_usage(sent),
        body=body,
        dropped=tuple(tally.dropped),
        input_tokens_max=tally.bytes + tally.tokens + PROMPT_OVERHEAD_TOKENS,
        images=tally.images,
        output_limit_name=output_limit_name,
        defaulted=NONE if sent.get("temperature") is not None else TEMPERATURE_ALONE,
    )


def prompt_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a prompt, tools and schema as the JSON they are sent in."""
    for message in body["messages"]:
        yield from message_texts(message)
    for name in ("tools", "response_format"):
        if name in body:
            yield orjson.dumps(body[name]).decode()


def message_texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        yield part.get("text") or part.get("refusal") or ""
    for name in ("name", "refusal", "reasoning_content"):
        if message.get(name):
            yield message[name]
    for call in message.get("tool_calls") or ():
        yield call["function"]["name"]
        yield call["function"]["arguments"]


def answer_body(
    answer: Mapping[str, Any],
    model: str,
    cost: str,
    usage: Usage | None = None,
    *,
    request_id: str | None = None,
    created: int | None = None,
) -> bytes:
    """A provider's answer as the caller gets it: our model name, and what it cost.

    Without `usage` the provider's own figures are kept. `created` stands in only for
    a provider that does not say when.
    """
    body = {**answer, "model": model}
    if request_id is not None:
        body["id"] = request_id
    if created is not None and not body.get("created"):
        body["created"] = created
    if usage is not None:
        body["usage"] = usage_object(usage, cost)
    else:
        body["usage"] = {**(body.get("usage") or {}), "cost": orjson.Fragment(cost)}
    return orjson.dumps(body)


def usage_object(usage: Usage, cost: str | None = None) -> dict[str, Any]:
    """Usage in OpenAI's shape; `cost` in dollars becomes a JSON number, digit by digit.

    A text that is not a finite decimal would make the whole answer invalid; it comes
    from the one function that formats money.
    """
    prompt, output = usage.prompt, usage.quantities.get("output", 0)
    shape: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {
            "cached_tokens": usage.quantities.get("cache_read", 0),
            "cache_write_tokens": usage.quantities.get("cache_write", 0)
            + usage.quantities.get("cache_write_1h", 0),
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    if cost is not None:
        shape["cost"] = orjson.Fragment(cost)
    return shape


def parsed(raw: bytes) -> dict[str, Any]:
    """A body as the JSON object it must be; BadJson if it is none."""
    if not raw:
        raise BadJson("The body is empty; it must be a JSON object.")
    try:
        sent = orjson.loads(raw.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise BadJson(f"The body is not valid JSON: {error}") from None
    if type(sent) is not dict:
        raise BadJson("The body must be a JSON object.")
    return sent


def _read_output_limit(sent: Mapping[str, Any]) -> tuple[str, int | None]:
    """Name and limit; the newer name wins when both are sent; both are checked."""
    found: tuple[str, int | None] = ("max_tokens", None)
    for name in ("max_tokens", "max_completion_tokens"):
        if sent.get(name) is not None:
            found = (name, _output_limit(sent[name], name))
    return found


def _read_include_usage(sent: Mapping[str, Any]) -> bool:
    options = sent.get("stream_options")
    if options is None:
        return False
    include = mapping(options, "stream_options").get("include_usage")
    if include is None:
        return False
    return flag(include, "stream_options.include_usage")
