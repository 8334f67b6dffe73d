"""A provider that costs next to nothing: the same upstream for every proxy measured.

Answers are made once. The prompt says how a stream runs, `chunks=400 pace_us=1000`,
because it is the one thing that every proxy on the way must leave alone. Chunks are
paced so that each travels alone: written in one go they would be measured in one go.
"""

import asyncio
import json
import re
import sys
from typing import cast

import uvloop

HOST = "127.0.0.1"
ORDERS = re.compile(rb"chunks=(\d+) pace_us=(\d+)")
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
BASE = {"id": "chatcmpl-bench", "created": 1, "model": "gpt-4o-mini"}
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 40,
    "total_tokens": 60,
    "prompt_tokens_details": {"cached_tokens": 0},
}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(**parts: object) -> bytes:
    whole = {**BASE, "object": "chat.completion.chunk", **parts}
    return chunk(b"data: %b\n\n" % json.dumps(whole).encode())


def delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event(choices=[choice])


def json_answer() -> bytes:
    message = {"role": "assistant", "content": "word " * 40, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None}
    choice["finish_reason"] = "stop"
    whole = {**BASE, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    body = json.dumps(whole).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


ANSWER = json_answer()
OPENING = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + delta({"role": "assistant", "content": ""})
)
WORD = delta({"content": "word "})
ENDING = b"".join(
    (
        delta({}, "stop"),
        event(choices=[], usage=USAGE),
        chunk(b"data: [DONE]\n\n"),
        b"0\r\n\r\n",
    )
)


class Provider(asyncio.Protocol):
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, separator, rest = self.seen.partition(b"\r\n\r\n")
        if not separator:
            return
        length = LENGTH.search(head)
        if len(rest) < int(length[1] if length else 0):
            return
        self.seen = b""
        orders = ORDERS.search(rest)
        if orders is None:
            self.transport.write(ANSWER)
            return
        self.transport.write(OPENING)
        self.stream(int(orders[1]), int(orders[2]) / 1e6, self.loop.time())

    def stream(self, left: int, pace_seconds: float, due: float) -> None:
        if self.transport.is_closing():
            return
        if not left:
            self.transport.write(ENDING)
            return
        self.transport.write(WORD)
        due += pace_seconds
        self.loop.call_at(due, self.stream, left - 1, pace_seconds, due)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, HOST, 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
