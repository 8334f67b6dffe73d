"""Calls: one call to a provider about a job, and all that is known of it afterwards.

A call never raises what the provider did: it is written down how far the call came,
because after a submission that decides whether it may be made again.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from addons.exchange import Leg
from addons.providers.base import UpstreamRequest
from addons.upstream.lines import Lines
from addons.upstream.transport import Reply, Transport, open_transport, read_whole
from addons.upstream.veil import veiled
from addons.upstream.watch import Watch
from addons.wire.errors import ApiError
from config.settings import Provider

type Open = Callable[[Provider], Transport]
GOOD = range(200, 300)


@dataclass(slots=True)
class Called:
    """What became of one call: `sent` says that it was on its way, `status` is the
    provider's, 0 without one. There is an answer, or an `error`."""

    sent: bool = False
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: ApiError | None = None


class Calls:
    """Calls providers, over connections that live as long as the process."""

    def __init__(self, open_one: Open = open_transport) -> None:
        self.lines = Lines(open_one)

    async def call(self, leg: Leg, request: UpstreamRequest) -> Called:
        called = Called()
        try:
            with Watch(leg.clocks) as watch:
                try:
                    await self._call(leg, authorised(request, leg), watch, called)
                except asyncio.CancelledError:
                    watch.excuse()
        except ApiError as error:
            called.error = error
        return called

    async def close(self) -> None:
        await self.lines.close()

    async def _call(
        self, leg: Leg, request: UpstreamRequest, watch: Watch, called: Called
    ) -> None:
        def sent() -> None:
            called.sent = True

        with self.lines.to(leg.provider) as transport:
            async with transport.open(request, sent) as reply:
                called.status, called.headers = reply.status, reply.headers
                called.body = veiled(await self._body(leg, reply, watch), leg)

    async def _body(self, leg: Leg, reply: Reply, watch: Watch) -> bytes:
        try:
            return await read_whole(
                reply, leg.provider.response_bytes, watch.streaming
            )
        except ApiError:
            if reply.status in GOOD:
                raise
            # That it was refused is known, whatever became of the reasons.
            return b""


def authorised(request: UpstreamRequest, leg: Leg) -> UpstreamRequest:
    """With our credential for the leg's provider, if it wants one."""
    if leg.credential is None:
        return request
    return request.with_headers(leg.dialect.auth(leg.credential.secret))
