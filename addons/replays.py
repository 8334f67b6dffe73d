"""Replays: what makes two requests the same.

A caller may name a request with `Idempotency-Key`, to send it again without paying for
it twice: after a lost connection, a timeout, a crash of its own. Here the name is read
and the request gets its fingerprint; whether it ran before is decided where its money
is held, in the same transaction, and only there.

The header is judged before the body is read. The fingerprint is taken after the body
was understood: what is refused for its content does not use up a name. Any endpoint
that is paid for takes a name, and no other does.

What was kept of earlier requests is content of users, so it is deleted here when its
day is over, also in a gateway that nobody asks.
"""

import asyncio
import logging

from mitmproxy.http import HTTPFlow
from mitmproxy.utils import asyncio_utils

from addons.endpoints import canonical
from addons.exchange import Exchange
from addons.wire.errors import BadRequest
from addons.wire.forms import without_boundary
from storage.errors import LedgerUnavailable
from storage.replays import (
    NAME_CHARS_MAX,
    ReplayKey,
    fingerprint,
    is_name,
    purge,
)
from storage.writer import Writer

HEADER = "Idempotency-Key"
# Above this size a body is hashed off the event loop.
INLINE_BYTES = 128 * 1024
INTERVAL_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Replays:
    """Names the requests that are to run once, and forgets old ones."""

    def __init__(
        self, writer: Writer, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self.writer = writer
        self.interval_seconds = interval_seconds
        self.task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.task = asyncio_utils.create_task(
            self.watch(), name="replays", keep_ref=True
        )

    def done(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or not exchange.endpoint.paid:
            return
        names = flow.request.headers.get_all(HEADER)
        if names and (len(names) > 1 or not is_name(names[0])):
            exchange.refuse(bad_name())

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or not exchange.endpoint.paid:
            return
        name = flow.request.headers.get(HEADER)
        if name is not None:
            exchange.replay = ReplayKey(name, await self.fingerprint(flow))

    async def fingerprint(self, flow: HTTPFlow) -> bytes:
        path = canonical(flow.request.path.partition("?")[0])
        content_type = flow.request.headers.get("content-type", "")
        body = without_boundary(content_type, flow.request.raw_content or b"")
        asked = flow.request.method, path, body
        if len(asked[2]) <= INLINE_BYTES:
            return fingerprint(*asked)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, fingerprint, *asked)

    async def watch(self) -> None:
        while True:
            await self.forget()
            await asyncio.sleep(self.interval_seconds)

    async def forget(self) -> None:
        """Delete all that is older than its day, a little at a time."""
        try:
            while await self.writer.run(purge):
                pass
        except LedgerUnavailable as error:
            logger.warning("old answers could not be deleted: %s", error)
        except Exception:
            # If this ended, nothing would be deleted any more.
            logger.exception("old answers could not be deleted")


def bad_name() -> BadRequest:
    return BadRequest(
        f"Header '{HEADER}': one, of 1 to {NAME_CHARS_MAX} printable ASCII characters.",
        param=HEADER,
        code="invalid_value",
    )
