"""Tape: what passes between us and the two sides of an exchange, kept to be shown.

Where somebody looks at the traffic an exchange has a tape. Each call to a provider is
written on it by a transport around the real one, so that whoever makes calls knows
nothing of it, and what the client gets of a stream by the stream itself. A body is kept
up to a limit and counted beyond it. Nothing here is redacted yet, so nothing of it
leaves the process as it is.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType

from addons.providers.base import UpstreamRequest
from addons.upstream.transport import Reply, Sent, Transport

# A task is asked about often; its later questions are like its first.
CALLS_MAX = 32
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Body:
    """The start of a body, and how long all of it was."""

    limit_bytes: int
    kept: bytearray = field(default_factory=bytearray)
    size: int = 0

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.kept)

    def add(self, piece: bytes) -> None:
        room = self.limit_bytes - len(self.kept)
        if room > 0:
            self.kept += piece if len(piece) <= room else piece[:room]
        self.size += len(piece)

    def passed(self, piece: bytes) -> bytes:
        """The piece itself, for a stream that it is on its way through."""
        self.add(piece)
        return piece


@dataclass(slots=True, eq=False)
class TapedCall:
    """One call: `number` is that of the attempt it was made for, from 1. Times are
    monotonic nanoseconds. No status is 0; `fault` says why there is none."""

    number: int
    request: UpstreamRequest
    body: Body
    started_ns: int
    ended_ns: int | None = None
    status: int = 0
    headers: Mapping[str, str] = NOTHING
    fault: str = ""


class Tape:
    """All that is kept of one exchange."""

    __slots__ = ("answer", "calls", "limit_bytes", "missed")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.calls: list[TapedCall] = []
        self.missed = 0
        self.answer = Body(limit_bytes)

    def around(self, transport: Transport, number: int) -> Transport:
        """A transport that writes down what goes through it."""
        return Taped(transport, self, number)

    def call(self, number: int, request: UpstreamRequest) -> TapedCall:
        body = Body(self.limit_bytes)
        call = TapedCall(number, request, body, time.monotonic_ns())
        if len(self.calls) < CALLS_MAX:
            self.calls.append(call)
        else:
            self.missed += 1
        return call


class Taped:
    """Another transport, with a tape running."""

    def __init__(self, transport: Transport, tape: Tape, number: int) -> None:
        self.transport = transport
        self.tape = tape
        self.number = number

    def open(
        self, request: UpstreamRequest, sent: Sent = lambda: None
    ) -> AbstractAsyncContextManager[Reply]:
        call = self.tape.call(self.number, request)
        return TapedOpening(self.transport.open(request, sent), call)

    async def close(self) -> None:
        await self.transport.close()


class TapedOpening:
    """The reply to one call, from its first byte to its end."""

    def __init__(
        self, opening: AbstractAsyncContextManager[Reply], call: TapedCall
    ) -> None:
        self.opening = opening
        self.call = call

    async def __aenter__(self) -> Reply:
        try:
            reply = await self.opening.__aenter__()
        except BaseException as error:
            self.end(error)
            raise
        self.call.status, self.call.headers = reply.status, reply.headers
        return TapedReply(reply, self.call.body.add)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self.end(error)
        return await self.opening.__aexit__(kind, error, trace)

    def end(self, error: BaseException | None) -> None:
        self.call.ended_ns = time.monotonic_ns()
        if isinstance(error, Exception):
            self.call.fault = type(error).__name__


class TapedReply:
    """A reply whose pieces are written down as they are read."""

    def __init__(self, reply: Reply, add: Callable[[bytes], None]) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.reply = reply
        self.add = add

    async def pieces(self) -> AsyncIterator[bytes]:
        async for piece in self.reply.pieces():
            self.add(piece)
            yield piece
