"""Handler: one client connection.

mitmproxy's connection handler moves bytes between a socket and the layers. Ours
sends hooks through the fail-closed table and opens no sockets of its own: whatever
asks for a server connection is told that there is none.
"""

import asyncio
import logging
from typing import Any

from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, server
from mitmproxy.proxy.mode_specs import ProxyMode

from addons.gateway.hooks import Hooks, Render
from addons.gateway.http_layer import GatewayHttpLayer
from config.settings import Listen


class Handler(server.LiveConnectionHandler):
    """Serves one client over HTTP/1."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options: Options,
        mode: ProxyMode,
        hooks: Hooks,
        listen: Listen,
        render: Render,
    ) -> None:
        super().__init__(reader, writer, options, mode)
        self.hooks = hooks
        self.http = GatewayHttpLayer(
            self.layer.context, self, listen, render, hooks.turned_away
        )
        self.layer = self.http

    async def handle_hook(self, hook: commands.StartHook) -> None:
        if hook.name == "requestheaders":
            # A client that sends requests and reads no answers gets no more of them.
            await self.drain_writers()  # type: ignore[no-untyped-call]
        (data,) = hook.args()
        await self.hooks.run(hook.name, data)

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """There is no way out of here but the upstream layer."""
        await self.server_event(
            events.OpenConnectionCompleted(command, "no connection is opened here")
        )

    def log(
        self,
        message: str,
        level: int = logging.INFO,
        exc_info: Any = None,
    ) -> None:
        """mitmproxy reports a crash of its layers here, and nowhere else.

        What state the connection is in is then unknown, so it is closed: the client
        must not wait for an answer that nobody writes, nor its money be held for it.
        """
        super().log(message, level, exc_info)
        if exc_info is not None:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the client's connection at once."""
        transport = self.transports.get(self.client)
        if transport is not None and transport.handler is not None:
            transport.handler.cancel("closed by the gateway")
