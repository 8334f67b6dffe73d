"""Instance: our own listening mode.

A mode of mitmproxy's kind, so that the proxy core treats it as one, with what a
gateway needs of its socket: a backlog, SO_REUSEPORT for several workers or one that
somebody else holds open, a limit on connections, and our connection handler.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerManager
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.utils import asyncio_utils

from addons.gateway.handler import Handler
from addons.gateway.hooks import Hooks, Render
from addons.gateway.phase import Phase
from addons.gateway.sweeper import Sweeper
from addons.gateway.tls import Tls
from addons.wire.errors import Overloaded
from config.settings import Listen

# The mode's target is a dead end: the upstream layer decides where requests go.
SPEC = "gateway:http://127.0.0.1:9"
# How long a closed connection may take to send what is left.
LINGER_SECONDS = 5.0


class GatewayMode(ReverseMode):
    """A reverse proxy whose targets are chosen request by request."""


class Instance(AsyncioServerInstance[GatewayMode]):
    """One listening socket and the connections that came through it."""

    def __init__(
        self,
        manager: ServerManager,
        options: Options,
        hooks: Hooks,
        listen: Listen,
        render: Render,
        reuse_port: bool = False,
        given: socket.socket | None = None,
        tls: Tls | None = None,
    ) -> None:
        super().__init__(GatewayMode.parse(SPEC), manager)
        self.options = options
        self.hooks = hooks
        self.settings = listen
        self.render = render
        self.reuse_port = reuse_port
        self.given = given
        self.tls = tls
        # Connections that are still being encrypted; they count as all others do.
        self.opening = 0
        self.hung_up = False
        self.handlers: set[Handler] = set()
        self.emptied = asyncio.Event()
        self.sweeper = Sweeper(listen)

    async def _start(self) -> None:
        self._servers = [await self.open_server()]
        self.sweeping = asyncio_utils.create_task(
            self.sweeper.run(self.handlers), name="sweeper", keep_ref=True
        )

    async def open_server(self) -> asyncio.Server:
        backlog = self.settings.backlog
        if self.given is not None:
            return await asyncio.start_server(
                self.handle_stream, sock=self.given, backlog=backlog
            )
        return await asyncio.start_server(
            self.handle_stream,
            self.settings.host,
            self.settings.port,
            backlog=backlog,
            reuse_port=self.reuse_port,
        )

    async def stop_listening(self) -> None:
        """Refuse new connections; the ones there are go on."""
        if self.is_running:
            await self.stop()

    def hang_up(self) -> None:
        """Close every connection that is still open."""
        self.hung_up = True
        self.sweeping.cancel()
        for handler in list(self.handlers):
            handler.hang_up()

    def hang_up_on_senders(self) -> None:
        """Close the connections on which nobody waits for an answer."""
        for handler in list(self.handlers):
            if handler.http.http1.phase is not Phase.BUSY:
                handler.hang_up()

    async def closed(self) -> None:
        """Wait until every connection is gone, its last bytes read or given up.

        They are in our memory: a loop that ends before loses them.
        """
        if not self.handlers:
            return
        self.emptied.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * LINGER_SECONDS):
                await self.emptied.wait()

    @property
    def ports(self) -> Sequence[int]:
        return [address[1] for address in self.listen_addrs]

    def make_top_layer(self, context: Context) -> Layer:
        raise AssertionError("the handler brings its own layer")

    async def handle_stream(  # type: ignore[override]
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.tls is None:
            await self.serve(reader, writer)
        elif await self.encrypted(writer, self.tls):
            await self.serve(reader, writer)

    async def encrypted(self, writer: asyncio.StreamWriter, tls: Tls) -> bool:
        """Whether the client speaks TLS, and soon enough. Who does not is closed
        unheard: nothing is said in clear on this port.

        The handshake begins before anything was read: this runs at once when the
        connection is there.
        """
        if len(self.handlers) + self.opening >= self.settings.connections_max:
            self.hooks.turned_away(Overloaded())
            writer.transport.abort()
            return False
        self.opening += 1
        try:
            await writer.start_tls(
                tls.context, ssl_handshake_timeout=self.settings.header_seconds
            )
        except OSError:
            writer.transport.abort()
            return False
        except BaseException:
            writer.transport.abort()
            raise
        finally:
            self.opening -= 1
        if self.hung_up:
            writer.transport.abort()
        return not self.hung_up

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        handler = Handler(
            reader,
            writer,
            self.options,
            self.mode,
            self.hooks,
            self.settings,
            self.render,
        )
        handler.client.tls = self.tls is not None
        if len(self.handlers) >= self.settings.connections_max:
            self.hooks.turned_away(Overloaded())
            writer.write(handler.http.http1.assemble(Overloaded()))
            writer.close()
            return
        self.handlers.add(handler)
        try:
            await handler.handle_client()
        finally:
            await hang_up(writer)
            self.handlers.discard(handler)
            if not self.handlers:
                self.emptied.set()


def reserve(listen: Listen) -> socket.socket:
    """A port for several workers, theirs for as long as this socket is open.

    It never listens itself. OSError if somebody else does: sharing a port is for the
    workers of one gateway, but the kernel would let any two of the same user.
    """
    found = socket.getaddrinfo(
        listen.host or None,
        listen.port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE,
    )
    family, kind, protocol, _, address = found[0]
    if listen.port:
        with socket.socket(family, kind, protocol) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
    reserved = socket.socket(family, kind, protocol)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
    except OSError:
        reserved.close()
        raise
    return reserved


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection for good.

    A client that reads nothing would keep what is still unsent, and the socket, for
    as long as it likes; it counts as a connection until it is gone.
    """
    writer.close()
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:
        return
