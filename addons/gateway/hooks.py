"""Hooks: dispatch that fails closed.

mitmproxy logs an exception in a hook and lets the flow go on. Here a hook that
raises refuses its request: the client gets a 500, the remaining addons are skipped,
nothing is sent upstream, and money that was held is released.

The table from hook name to methods is made once. It replaces two walks through all
addons a hook, which were a third of the cost of a request.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

from mitmproxy import hooks
from mitmproxy.http import HTTPFlow, Response

from addons.exchange import Exchange
from addons.upstream.call import Call
from addons.wire.errors import ApiError, InternalError, error_frame

logger = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[None] | None]
Release = Callable[[Exchange], Awaitable[None]]
Render = Callable[[ApiError, Exchange | None], Response]

# Until the answer's first byte a refusal replaces whatever response there is.
ANSWERING = frozenset({"responseheaders", "response"})
# Exactly one of these ends a flow.
LAST = frozenset({"response", "error"})


class Hooks:
    """Runs the methods of the addons for a hook, in the order of the chain."""

    def __init__(
        self,
        chain: Sequence[object],
        release: Release,
        leave: Callable[[HTTPFlow, Exchange], None],
        render: Render,
        turned_away: Callable[[ApiError], None] = lambda error: None,
    ) -> None:
        self.table = table_of(chain)
        self.release = release
        self.leave = leave
        self.render = render
        self.turned_away = turned_away

    async def run(self, name: str, data: object) -> None:
        handlers = self.table.get(name)
        if handlers is None:
            return
        if isinstance(data, HTTPFlow):
            await self.run_flow(name, handlers, data)
        elif isinstance(data, Call):
            await self.run_call(handlers, data)
        else:
            await call_all(handlers, data)

    async def run_flow(
        self, name: str, handlers: Sequence[Handler], flow: HTTPFlow
    ) -> None:
        try:
            await call_all(handlers, flow)
        except BaseException as error:
            await self.close(name, flow, error)
            if stops_us(error):
                raise
        finally:
            self.show_refusal(name, flow)
            exchange = Exchange.find(flow)
            if exchange is not None and name in LAST:
                self.leave(flow, exchange)

    async def run_call(self, handlers: Sequence[Handler], call: Call) -> None:
        try:
            await call_all(handlers, call)
        except BaseException as error:
            if stops_us(error):
                raise
            logger.error("upstream hook failed", exc_info=error)
            await self.close_call(call)

    async def close_call(self, call: Call) -> None:
        """A call failed: end what the client has of its answer, and not twice."""
        if call.ended:
            return
        exchange = Exchange.find(call.flow)
        if exchange is not None:
            exchange.refuse(InternalError())
        if exchange is not None and exchange.committed:
            await call.end()
        else:
            await call.whole(InternalError.status)

    async def close(self, name: str, flow: HTTPFlow, error: BaseException) -> None:
        """A hook failed: refuse, and give the money back."""
        logger.error("hook %s failed", name, exc_info=error)
        exchange = Exchange.find(flow)
        if exchange is None:
            flow.response = self.render(InternalError(), None)
            if name in LAST:
                # It never became a request that anybody knows.
                self.turned_away(InternalError())
            return
        exchange.refuse(InternalError())
        if name not in LAST:
            return
        if exchange.began:
            exchange.tail = error_frame(InternalError())
        if name == "error" and exchange.call is not None and exchange.call.task:
            # Nobody listens any more, and whoever stops the provider may have failed.
            exchange.call.task.cancel("client left")
        try:
            await self.release(exchange)
        except Exception:
            # The hold stays open in the ledger; recovery voids it at the next start.
            logger.exception("hold of %s could not be released", exchange.id)

    def show_refusal(self, name: str, flow: HTTPFlow) -> None:
        exchange = Exchange.find(flow)
        if exchange is None or exchange.refusal is None or exchange.began:
            return
        if flow.response is None or name in ANSWERING:
            # Always a new one: the core puts what an upstream says into the response
            # that is there, and nothing of a refused answer may reach the client.
            flow.response = self.render(exchange.refusal, exchange)


async def call_all(handlers: Sequence[Handler], data: object) -> None:
    for handler in handlers:
        result = handler(data)
        if result is not None and isawaitable(result):
            await result


def stops_us(error: BaseException) -> bool:
    """Whether an exception asks the process or the task to end.

    Others below BaseException (a panic in a native library) are just failures.
    """
    return isinstance(
        error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
    )


def table_of(chain: Sequence[object]) -> Mapping[str, tuple[Handler, ...]]:
    names = {name for addon in chain for name in dir(addon) if name in known_hooks()}
    return {
        name: tuple(getattr(addon, name) for addon in chain if hasattr(addon, name))
        for name in names
    }


def known_hooks() -> Mapping[str, type[hooks.Hook]]:
    return hooks.all_hooks
