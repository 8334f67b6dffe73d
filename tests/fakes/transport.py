"""A provider by script: replies in their order, and what was asked of them.

A reply's body is a list of pieces: bytes, a number of seconds (for a leaping loop,
where they take no time), an event to wait for, an exception to raise, or STUCK.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from addons.providers.base import UpstreamRequest
from addons.upstream.transport import Sent

STUCK = "nothing more comes"

type Piece = bytes | float | asyncio.Event | Exception | str


@dataclass
class ScriptedReply:
    body: Sequence[Piece] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    # Pieces taken so far, and whether the reply was left.
    taken: int = 0
    left: bool = False

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self.body:
            self.taken += 1
            if isinstance(piece, bytes):
                yield piece
            elif isinstance(piece, Exception):
                raise piece
            elif isinstance(piece, asyncio.Event):
                await piece.wait()
            elif piece == STUCK:
                await asyncio.Event().wait()
            else:
                await passed(piece)


async def passed(seconds: float) -> None:
    """So much of the loop's time."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


class ScriptedTransport:
    """Gives one reply after the other; an exception stands for no connection."""

    def __init__(self, *replies: ScriptedReply | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[UpstreamRequest] = []
        self.closed = False

    @asynccontextmanager
    async def open(
        self, request: UpstreamRequest, sent: Sent = lambda: None
    ) -> AsyncIterator[ScriptedReply]:
        self.requests.append(request)
        reply = self.replies[len(self.requests) - 1]
        if isinstance(reply, Exception):
            raise reply
        sent()
        try:
            yield reply
        finally:
            reply.left = True

    async def close(self) -> None:
        self.closed = True


DONE = b"data: [DONE]\n\n"


def chunk(text: str = "", finish: str | None = None, **fields: object) -> bytes:
    """One event of a stream in OpenAI's dialect."""
    delta = {"content": text} if text else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"choices": [choice], **fields}) + b"\n\n"


def usage_chunk(prompt: int, output: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": output}
    return b"data: " + orjson.dumps({"choices": [], "usage": usage}) + b"\n\n"


def completion(text: str = "Hi", **fields: object) -> bytes:
    """A whole answer in OpenAI's dialect."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return orjson.dumps({"id": "theirs", "choices": [choice], **fields})
