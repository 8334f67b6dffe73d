"""Redacting: what a copy of the traffic may hold when it leaves the worker.

By what is allowed, not by what is known to be secret: a header's value is shown if its
name is in the list below, a query's values never, and with prompts withheld no text of
a body but the words that the API defines. What is shown is then cleaned of whatever
looks like a key or an e-mail address, and of all our own credentials, wherever they
stand; so is the head of the copy itself, which has the paths and reasons in it.

All of it is pure and never fails open: what cannot be read is not shown.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson

SHOWN_HEADERS = frozenset(
    (
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "expect",
        "host",
        "idempotency-key",
        "openai-processing-ms",
        "range",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "server",
        "traceparent",
        "transfer-encoding",
        "user-agent",
        "x-accel-buffering",
        "x-ds-trace-id",
        "x-request-id",
        "x-should-retry",
    )
)
SHOWN_PREFIXES = (
    "access-control-",
    "anthropic-ratelimit-",
    "x-autolist-",
    "x-ratelimit-",
    "x-stainless-",
)
# Where a body's text is no user's: words that the APIs define. A model's name is none,
# because anything may be asked for; the facts have it if there is such a model.
PLAIN_FIELDS = frozenset(
    (
        "aspect_ratio",
        "code",
        "finish_reason",
        "id",
        "object",
        "quality",
        "resolution",
        "response_format",
        "role",
        "service_tier",
        "size",
        "status",
        "stop_reason",
        "style",
        "system_fingerprint",
        "tool_choice",
        "type",
    )
)
# Below these even the names of fields are the user's own.
OPAQUE_FIELDS = frozenset(
    (
        "arguments",
        "functions",
        "input",
        "logit_bias",
        "metadata",
        "parameters",
        "schema",
        "tools",
    )
)
PLAIN_CHARS_MAX = 64
HEADERS_MAX = 64
HEADER_BYTES_MAX = 512
HIDDEN = "[hidden]"
SECRET = b"[secret]"
EMAIL = b"[e-mail]"
WITHHELD = b"[withheld]"
DONE = b"[DONE]"
EVENT_STREAM = "text/event-stream"

# A few characters that every match of a pattern has: looking for them is much cheaper.
_EMAIL_HINTS = (b"@", b"u0040", b"%40")
_SIGNED_HINTS = (b"ignature=", b"sig=")
_KEY_HINTS = (b"tk_", b"sk-")
_GATES = (
    (b"@", (b"@",)),
    (b"\\", (b"u0040",)),
    (b"%", (b"%40",)),
    (b"=", _SIGNED_HINTS),
)
# Not into the middle of one of JSON's escapes, which would leave half of it behind.
_EMAIL = re.compile(
    rb"(?<!\\)(?<!\\u)(?<!\\u.)(?<!\\u..)(?<!\\u...)"
    rb"[A-Za-z0-9._%+'-]{1,64}(?:@|\\u0040|%40)[A-Za-z0-9-]{1,63}"
    rb"(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_KEY = re.compile(
    rb"(?:tk_|sk-)[A-Za-z0-9_-]{12,}"
)
# What lets whoever has an address see what is there.
_SIGNED = re.compile(
    rb"((?:[Ss]ignature|[Ss]ig|[Tt]oken|[Cc]redential)=)[^&\\\"'<>\s]{8,}"
)
_PLAIN = re.compile(r"[A-Za-z0-9._:/ -]*", re.ASCII)

type Fields = list[tuple[str, str]]


class Redaction:
    """What one worker takes out of everything it sends. `secrets` are its own."""

    def __init__(self, secrets: Iterable[str], prompts: bool) -> None:
        self.secrets = written(secrets)
        self.prompts = prompts
        # A secret that has a hint in it is found by that.
        bare = [one for one in self.secrets if not any(h in one for h in _KEY_HINTS)]
        self.needles = (*_KEY_HINTS, *bare)

    def is_clean(self, raw: bytes) -> bool:
        """Whether there is nothing in a text that has to be looked at."""
        # A single character is looked for ten times as fast as a word with it.
        for character, words in _GATES:
            if character in raw and any(word in raw for word in words):
                return False
        for needle in self.needles:
            if needle in raw:
                return False
        return True

    def clean(self, raw: bytes) -> bytes:
        """Any text, without what gives access or says who somebody is."""
        for secret in self.secrets:
            if secret in raw:
                raw = raw.replace(secret, SECRET)
        for hint in _KEY_HINTS:
            if hint in raw:
                raw = _KEY.sub(SECRET, raw)
                break
        for hint in _SIGNED_HINTS:
            if hint in raw:
                raw = _SIGNED.sub(rb"\1" + SECRET, raw)
                break
        for hint in _EMAIL_HINTS:
            if hint in raw:
                return _EMAIL.sub(EMAIL, raw)
        return raw

    def body(self, raw: bytes, content_type: str, is_cut: bool) -> bytes:
        """A body as it may be shown once it is cleaned; of one that is cut it is the
        start."""
        if is_cut and self.secrets:
            # The cut may go through a secret: what is left of it shows no more of it.
            raw = without_start_of(raw, self.secrets)
        if not self.prompts:
            raw = without_texts(raw, content_type)
        return raw


def written(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """Secrets as they may stand in a text, and in JSON; the longest first, for one may
    begin with another."""
    found = set()
    for secret in secrets:
        if secret:
            found.add(secret.encode("utf-8", "surrogateescape"))
            found.add(orjson.dumps(secret)[1:-1])
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


def without_start_of(raw: bytes, secrets: Iterable[bytes]) -> bytes:
    """A text without the start of a secret at its end."""
    for secret in secrets:
        for length in range(min(len(secret), len(raw)), 3, -1):
            if raw.endswith(secret[:length]):
                return raw[:-length] + SECRET
    return raw


def shown_headers(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """All names, and the values of those that are allowed; no more of either than
    anybody looks at."""
    return [
        (name, value[:HEADER_BYTES_MAX].decode("utf-8", "replace") if shown else HIDDEN)
        for raw_name, value in islice(headers, HEADERS_MAX)
        for name, shown in (judged(raw_name),)
    ]


def shown_texts(headers: Mapping[str, str]) -> Fields:
    """The same of headers that are texts already."""
    return [
        (name, sound(value[:HEADER_BYTES_MAX]) if shown else HIDDEN)
        for text, value in islice(headers.items(), HEADERS_MAX)
        for name, shown in (judged(text),)
    ]


@lru_cache(maxsize=1024)
def judged(raw_name: bytes | str) -> tuple[str, bool]:
    """A header's name, and whether its value may be shown."""
    if isinstance(raw_name, bytes):
        raw_name = raw_name.decode("latin-1")
    name = sound(raw_name[:HEADER_BYTES_MAX])
    lower = name.lower()
    return name, lower in SHOWN_HEADERS or lower.startswith(SHOWN_PREFIXES)


def sound(text: str) -> str:
    """A text without what was no character, which JSON could not carry."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def shown_target(target: str) -> str:
    """A path, and that there was a query: signatures and addresses are in those."""
    path, mark, _ = target.partition("?")
    return f"{path}?{HIDDEN}" if mark else path


def without_texts(raw: bytes, content_type: str) -> bytes:
    """A body with its form and figures and without its texts; nothing of one that is
    not understood."""
    if not raw:
        return raw
    if content_type.startswith(EVENT_STREAM):
        return b"\n".join(without_text_of_line(line) for line in raw.split(b"\n"))
    return rewritten(raw, WITHHELD)


def without_text_of_line(line: bytes) -> bytes:
    """Of an event stream; its last line may be cut."""
    name, mark, value = line.strip().partition(b":")
    if not mark:
        return b""
    if name == b"event":
        return b"event:" + (value if _PLAIN.fullmatch(value.decode("latin-1")) else b"")
    if name != b"data":
        return b""
    if value.strip() == DONE:
        return line
    return b"data: " + rewritten(value, WITHHELD)


def rewritten(raw: bytes, otherwise: bytes) -> bytes:
    try:
        return orjson.dumps(form_of(orjson.loads(raw)))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return otherwise


def form_of(value: Any, plain: bool = False) -> Any:
    """A value whose texts are only their lengths, unless they are plain words."""
    if isinstance(value, str):
        if plain and len(value) <= PLAIN_CHARS_MAX and _PLAIN.fullmatch(value):
            return value
        return f"[{len(value)} characters]"
    if isinstance(value, list):
        return [form_of(item, plain) for item in value]
    if isinstance(value, dict):
        return {field_name(name): form_of_field(name, value[name]) for name in value}
    return value


def form_of_field(name: str, value: Any) -> Any:
    if name in OPAQUE_FIELDS:
        return WITHHELD.decode()
    return form_of(value, name in PLAIN_FIELDS)


def field_name(name: str) -> str:
    """As the APIs name fields; another one may be anybody's text."""
    return name if name.replace("_", "").isalnum() and len(name) <= 40 else HIDDEN
