"""Sweeper: ends client connections that take too long.

One task looks at all connections once a second, or as often as the shortest clock
wants it, so the clocks of a connection cost nothing on the request path. A clock
starts when the sweeper first sees a phase, so it may run up to one look longer than
written.

    idle   between requests          closed
    head   sending a head            408, closed
    body   sending a body            408, closed
    busy   waiting for its answer    not our clock: the upstream clocks count
"""

import asyncio
from collections.abc import Iterable

from addons.gateway.handler import Handler
from addons.gateway.http1_server import SlowRequest
from addons.gateway.phase import Phase
from config.settings import Listen

LOOK_SECONDS_MAX = 1.0

Sight = tuple[Phase, int]


class Sweeper:
    """Watches the connections of one listening instance."""

    def __init__(self, listen: Listen) -> None:
        self.limits = {
            Phase.IDLE: listen.idle_seconds,
            Phase.HEAD: listen.header_seconds,
            Phase.BODY: listen.body_seconds,
        }
        self.look_seconds = min(LOOK_SECONDS_MAX, *self.limits.values())
        self.seen: dict[Handler, tuple[Sight, float]] = {}

    async def run(self, handlers: Iterable[Handler]) -> None:
        while True:
            await asyncio.sleep(self.look_seconds)
            now = asyncio.get_running_loop().time()
            for handler in self.overdue(list(handlers), now):
                await handler.server_event(SlowRequest(handler.client))

    def overdue(self, handlers: list[Handler], now: float) -> list[Handler]:
        """The connections whose clock ran out; remembers what it saw."""
        before, self.seen = self.seen, {}
        late = []
        for handler in handlers:
            sight = (handler.http.http1.phase, handler.http.http1.stream_id)
            known = before.get(handler)
            since = known[1] if known is not None and known[0] == sight else now
            self.seen[handler] = (sight, since)
            limit = self.limits.get(sight[0])
            if limit is not None and now - since >= limit:
                late.append(handler)
        return late
