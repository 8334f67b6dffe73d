"""Web master: mitmweb's event loop, without a proxy and without levers.

It serves no traffic and loads no scripts, has neither replay nor interception, and
writes no files: of mitmproxy's addons those are here that the pages want to know the
options of. They have nothing to act on but copies.
"""

import socket
from collections.abc import Callable
from pathlib import Path

import tornado.httpserver
from mitmproxy import addons, flow, log, master, options
from mitmproxy.addons import eventstore, view
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.tools.web import app, webaddons
from mitmproxy.tools.web.master import WebMaster

from addons.inspector.web.application import Application
from addons.inspector.web.door import Door
from addons.inspector.web.shelf import Shelf

HOST = "127.0.0.1"
EVENTS_MAX = 500
# A browser only asks here: the form of the password is all that is ever sent.
REQUEST_BYTES_MAX = 64 * 1024
IDLE_SECONDS = 600
COLUMNS = ["icon", "path", "method", "status", "size", "time", "comment"]
# What could run something, write something or send something again.
LEFT_OUT = frozenset(
    (
        "browser",
        "clientplayback",
        "cut",
        "export",
        "mapremote",
        "onboarding",
        "save",
        "savehar",
        "scriptloader",
        "serverplayback",
        "upstreamauth",
    )
)


class InspectorMaster(WebMaster):
    """Shows what is put into its view, at a socket that listens already."""

    def __init__(
        self,
        confdir: Path,
        listening: socket.socket,
        door: Door,
        shelf_of: Callable[[view.View], Shelf],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        # Not WebMaster's own, which has all that is left out here.
        master.Master.__init__(self, options.Options(confdir=str(confdir)))
        port = listening.getsockname()[1]
        self.view = view.View()
        self.shelf = shelf_of(self.view)
        self.view.sig_view_add.connect(self._sig_view_add)
        self.view.sig_view_remove.connect(self._sig_view_remove)
        self.view.sig_view_update.connect(self._sig_view_update)
        self.view.sig_view_refresh.connect(self._sig_view_refresh)
        self.events = eventstore.EventStore(EVENTS_MAX)
        self.events.sig_add.connect(self._sig_events_add)
        self.addons.add(*harmless())
        self.addons.add(webaddons.WebAddon(), self.view, self.events)
        self.proxyserver: Proxyserver = self.addons.get("proxyserver")
        self.options.update(
            server=False,
            web_open_browser=False,
            web_host=HOST,
            web_port=port,
            web_columns=COLUMNS,
        )
        self.listening = listening
        self.ready = ready
        self.pages = tornado.httpserver.HTTPServer(
            Application(self, door, port),
            max_buffer_size=REQUEST_BYTES_MAX,
            max_body_size=REQUEST_BYTES_MAX,
            idle_connection_timeout=IDLE_SECONDS,
        )

    async def running(self) -> None:
        self.pages.add_socket(self.listening)
        await master.Master.running(self)
        self.ready()

    def watched(self) -> bool:
        """Whether a page is open somewhere."""
        return bool(app.ClientConnection.connections)

    def _sig_view_add(self, flow: flow.Flow) -> None:
        if self.watched():
            super()._sig_view_add(flow)

    def _sig_view_update(self, flow: flow.Flow) -> None:
        if self.watched():
            super()._sig_view_update(flow)

    def _sig_events_add(self, entry: log.LogEntry) -> None:
        if self.watched():
            super()._sig_events_add(entry)


def harmless() -> list[object]:
    """mitmproxy's addons without those that are left out."""
    return [
        addon
        for addon in addons.default_addons()
        if type(addon).__name__.lower() not in LEFT_OUT
    ]
