"""Transports: how a provider's request gets there, and its answer back.

Two kinds, one face. `Pool` talks HTTP over kept-alive connections that all
callers share; `Local` plays the built-in demo provider. Neither knows money,
flows or dialects.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload
from yarl import URL

from addons.providers import REGISTRY
from addons.providers.base import Script, UpstreamRequest
from addons.wire.errors import UpstreamFailed
from config.settings import Provider

# A provider's kept-alive connection is given back before most servers close it.
KEEPALIVE_SECONDS = 15
DNS_SECONDS = 60
NOTHING: Mapping[str, str] = MappingProxyType({})

Sent = Callable[[], None]


class Reply(Protocol):
    """What a provider answers: a status, headers, and a body in pieces."""

    status: int
    headers: Mapping[str, str]

    def pieces(self) -> AsyncIterator[bytes]: ...


class Transport(Protocol):
    """Opens replies; `open` raises UpstreamFailed when there is none.

    `sent` is called once there is a connection and the request is on its way: before
    that nobody has heard of it.
    """

    def open(
        self, request: UpstreamRequest, sent: Sent = lambda: None
    ) -> AbstractAsyncContextManager[Reply]: ...

    async def close(self) -> None: ...


async def read_whole(
    reply: Reply, limit_bytes: int, life: Callable[[], None] = lambda: None
) -> bytes:
    """The body in one piece; UpstreamFailed above the limit. `life` is called for
    each piece that arrives."""
    body = bytearray()
    async for piece in reply.pieces():
        life()
        body += piece
        if len(body) > limit_bytes:
            raise UpstreamFailed("The provider's answer is too large.")
    return bytes(body)


async def read_start(reply: Reply, limit_bytes: int) -> bytes:
    """The body up to the limit; what follows is not waited for."""
    body = bytearray()
    async for piece in reply.pieces():
        body += piece
        if len(body) >= limit_bytes:
            break
    return bytes(body[:limit_bytes])


class HttpReply:
    """A reply over HTTP."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self.response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailed(detail=type(error).__name__) from error


class Body(BytesPayload):
    """Bytes that say when they are written, which takes a connection."""

    def __init__(self, body: bytes, sent: Sent) -> None:
        super().__init__(body)
        self._sent = sent

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        self._sent()
        await super().write_with_length(writer, content_length)


class Pool:
    """Kept-alive connections to one provider."""

    def __init__(self, provider: Provider) -> None:
        self.base = provider.base_url.rstrip("/")
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=provider.connections_max,
                keepalive_timeout=KEEPALIVE_SECONDS,
                ttl_dns_cache=DNS_SECONDS,
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=provider.clocks.connect_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Content-Type", "Accept"),
        )

    @asynccontextmanager
    async def open(
        self, request: UpstreamRequest, sent: Sent = lambda: None
    ) -> AsyncIterator[Reply]:
        try:
            response = await self.session.request(
                request.method,
                address(self.base + request.path),
                data=Body(request.body, sent),
                headers=request.headers,
                # A redirect would carry our credential to an address nobody chose.
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UpstreamFailed(detail=type(error).__name__) from error
        try:
            yield HttpReply(response)
        finally:
            # Gives the connection back if the answer was read to its end, else
            # closes it, which is how the provider learns that nobody listens.
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    async def close(self) -> None:
        await self.session.close()


@lru_cache(maxsize=256)
def address(text: str) -> URL:
    """Parsed once per provider and path: parsing costs more than the rest of a send."""
    return URL(text, encoded=True)


class LocalReply:
    """The demo provider's answer, played with its own pauses."""

    status = 200
    headers = NOTHING

    def __init__(self, script: Script) -> None:
        self.script = script

    async def pieces(self) -> AsyncIterator[bytes]:
        for pause_seconds, piece in self.script:
            await asyncio.sleep(pause_seconds)
            yield piece


class Local:
    """A provider that is played in this process: no network."""

    def __init__(self, play: Callable[[Mapping[str, Any]], Script]) -> None:
        self.play = play

    @asynccontextmanager
    async def open(
        self, request: UpstreamRequest, sent: Sent = lambda: None
    ) -> AsyncIterator[Reply]:
        sent()
        yield LocalReply(self.play(orjson.loads(request.body)))

    async def close(self) -> None:
        """Nothing is open."""


def open_transport(provider: Provider) -> Transport:
    play = REGISTRY[provider.dialect].reply
    return Pool(provider) if play is None else Local(play)
