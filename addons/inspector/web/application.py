"""Application: what a browser may ask of the inspector, which is to look.

mitmweb's own routes are replaced by the list below: pages, flows, their contents, the
log. What would change something has no route at all, and no other method than a reading
one reaches even these, but for the form of the password. So a login is no way to edit,
replay, kill or intercept anything, to change an option or to run a command; there would
be nothing but copies for it here, and here that ends.
"""

import secrets
from pathlib import Path
from typing import Any

import mitmproxy.tools.web
import tornado.web
from mitmproxy.tools.web import app
from tornado.httputil import HTTPServerRequest

from addons.inspector.web.door import Door

WEB = Path(mitmproxy.tools.web.__file__).parent
STYLE = Path(__file__).with_name("inspector.css")
STYLE_LINK = b'<link rel="stylesheet" href="inspector.css">'
READING = frozenset(("GET", "HEAD"))
LOGIN = ("POST", "/")
# Messages that wait for one browser; one that does not read them is let go.
QUEUE_MAX = 5000
MESSAGE_BYTES_MAX = 64 * 1024
FLOW = r"/flows/(?P<flow_id>[0-9a-f\-]+)/(?P<message>request|response|messages)"
READ_ONLY = "The inspector only shows: nothing can be changed here.\n"


class Watcher(app.ClientConnection):
    """One browser that looks on."""

    def send(self, message: bytes) -> None:
        if self._send_queue.qsize() >= QUEUE_MAX:
            self.close(code=1013, reason="too slow")
            self.connections.discard(self)
        else:
            super().send(message)


def unguarded(method: Any) -> Any:
    """A method of mitmweb's before it was made to ask for the password: a class that
    takes it is made to ask again, and once is enough."""
    return method.__wrapped__


def unlogged(handler: tornado.web.RequestHandler) -> None:
    """A page is asked for with the password in its address, which is no text for a
    log, also where the page is refused."""


class Index(app.IndexHandler):
    """The page, without what would only be refused; or the form of the password."""

    def get(self) -> None:
        page = self.render_string("../index.html")
        self.write(page.replace(b"</head>", STYLE_LINK + b"</head>"))

    post = get


class Style(app.RequestHandler):
    """How the page looks here."""

    def get(self) -> None:
        self.set_header("content-type", "text/css")
        self.write(STYLE.read_bytes())


class Saved(app.RequestHandler):
    """All flows, or those that match a filter, as a file."""

    get = unguarded(app.DumpFlows.get)


class Options(app.RequestHandler):
    """The options as they are."""

    get = unguarded(app.Options.get)


class Content(app.RequestHandler):
    """A body as it is."""

    get = unguarded(app.FlowContent.get)


class Refused(tornado.web.RequestHandler):
    """Says no to everything."""

    def prepare(self) -> None:
        self.set_status(403)
        self.finish(READ_ONLY)

    def check_xsrf_cookie(self) -> None:
        """Nothing is done, so that nothing has to be checked."""


ROUTES: tuple[tuple[str, type[tornado.web.RequestHandler]], ...] = (
    (r"/", Index),
    (r"/inspector\.css", Style),
    (r"/filter-help(?:\.json)?", app.FilterHelp),
    (r"/updates", Watcher),
    (r"/commands(?:\.json)?", app.Commands),
    (r"/events(?:\.json)?", app.Events),
    (r"/flows(?:\.json)?", app.Flows),
    (r"/flows/dump", Saved),
    (FLOW + r"/content\.data", Content),
    (
        FLOW + r"/content/(?P<content_view>[0-9a-zA-Z\-\_%]+)(?:\.json)?",
        app.FlowContentView,
    ),
    (r"/options(?:\.json)?", Options),
    (r"/state(?:\.json)?", app.State),
)


class Application(tornado.web.Application):
    """mitmweb's pages over routes that only read."""

    def __init__(self, master: Any, door: Door, port: int) -> None:
        self.master = master
        super().__init__(
            ROUTES,
            default_handler_class=Refused,
            template_path=str(WEB / "templates"),
            static_path=str(WEB / "static"),
            xsrf_cookies=True,
            xsrf_cookie_name="_autolist_inspector_xsrf",
            xsrf_cookie_kwargs={"samesite": "Strict"},
            cookie_secret=secrets.token_bytes(32),
            websocket_max_message_size=MESSAGE_BYTES_MAX,
            is_valid_password=door.opens,
            auth_cookie_name=lambda: f"autolist-inspector-{port}",
            compiled_template_cache=False,
            log_function=unlogged,
        )

    def find_handler(self, request: HTTPServerRequest, **keywords: Any) -> Any:
        """By the method first: whatever a handler has, only reading it is reached."""
        if request.method in READING or (request.method, request.path) == LOGIN:
            # Nothing is drawn as long as nobody looks.
            self.master.shelf.draw()
            return super().find_handler(request, **keywords)
        return self.get_handler_delegate(request, Refused)
