"""Fetch: images and videos that a provider answered with addresses of.

An address in an answer is a stranger's word, so it is followed only to where the
configuration says that this provider keeps its files: https on the usual port at one of
its media hosts, or the provider's own address. No credential goes with it, no redirect
is followed, and no more is read than the call may have. The clocks are the call's. A
video is given out as it comes, for it may be too large to be held.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from addons.wire.errors import UpstreamFailed, UpstreamMisled
from addons.wire.images import Made, media_type_of
from config.settings import Provider

HTTPS_PORT = 443
# Clients differ in what they make of anything else.
_HOST = re.compile(r"[a-z0-9.-]{1,253}|[0-9a-f:.]{2,45}", re.ASCII)
OK = 200
# A picture that is made and paid for is worth a second look.
TRIES = 2


class Fetch:
    """Fetches what one provider made."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.session: aiohttp.ClientSession | None = None

    async def fetched(self, made: Made, limit_bytes: int) -> Made:
        """The image with its bytes; UpstreamFailed if they cannot be had, or are more
        than the limit."""
        if made.url is None:
            return made
        data = await self.read(self.allowed(made.url), limit_bytes)
        media_type = media_type_of(data)
        if media_type is None:
            raise UpstreamFailed(detail="what was fetched is no image")
        return replace(made, data=data, url=None, media_type=media_type)

    @asynccontextmanager
    async def pieces(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file of any size, piece by piece; whoever reads bounds it. UpstreamFailed
        if it cannot be had, also in the middle; UpstreamMisled if it may not."""
        async with AsyncExitStack() as stack:
            try:
                opened = self.opened(self.allowed(url))
                response = await stack.enter_async_context(opened)
            except (aiohttp.ClientError, OSError) as error:
                raise UpstreamFailed(detail=type(error).__name__) from error
            yield told(response)

    def allowed(self, url: str) -> str:
        address = allowed_address(url, self.provider)
        if address is None:
            raise UpstreamMisled(detail="an address that may not be fetched")
        return address

    async def read(self, address: str, limit_bytes: int) -> bytes:
        for _ in range(TRIES - 1):
            try:
                return await self.read_once(address, limit_bytes)
            except (aiohttp.ClientError, OSError):
                continue
        try:
            return await self.read_once(address, limit_bytes)
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFailed(detail=type(error).__name__) from error

    async def read_once(self, address: str, limit_bytes: int) -> bytes:
        async with self.opened(address) as response:
            data = bytearray()
            async for piece in response.content.iter_any():
                data += piece
                if len(data) > limit_bytes:
                    raise UpstreamFailed("The provider's answer is too large.")
            return bytes(data)

    @asynccontextmanager
    async def opened(self, address: str) -> AsyncIterator[aiohttp.ClientResponse]:
        if self.session is None:
            self.session = self.open_session()
        url = URL(address, encoded=True)
        async with self.session.get(url, allow_redirects=False) as response:
            if response.status != OK:
                raise UpstreamFailed(detail=f"status {response.status} of a file")
            yield response

    def open_session(self) -> aiohttp.ClientSession:
        """Made when it is first needed: most providers never give an address."""
        clocks = self.provider.clocks
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=clocks.connect_seconds,
                sock_read=clocks.idle_seconds,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Sizes are of what is sent: nothing small may become large here.
            auto_decompress=False,
            headers={"accept-encoding": "identity"},
        )

    async def close(self) -> None:
        if self.session is not None:
            await self.session.close()


async def told(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamFailed(detail=type(error).__name__) from error


def allowed_address(text: str, provider: Provider) -> str | None:
    """The address as it may be fetched; None if it may not be.

    Some providers still write http where their files are at https as well.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not text.isascii() or not text.isprintable() or "@" in parts.netloc:
        return None
    if not _HOST.fullmatch(host):
        return None
    own = urlsplit(provider.base_url)
    if (parts.scheme, host, port) == (own.scheme, own.hostname, own.port):
        return text
    if parts.scheme not in ("http", "https") or port not in (None, HTTPS_PORT):
        return None
    if not any(host == one or host.endswith("." + one) for one in provider.media_hosts):
        return None
    return parts._replace(scheme="https").geturl()
