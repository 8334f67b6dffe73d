"""Inspecting: the last in the chain, which shows the operator what passed.

Where an inspector runs, each request of the API gets a tape. When the request is over
its copy goes out: one entry for what the client asked and was answered, and one for
each call to a provider. Several of them are copied in one go, a moment later, which
costs less than each by itself between two pieces of other work. What takes longer is
shown while it runs, by a task that looks some times a second, so that a request that
is quick costs one frame for each entry and nothing before its end. How much is copied
depends on the key; what people do on pages is never shown, because their forms carry
passwords.

A frame that was dropped, or that went to an inspector which is gone, is made good by
the next one: each entry knows on which connection it was last sent in full.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.utils import asyncio_utils

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.filming.told import JobCall
from addons.inspector.errands import errand_of
from addons.inspector.facts import (
    NANOSECONDS,
    Head,
    call_head,
    call_id,
    capture,
    request_head,
)
from addons.inspector.framing import GROW, PUT, packed
from addons.inspector.redacting import EVENT_STREAM, Redaction
from addons.inspector.sending import Sending
from addons.upstream.tape import Body, Tape, TapedCall
from config.inspector import InspectorSettings, Level
from config.price_text import terms_text
from config.settings import Policies, Settings
from storage.clock import Clock

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
# How long what is over waits for others, how many of them there may be, and how many
# are copied before production has its turn.
GATHER_SECONDS = 0.05
OVER_MAX = 256
TELL_MAX = 16
# Entries that are sent in one look; the others are next.
LOOKS_MAX = 256
# A shorter word than this is no secret, and would be found everywhere.
SECRET_CHARS_MIN = 6
# Prices that were in force lately.
TERMS_MAX = 1024
# Their answers are files, or nothing.
UNSHOWN = frozenset((Kind.MEDIA, Kind.VIDEO_CONTENT, Kind.PREFLIGHT))


@dataclass(slots=True)
class Sent:
    """How much of an entry the inspector has: on which connection, what it stood for,
    how far its answer went, in bytes as they were and as they were sent, and whether
    all of that was as it passed."""

    connection: int = 0
    progress: tuple[object, ...] = ()
    raw_bytes: int = 0
    sent_bytes: int = 0
    is_whole: tuple[bool, bool] = True, True


@dataclass(slots=True, eq=False)
class Watched:
    """A request that runs; `calls` has what was sent of its calls, in their order."""

    flow: HTTPFlow
    exchange: Exchange
    tape: Tape
    level: Level
    request: Sent = field(default_factory=Sent)
    calls: list[Sent] = field(default_factory=list)


class Inspecting:
    """Makes copies of exchanges and sends them off."""

    def __init__(
        self,
        settings: InspectorSettings,
        policies_of: Callable[[Exchange], Policies],
        sending: Sending,
        secrets: Iterable[str],
        clock: Clock,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.settings = settings
        self.policies_of = policies_of
        self.sending = sending
        self.secrets = frozenset(secrets)
        self.redaction = self.redact()
        self.clock = clock
        self.look_seconds = look_seconds
        self.quick_ns = int(look_seconds * NANOSECONDS)
        self.watched: dict[str, Watched] = {}
        self.terms: dict[str, str] = {}
        # What is over, with the moment of that.
        self.over: deque[tuple[Watched, int]] = deque()
        self.ended = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def running(self) -> None:
        self.sending.start()
        self.tasks = [
            asyncio_utils.create_task(work, name="inspecting", keep_ref=True)
            for work in (self.look_on(), self.tell_on())
        ]

    def done(self) -> None:
        self.sending.stop()
        for task in self.tasks:
            task.cancel()

    def configured(self, settings: Settings) -> None:
        """Other secrets may pass now, and those of before still may."""
        self.secrets |= frozenset(secrets_of(settings))
        self.redaction = self.redact()

    def redact(self) -> Redaction:
        return Redaction(sorted(self.secrets), self.settings.prompts == "show")

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if not exchange.endpoint.api or exchange.endpoint.kind in UNSHOWN:
            return
        caller = exchange.caller
        level = self.settings.level_of(None if caller is None else caller.id)
        if level == "off":
            return
        limit_bytes = self.settings.body_bytes if level == "full" else 0
        tape = exchange.tape = Tape(limit_bytes)
        self.watched[exchange.id] = Watched(flow, exchange, tape, level)

    def responseheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.tape is not None and exchange.began and flow.response is not None:
            flow.response.stream = exchange.tape.answer.passed

    def left(self, flow: HTTPFlow, exchange: Exchange) -> None:
        """The request is over: nothing of it changes any more."""
        watched = self.watched.pop(exchange.id, None)
        if watched is None:
            return
        self.over.append((watched, self.clock.monotonic_ns()))
        self.ended.set()
        if len(self.over) > OVER_MAX:
            self.tell()

    async def tell_on(self) -> None:
        """Send what is over, some requests in one go."""
        while True:
            await self.ended.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self.ended.clear()
            while self.over:
                self.tell()
                await asyncio.sleep(0)

    def tell(self) -> None:
        for _ in range(min(len(self.over), TELL_MAX)):
            watched, ended_ns = self.over.popleft()
            try:
                self.send_all(watched, False, ended_ns)
            except Exception:
                # Of the others there is nothing wrong.
                logger.exception("%s cannot be shown", watched.exchange.id)

    def called(self, call: JobCall) -> None:
        """A provider was asked about a job, for nobody who waits."""
        level = self.settings.level_of(call.job.key_id)
        if level == "off":
            return
        if not self.sending.connected:
            self.sending.dropped += 1
            return
        limit_bytes = self.settings.body_bytes if level == "full" else 0
        made = errand_of(call, level, limit_bytes)
        self.send(made.head, {}, Sent(), (), made.call.body, made.call)

    async def look_on(self) -> None:
        """Send what is new of all that runs, again and again."""
        while True:
            await asyncio.sleep(self.look_seconds)
            if not self.sending.connected:
                continue
            try:
                self.look()
            except Exception:
                # If this ended, nothing would be seen any more before it is over.
                logger.exception("what runs cannot be shown")

    def look(self) -> None:
        now_ns = self.clock.monotonic_ns()
        for watched in list(self.watched.values())[:LOOKS_MAX]:
            if len(self.watched) > LOOKS_MAX:
                # The next look begins with others.
                self.watched[watched.exchange.id] = self.watched.pop(
                    watched.exchange.id
                )
            # Most are over before anybody could have seen them run.
            if now_ns - watched.exchange.started_ns >= self.quick_ns:
                self.send_all(watched, True, now_ns)

    def send_all(self, watched: Watched, live: bool, now_ns: int) -> None:
        if not self.sending.connected:
            self.sending.dropped += 1 + len(watched.tape.calls)
            return
        self.send_request(watched, live, now_ns)
        for index, call in enumerate(watched.tape.calls):
            if index == len(watched.calls):
                watched.calls.append(Sent())
            self.send_call(watched, index, call, live, now_ns)

    def send_request(self, watched: Watched, live: bool, now_ns: int) -> None:
        exchange, flow, tape = watched.exchange, watched.flow, watched.tape
        sent, progress = watched.request, (live, exchange.attempts, exchange.began)
        if self.is_known(sent, progress):
            if exchange.began:
                self.send_more(exchange.id, sent, tape.answer)
            return
        head = request_head(flow, exchange, watched.level, live, now_ns)
        body = answer_of(flow, exchange, tape, live)
        head["answer_size"] = body.size
        facts = {} if live else self.capture_of(exchange)
        self.send(head, facts, sent, progress, body, flow)

    def send_call(
        self, watched: Watched, index: int, call: TapedCall, live: bool, now_ns: int
    ) -> None:
        outcome = watched.exchange.trail[call.number - 1].outcome
        progress = live, call.status, outcome, call.ended_ns is not None
        sent = watched.calls[index]
        if self.is_known(sent, progress):
            if is_stream(call.headers.items()):
                entry_id = call_id(watched.exchange, index)
                self.send_more(entry_id, sent, call.body)
            return
        head = call_head(watched.flow, watched.exchange, index, live, now_ns)
        head["facts"]["level"] = watched.level
        self.send(head, {}, sent, progress, call.body, call)

    def is_known(self, sent: Sent, progress: tuple[object, ...]) -> bool:
        """Whether the inspector has all of an entry but the end of its answer."""
        same = sent.connection == self.sending.connection
        return same and sent.progress == progress

    def send_more(self, entry_id: str, sent: Sent, body: Body) -> None:
        """Send what is new of an answer that runs, and nothing else."""
        end = whole_lines(body.kept)
        if end <= sent.raw_bytes:
            return
        head = {"id": entry_id, "from": sent.sent_bytes}
        answer = self.answer(sent, body, sent.raw_bytes, end, EVENT_STREAM)
        frame = packed(GROW, orjson.dumps(head), b"", answer)
        self.offer(frame, sent, end, sent.sent_bytes + len(answer))

    def send(
        self,
        head: Head,
        capture: Head,
        sent: Sent,
        progress: tuple[object, ...],
        body: Body,
        asked: HTTPFlow | TapedCall,
    ) -> None:
        """Send an entry: in full, or what the inspector does not have of its bodies."""
        answer_headers = head.get("answer_headers", ())
        kind, start, before = PUT, 0, 0
        request = b""
        if sent.connection == self.sending.connection and is_stream(answer_headers):
            kind, start, before = GROW, sent.raw_bytes, sent.sent_bytes
            head["from"] = before
        else:
            request, is_whole = self.request_body(head, asked)
            sent.is_whole = is_whole, True
        end = whole_lines(body.kept) if head["live"] else len(body.kept)
        media_type = field_of(answer_headers, "content-type")
        answer = self.answer(sent, body, start, end, media_type)
        head["whole"] = sent.is_whole[0], sent.is_whole[1] and not body.is_cut
        raw_head = self.cleaned(orjson.dumps(head))
        if capture:
            # It is all our own: nothing in it has to be looked for.
            raw_head = raw_head[:-1] + b',"capture":' + orjson.dumps(capture) + b"}"
        frame = packed(kind, raw_head, request, answer)
        if self.offer(frame, sent, end, before + len(answer)):
            sent.progress = progress

    def offer(self, frame: bytes, sent: Sent, raw_bytes: int, sent_bytes: int) -> bool:
        taken = self.sending.offer(frame)
        # If not there is a gap now, so that the next one is sent in full.
        sent.connection = self.sending.connection if taken else 0
        sent.raw_bytes, sent.sent_bytes = raw_bytes, sent_bytes
        return taken

    def answer(
        self, sent: Sent, body: Body, start: int, end: int, media_type: str
    ) -> bytes:
        """A part of an answer as it may be shown."""
        raw = bytes(body.kept[start:end])
        shown = self.redaction.body(raw, media_type, body.is_cut)
        shown = self.cleaned(shown)
        if shown != raw:
            sent.is_whole = sent.is_whole[0], False
        return shown

    def cleaned(self, raw: bytes) -> bytes:
        return raw if self.redaction.is_clean(raw) else self.redaction.clean(raw)

    def request_body(
        self, head: Head, asked: HTTPFlow | TapedCall
    ) -> tuple[bytes, bool]:
        """What was asked as far as it is shown, which is nothing of what is compressed,
        and whether that is all of it as it was."""
        if isinstance(asked, TapedCall):
            raw = asked.request.body
        else:
            raw = asked.request.raw_content or b""
        headers = head["headers"]
        is_plain = field_of(headers, "content-encoding") in ("", "identity")
        if head["facts"]["level"] != "full" or not is_plain:
            return b"", not raw
        limit = self.settings.body_bytes
        kind = field_of(headers, "content-type")
        shown = self.redaction.body(raw[:limit], kind, len(raw) > limit)
        shown = self.cleaned(shown)
        return shown, shown == raw

    def capture_of(self, exchange: Exchange) -> Head:
        if exchange.quote is None:
            return {}
        price = exchange.quote.price
        terms = self.terms.get(price.id)
        if terms is None:
            if len(self.terms) >= TERMS_MAX:
                self.terms.clear()
            terms = self.terms[price.id] = terms_text(price)
        return capture(exchange, named(self.policies_of(exchange)), terms)


@lru_cache(maxsize=16)
def named(policies: Policies) -> dict[str, Any]:
    """Policies by their names; for no one to change."""
    return asdict(policies)


def answer_of(flow: HTTPFlow, exchange: Exchange, tape: Tape, live: bool) -> Body:
    """What the client got, or what it got by now of a stream."""
    if exchange.began:
        if not live and exchange.tail:
            # It is sent when the charge is written, which is after this.
            tape.answer.add(exchange.tail)
        return tape.answer
    body = Body(tape.limit_bytes)
    if not live and flow.response is not None:
        body.add(content_of(flow.response))
    return body


def content_of(response: Response) -> bytes:
    return response.raw_content or b""


def is_stream(headers: Iterable[tuple[str, str]]) -> bool:
    return field_of(headers, "content-type").startswith(EVENT_STREAM)


def field_of(headers: Iterable[tuple[str, str]], wanted: str) -> str:
    """A header that is shown, in small letters; empty if there is none."""
    for name, value in headers:
        if name.lower() == wanted:
            return value.lower()
    return ""


def whole_lines(raw: bytearray) -> int:
    """How much of a running answer is whole lines: what looks like a secret is seen in
    a line, and not in a half of one."""
    return raw.rfind(b"\n") + 1


def secrets_of(settings: Settings) -> Iterator[str]:
    """All that gives access to somebody else in our name."""
    payments = settings.payments
    providers = settings.providers.values()
    credentials = [
        *(one for provider in providers for one in provider.credentials),
        *payments.stripe.webhook_secrets,
        payments.stripe.key,
        payments.epay.key,
    ]
    for credential in credentials:
        if credential is not None and len(credential.secret) >= SECRET_CHARS_MIN:
            yield credential.secret
