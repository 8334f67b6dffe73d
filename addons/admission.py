"""Admission: the first word on every request.

Gives each request its id, its record and the plan it is served by, finds out who sent
it, and refuses what needs no further look: addresses that do not exist, bodies that are
too large, and everything while the gateway is full or draining. It also counts what is
being served, which is what a drain waits for.
"""

import asyncio

from mitmproxy.http import HTTPFlow

from addons.endpoints import Endpoint, Kind, find
from addons.exchange import Exchange
from addons.forwarded import sender_of
from addons.plan import Plans
from addons.wire.errors import (
    ApiError,
    BodyTooLarge,
    Draining,
    MethodNotAllowed,
    Overloaded,
    UnknownRoute,
)
from config.settings import Listen
from storage.clock import Clock
from storage.ids import Ids

# Still answered while draining, so that a balancer sees why, and a monitor how long.
ALWAYS = (Kind.HEALTH, Kind.READY, Kind.METRICS)


class Admission:
    """Opens an Exchange for each request and keeps the set of those being served."""

    def __init__(
        self, listen: Listen, clock: Clock, ids: Ids, plans: Plans | None = None
    ) -> None:
        self.listen = listen
        self.plans = plans
        self.clock = clock
        self.ids = ids
        self.draining = False
        self.live: set[str] = set()
        self.emptied = asyncio.Event()

    def requestheaders(self, flow: HTTPFlow) -> None:
        endpoint = find(flow.request.method, flow.request.path)
        exchange = Exchange(
            self.ids.make("req"), endpoint, self.clock.monotonic_ns()
        )
        exchange.travel_with(flow)
        if self.plans is not None:
            exchange.plan = self.plans.plan
        sender = sender_of(
            peer_of(flow),
            flow.client_conn.tls,
            flow.request.headers,
            self.listen.trusted_proxies,
        )
        exchange.address, exchange.secure = sender.address, sender.secure
        error = self.objection(flow, endpoint)
        self.live.add(exchange.id)
        if error is not None:
            exchange.refuse(error)

    def objection(self, flow: HTTPFlow, endpoint: Endpoint) -> ApiError | None:
        """Why this request goes no further, or None."""
        if endpoint.kind is Kind.NOTHING:
            return UnknownRoute(flow.request.method, path_of(flow))
        if endpoint.kind is Kind.WRONG_METHOD:
            return MethodNotAllowed(endpoint.methods)
        limit = endpoint.body_bytes_max(self.listen)
        if announced_bytes(flow) > limit:
            return BodyTooLarge(limit)
        if endpoint.kind in ALWAYS:
            return None
        if self.draining:
            return Draining()
        if len(self.live) >= self.listen.inflight_max:
            return Overloaded()
        return None

    def leave(self, exchange: Exchange) -> None:
        """The request has its answer, and its charge is written."""
        self.live.discard(exchange.id)
        # The call knows the flow and the flow this record: let neither keep the other.
        exchange.call = None
        if not self.live:
            self.emptied.set()

    async def empty_within(self, seconds: float) -> bool:
        """Wait until nothing is served any more; False if that takes longer."""
        if not self.live:
            return True
        self.emptied.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.emptied.wait()
        except TimeoutError:
            return False
        return True


def announced_bytes(flow: HTTPFlow) -> int:
    """The body's size if the head says it; 0 if it will be seen on the way."""
    text = flow.request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def peer_of(flow: HTTPFlow) -> str:
    """The address at the other end; empty if that had gone before it was accepted."""
    peer: tuple[str, int] | None = flow.client_conn.peername
    return "" if peer is None else peer[0]


def path_of(flow: HTTPFlow) -> str:
    """The path without its query, which may hold what nobody should repeat."""
    return flow.request.path.partition("?")[0]
