"""A client that hides nothing: one connection, byte by byte.

For what no client library would send, show, or wait for. Every read has a deadline,
so that an answer that never comes fails its test by name.
"""

import json
import select
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

WAIT_SECONDS = 10.0
READ_BYTES = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
HELLO = [{"role": "user", "content": "你好 there"}]
CHAT = "/api/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        return events(self.body)


class Dial:
    """One connection to the gateway."""

    def __init__(self, port: int, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(WAIT_SECONDS)
        if receive_bytes is not None:
            # Before connecting, or the window is already promised.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, *request: bytes, method: str = "POST") -> Reply:
        """Send and read the whole answer."""
        self.send(b"".join(request))
        return self.reply(method)

    def reset(self) -> None:
        """Leave without a word: the other side gets RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.socket.close()

    def fill(self) -> bool:
        """Take what the kernel has; False at the end of the connection."""
        piece = self.socket.recv(READ_BYTES)
        self.buffer += piece
        return bool(piece)

    def until(self, end: bytes) -> bytes:
        """What comes up to and including `end`."""
        while end not in self.buffer:
            if not self.fill():
                raise EOFError(f"closed after {self.buffer[-200:]!r}")
        taken, _, self.buffer = self.buffer.partition(end)
        return taken + end

    def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            if not self.fill():
                raise EOFError(f"closed {count - len(self.buffer)} bytes early")
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def rest(self) -> bytes:
        """All that comes until the other side closes."""
        while self.fill():
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer."""
        line, *fields = self.until(b"\r\n\r\n").decode("latin-1").splitlines()
        headers = {}
        for field in filter(None, fields):
            name, _, value = field.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(line.split()[1]), headers

    def piece(self) -> bytes:
        """The next chunk of a chunked body; empty at its end."""
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size)
        self.until(b"\r\n")
        return data

    def pieces(self) -> bytes:
        body = b""
        while piece := self.piece():
            body += piece
        return body

    def reply(self, method: str = "POST") -> Reply:
        status, headers = self.head()
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self.pieces()
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        return Reply(status, headers, body)


def request(
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A request as bytes; its length is announced unless the headers say how."""
    fields = {"Host": "gateway", **(headers or {})}
    told = {name.lower() for name in fields}
    if body and told.isdisjoint(("content-length", "transfer-encoding")):
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask_body(**parameters: Any) -> bytes:
    asked = {"model": "gpt-4o", "messages": HELLO, **parameters}
    return json.dumps(asked).encode()


def chat(key: str, **parameters: Any) -> bytes:
    """A chat request, honest unless the parameters say otherwise."""
    return request(
        "POST", CHAT, ask_body(**parameters), {"Authorization": f"Bearer {key}"}
    )


def all_but_one(dials: Sequence[Dial], asked: bytes) -> tuple[list[Reply], Dial]:
    """Send the same on all at once, and read what is answered at once: all of it but
    one. The connection that is left still waits for its answer."""
    waiting = {dial.socket: dial for dial in dials}
    for dial in dials:
        dial.send(asked)
    replies: list[Reply] = []
    while len(waiting) > 1:
        ready, _, _ = select.select(list(waiting), [], [], WAIT_SECONDS)
        assert ready, f"{len(waiting)} are still not answered"
        # Also if the last two are answered at once, one is left.
        for one in ready[: len(waiting) - 1]:
            replies.append(waiting.pop(one).reply())
    (left,) = waiting.values()
    return replies, left


def events(body: bytes) -> list[Any]:
    """What the events of a stream carry; [DONE] stays text."""
    datas = [
        line.removeprefix("data: ")
        for line in body.decode().splitlines()
        if line.startswith("data: ")
    ]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


def said(found: list[Any]) -> str:
    """The text of all deltas."""
    chunks = [one for one in found if one != "[DONE]" and "choices" in one]
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk["choices"]
    )
