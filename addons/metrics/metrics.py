"""Metrics: counts what has ended, and shows it to who may see it.

Nothing on the way of a request is counted while it is served: when it is over, its
record says all there is to count. `/metrics` is for whoever has the token; without one
it is for programs on this machine only, and a request that came through a proxy is from
none of them. To everybody else there is no such page.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable
from ipaddress import IPv6Address

from mitmproxy.http import Headers, HTTPFlow, Response
from mitmproxy.utils import asyncio_utils

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.metrics.gauges import Gauges
from addons.metrics.registry import CONTENT_TYPE, Registry
from addons.metrics.tally import Tally
from addons.rendering import json_response
from addons.wire.errors import ApiError, LedgerDown, UnknownRoute, UnknownToken
from storage.errors import LedgerUnavailable
from storage.keys import plain_address

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# What a proxy adds to a request that it passes on.
FORWARDING = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Metrics:
    """Keeps the registry, and answers at `/metrics`."""

    def __init__(
        self,
        registry: Registry,
        tally: Tally,
        gauges: Gauges,
        token_of: Callable[[Exchange], str],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.registry = registry
        self.tally = tally
        self.gauges = gauges
        self.token_of = token_of
        self.look_seconds = look_seconds
        self.reading = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.gauges.begin()
        self.task = asyncio_utils.create_task(
            self.watch(), name="metrics", keep_ref=True
        )

    def done(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.endpoint.kind is not Kind.METRICS:
            return
        presented = flow.request.headers.pop("authorization", "")
        if exchange.refusal is None and (error := self.objection(flow, presented)):
            exchange.refuse(error)

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or exchange.endpoint.kind is not Kind.METRICS:
            return
        # One at a time: whoever asks often reads no more files for it.
        async with self.reading:
            try:
                flow.response = metrics_response(await self.read())
            except LedgerUnavailable:
                exchange.refuse(LedgerDown())

    def left(self, flow: HTTPFlow, exchange: Exchange) -> None:
        self.tally.request(flow, exchange)

    def turned_away(self, error: ApiError) -> None:
        self.tally.turned_away(error)

    def objection(self, flow: HTTPFlow, presented: str) -> ApiError | None:
        """Why this request may not see the metrics; None if it may."""
        exchange = Exchange.of(flow)
        if token := self.token_of(exchange):
            return None if fits(presented, token) else UnknownToken()
        if is_local(flow, exchange.address):
            return None
        return UnknownRoute(flow.request.method, "/metrics")

    async def read(self) -> bytes:
        self.gauges.look()
        await asyncio.to_thread(self.gauges.look_at_ledger)
        return await asyncio.to_thread(self.registry.text)

    async def watch(self) -> None:
        while True:
            try:
                self.gauges.look()
            except Exception:
                # If this ended, the gauges would stand still for ever.
                logger.exception("the gauges could not be set")
            await asyncio.sleep(self.look_seconds)


def fits(presented: str, token: str) -> bool:
    """Whether an Authorization header has the token, found out in constant time."""
    scheme, _, text = presented.partition(" ")
    given = text.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(given, token.encode())


def is_local(flow: HTTPFlow, address: str) -> bool:
    """Whether a request was made on this machine, by no proxy for somebody else."""
    if any(name in flow.request.headers for name in FORWARDING):
        return False
    return is_loopback(address) and is_loopback(flow.client_conn.peername[0])


def is_loopback(text: str) -> bool:
    address = plain_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address is not None and address.is_loopback


def metrics_response(text: bytes) -> Response:
    response = json_response(200, text)
    response.headers = Headers(
        [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(text)),
            (b"cache-control", b"no-store"),
        ]
    )
    return response
