"""A client's connection without a socket: bytes go in, bytes come out.

Drives the gateway's HTTP layer as the connection handler does, in one thread and with
no loop. Hooks are answered at once by a function of the test, or wait in `held` until
the test completes them. It is also the inlet through which upstream answers come.
"""

import itertools
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import ProxyMode

from addons.gateway.http_layer import GatewayHttpLayer
from addons.gateway.master import PROXY_OPTIONS, ProxyOptions
from addons.rendering import Render
from addons.upstream.call import Call
from addons.wire.errors import ApiError
from config.settings import Listen
from tests.fakes import exchanges

type OnHook = Callable[[str, HTTPFlow], None]

SMALL = Listen(header_bytes=2_000, body_bytes=1_000, form_bytes=1_000)
render = Render(lambda prefix: f"{prefix}_new")

GET = b"GET /a HTTP/1.1\r\nHost: gateway\r\n\r\n"
ENDS = ("response", "error")


def gateway_options() -> Options:
    """The options that the master sets, without a master."""
    options = Options()
    ProxyOptions().load(Loader(SimpleNamespace(options=options)))
    options.update(**{**PROXY_OPTIONS, "mode": ["regular"]})
    return options


def echo(name: str, flow: HTTPFlow) -> None:
    """Answers every request with its own body."""
    if name == "requestheaders":
        record = exchanges.exchange(id=f"req_{flow.request.path}")
        record.travel_with(flow)
    if name == "request" and flow.response is None:
        flow.response = Response.make(200, flow.request.raw_content or b"")


class Line:
    def __init__(
        self,
        on_hook: OnHook = echo,
        listen: Listen = SMALL,
        hold: Collection[str] = (),
    ) -> None:
        self.on_hook = on_hook
        self.hold = hold
        self.turned_away: list[ApiError] = []
        self.client = Client(
            peername=("127.0.0.1", 50_000),
            sockname=("127.0.0.1", 8000),
            proxy_mode=ProxyMode.parse("reverse:http://127.0.0.1:9"),
            state=ConnectionState.OPEN,
        )
        self.layer = GatewayHttpLayer(
            Context(self.client, gateway_options()),
            self,
            listen,
            render,
            self.turned_away.append,
        )
        self.sent = b""
        self.closed = False
        self.hooks: list[str] = []
        self.flows: list[HTTPFlow] = []
        self.ends: dict[str, list[str]] = {}
        self.calls: list[Call] = []
        self.held: deque[commands.StartHook] = deque()
        self._told = False
        self._waiting: deque[events.Event] = deque()
        self._busy = False
        self.feed(events.Start())

    # What the client does.

    def receive(self, *pieces: bytes) -> None:
        """The client sends these, one after the other."""
        for piece in pieces:
            if not self.closed:
                self.feed(events.DataReceived(self.client, piece))

    def leave(self) -> None:
        """The client closes its side."""
        if self.closed or self._told:
            return
        self.client.state &= ~ConnectionState.CAN_READ
        self._told = True
        self.feed(events.ConnectionClosed(self.client))

    @property
    def answers(self) -> list["Reply"]:
        return answers(self.sent, [flow.request.method for flow in self.flows])

    # What the test does.

    def complete(self) -> None:
        """Let the hook go on that has waited longest."""
        self.feed(events.HookCompleted(self.held.popleft()))

    @property
    def http1(self):
        return self.layer.http1

    # What the connection handler does.

    async def server_event(self, event: events.Event) -> None:
        self.feed(event)

    async def drain_writers(self) -> None:
        """Nobody is slow here."""

    def feed(self, event: events.Event) -> None:
        """Events wait for each other, as behind the handler's lock."""
        self._waiting.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                for command in self.layer.handle_event(self._waiting.popleft()):
                    self._obey(command)
        finally:
            self._busy = False

    def _obey(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData):
            assert command.connection is self.client, "nothing goes anywhere else"
            # What follows a close in the same breath is still written.
            self.sent += b"" if self.closed and self._told else command.data
        elif isinstance(command, commands.CloseConnection):
            self._close()
        elif isinstance(command, commands.StartHook):
            self._run(command)
        else:
            assert isinstance(command, commands.Log), f"unexpected: {command}"

    def _close(self) -> None:
        self.closed = True
        self.client.state = ConnectionState.CLOSED
        if not self._told:
            self._told = True
            self._waiting.append(events.ConnectionClosed(self.client))

    def _run(self, hook: commands.StartHook) -> None:
        (data,) = hook.args()
        if isinstance(data, Call):
            self.calls.append(data)
            return
        self.hooks.append(hook.name)
        if data not in self.flows:
            self.flows.append(data)
        if hook.name in ("response", "error"):
            self.ends.setdefault(data.id, []).append(hook.name)
        self.on_hook(hook.name, data)
        if hook.name in self.hold:
            self.held.append(hook)
        else:
            self._waiting.append(events.HookCompleted(hook))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a client reads it; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def answers(raw: bytes, methods: Sequence[str] = ()) -> list[Reply]:
    """The answers in what was sent; ValueError if it is not a sequence of them.

    `methods` are those of the requests, which decide whether a body follows.
    """
    found = []
    asked = itertools.chain(methods, itertools.repeat("GET"))
    while raw:
        head, end, raw = raw.partition(b"\r\n\r\n")
        if not end or not head.startswith(b"HTTP/1.1 "):
            raise ValueError(f"no head of an answer: {head[:100]!r}")
        line, *fields = head.decode("latin-1").split("\r\n")
        pairs = (field.partition(": ") for field in fields)
        headers = {name.lower(): value for name, _, value in pairs}
        status = int(line.split()[1])
        bodiless = status < 200 or next(asked) == "HEAD" or status == 204
        body, raw = (b"", raw) if bodiless else _body(headers, raw)
        found.append(Reply(status, headers, body))
    return found


def _body(headers: Mapping[str, str], raw: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding") == "chunked":
        return _chunks(raw)
    length = int(headers["content-length"]) if "content-length" in headers else None
    if length is not None and len(raw) < length:
        raise ValueError(f"{length} bytes were announced, {len(raw)} sent")
    return (raw, b"") if length is None else (raw[:length], raw[length:])


def _chunks(raw: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        piece, end, raw = raw[:length], raw[length : length + 2], raw[length + 2 :]
        if end != b"\r\n":
            raise ValueError("a chunk without its end")
        if not length:
            return body, raw
        body += piece


# What a client sends, and what the addons do with it.


def post(body: bytes, *headers: str, method: str = "POST") -> bytes:
    fields = ["Host: gateway", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([f"{method} /a HTTP/1.1", *fields, "", ""]).encode() + body


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    head = b"POST /a HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces)
    return head + chunks + b"0\r\n" + trailer + b"\r\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces; places are taken modulo the length."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in zip(ends, ends[1:])]


def refusing(error: ApiError) -> Callable[[str, HTTPFlow], None]:
    """What the hooks do with a request that is refused by its head."""

    def on_hook(name: str, flow: HTTPFlow) -> None:
        if name == "requestheaders":
            record = exchanges.exchange()
            record.travel_with(flow)
            record.refuse(error)
            flow.response = render(error, record)

    return on_hook


def upstream(name: str, flow: HTTPFlow) -> None:
    """Sends every request upstream, and streams what comes."""
    if name == "requestheaders":
        exchanges.exchange().travel_with(flow)
    if name == "responseheaders":
        flow.response.headers["transfer-encoding"] = "chunked"
        flow.response.stream = True


def error_of(line: Line) -> tuple[int, str]:
    """Status and code of the last answer, which must be an error as we write them."""
    reply = line.answers[-1]
    assert reply.headers["x-request-id"].startswith("req_")
    return reply.status, json.loads(reply.body)["error"]["code"]
