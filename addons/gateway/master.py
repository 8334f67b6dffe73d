"""Master: the event loop's owner.

mitmproxy's `Master` with the few of its addons that a gateway needs, and a stop
that drains: listening ends, running answers may finish for a grace time, what is
left is cut and charged, and only then is the process done.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import socket
from typing import Protocol, runtime_checkable

from mitmproxy import master, options
from mitmproxy.addons import core, proxyserver
from mitmproxy.http import HTTPFlow
from mitmproxy.utils import asyncio_utils

from addons.admission import Admission
from addons.exchange import Exchange
from addons.gateway.hooks import Hooks, Release, Render
from addons.gateway.instance import Instance
from addons.gateway.tls import Tls
from addons.wire.errors import ApiError
from config.settings import Listen

logger = logging.getLogger(__name__)

# After the cut every flow still has to write its charge.
SETTLE_SECONDS = 10.0


@runtime_checkable
class Sender(Protocol):
    """An addon whose answers take long, and can be ended early."""

    def cut_all(self) -> None: ...


@runtime_checkable
class Watcher(Protocol):
    """An addon that looks at each request when it is over, however it ended."""

    def left(self, flow: HTTPFlow, exchange: Exchange) -> None: ...


@runtime_checkable
class Doorkeeper(Protocol):
    """An addon that is told of what is refused before it is a request."""

    def turned_away(self, error: ApiError) -> None: ...


class Master(master.Master):
    """Runs the chain behind one listening instance until it is told to stop."""

    def __init__(
        self,
        listen: Listen,
        data: Path,
        chain: Sequence[object],
        release: Release,
        render: Render,
        reuse_port: bool = False,
        given: socket | None = None,
        tls: Tls | None = None,
    ) -> None:
        super().__init__(gateway_options(data))
        # It makes an event of each line that is logged, for addons of old, and asks
        # every addon whether it wants it: a thirtieth of the cost of a request.
        self._legacy_log_events.uninstall()
        self.listen = listen
        self.admission = one_of(chain, Admission)
        self.senders = [addon for addon in chain if isinstance(addon, Sender)]
        self.watchers = [addon for addon in chain if isinstance(addon, Watcher)]
        self.doorkeepers = [one for one in chain if isinstance(one, Doorkeeper)]
        server = ProxyOptions()
        self.addons.add(core.Core(), server, *chain)
        self.options.update(**PROXY_OPTIONS)
        self.hooks = Hooks(chain, release, self.leave, render, self.turned_away)
        self.instance = Instance(
            server, self.options, self.hooks, listen, render, reuse_port, given, tls
        )
        self.stops = 0
        self.hurry = asyncio.Event()

    async def run(self, ready: Callable[["Master"], None] | None = None) -> None:
        """Serve until `stop` is called; OSError if the port cannot be had."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(eager_task)
        self.should_exit.clear()
        with asyncio_utils.install_exception_handler(self._asyncio_exception_handler):
            # The chain is running before the port is open: the first request finds
            # everything there.
            await self.running()
            try:
                await self.instance.start()
                if ready is not None:
                    ready(self)
                await self.should_exit.wait()
                await self.drain()
            finally:
                await self.done()

    def leave(self, flow: HTTPFlow, exchange: Exchange) -> None:
        """A request is over: its answer and its charge are final."""
        self.admission.leave(exchange)
        for watcher in self.watchers:
            try:
                watcher.left(flow, exchange)
            except Exception:
                # Who only watches must not harm what is watched.
                logger.exception("%s was not looked at", exchange.id)

    def turned_away(self, error: ApiError) -> None:
        """Somebody was refused before there was a request."""
        for doorkeeper in self.doorkeepers:
            try:
                doorkeeper.turned_away(error)
            except Exception:
                # As with those who look at requests.
                logger.exception("a refusal was not looked at")

    def stop(self) -> None:
        """The first call drains; a second one cuts what still runs."""
        self.stops += 1
        self.admission.draining = True
        self.should_exit.set()
        if self.stops > 1:
            self.hurry.set()

    async def drain(self) -> None:
        await self.instance.stop_listening()
        await self.be_patient()
        if self.admission.live:
            for sender in self.senders:
                sender.cut_all()
            self.instance.hang_up_on_senders()
            await self.admission.empty_within(SETTLE_SECONDS)
        self.instance.hang_up()
        await self.instance.closed()

    async def be_patient(self) -> None:
        """Wait until nothing is served, the grace time is over, or a second stop."""
        seconds = self.listen.grace_seconds
        waits = [
            asyncio_utils.create_task(wait, name="drain", keep_ref=True)
            for wait in (self.admission.empty_within(seconds), self.hurry.wait())
        ]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()


class ProxyOptions(proxyserver.Proxyserver):
    """Declares the options that the proxy core reads. It listens on nothing: the
    master has an instance of its own."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def running(self) -> None:
        self.is_running = True


def one_of[T](chain: Sequence[object], kind: type[T]) -> T:
    (found,) = (addon for addon in chain if isinstance(addon, kind))
    return found


# Longer than any machine runs.
NEVER_SECONDS = 2**30

# What the proxy core must and must not do here.
PROXY_OPTIONS = {
    "mode": [],
    "server": False,
    "connection_strategy": "lazy",
    "keep_host_header": True,
    "validate_inbound_headers": True,
    "http2": False,
    "http3": False,
    "websocket": False,
    "rawtcp": False,
    "stream_large_bodies": None,
    "body_size_limit": None,
    "store_streamed_bodies": False,
    # The sweeper watches the client connections, phase by phase.
    "tcp_timeout": NEVER_SECONDS,
}


def gateway_options(data: Path) -> options.Options:
    # Nothing of ours is looked for in a user's home directory.
    return options.Options(confdir=str(data / "mitmproxy"))


def eager_task[T](
    loop: asyncio.AbstractEventLoop, coro: object, **keywords: object
) -> asyncio.Task[T]:
    """A task that starts at once, as mitmproxy wants it.

    `asyncio.eager_task_factory` of early 3.12 and 3.13 refuses the keyword
    arguments that newer event loops pass to it.
    """
    keywords["eager_start"] = True
    return asyncio.Task(coro, loop=loop, **keywords)  # type: ignore[arg-type]
