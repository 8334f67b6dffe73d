"""What any fake provider may be told to do with a request, good and bad.

An answer is a sequence of steps: bytes to write, a gate at which to wait, or an end.
Edits change that sequence, so that every fault is the honest answer with something
done to it at a known place: `Answer(edits=[after(2, End.RST)])` cuts the connection
after two events. Nothing here sleeps; a test that wants a slow provider holds a gate
shut and opens it.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum

COMMENT = b": keep-alive\n\n"


class End(Enum):
    """Ways in which an answer stops short. What was written before RST may be lost."""

    FIN = "the connection is closed in good order, in the middle of the body"
    RST = "the connection is reset"
    SILENCE = "nothing more comes, the connection stays open"


class Gate:
    """Holds a stream at one place until the test opens it; `reached` tells it did."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened: Future[None] = Future()

    def open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    async def pass_through(self) -> None:
        self.reached.set()
        # A cancelled stream must not shut the gate for the others behind it.
        await asyncio.shield(asyncio.wrap_future(self._opened))


type Step = bytes | Gate | End
type Edit = Callable[[Iterator[Step]], Iterable[Step]]


def after(frames: int, *steps: Step) -> Edit:
    """These steps come after so many frames: SSE events, or halves of a JSON body."""

    def edit(before: Iterator[Step]) -> Iterator[Step]:
        return itertools.chain(itertools.islice(before, frames), steps, before)

    return edit


def in_pieces(size: int) -> Edit:
    """Every write carries at most so many bytes."""

    def edit(before: Iterator[Step]) -> Iterator[Step]:
        for step in before:
            if not isinstance(step, bytes):
                yield step
                continue
            for start in range(0, len(step), size):
                yield step[start : start + size]

    return edit


def with_line_ends(line_end: bytes) -> Edit:
    """SSE allows CR and CRLF beside LF."""

    def edit(before: Iterator[Step]) -> Iterator[Step]:
        for step in before:
            yield step.replace(b"\n", line_end) if isinstance(step, bytes) else step

    return edit


def edited(steps: Iterator[Step], edits: Sequence[Edit]) -> Iterator[Step]:
    for edit in edits:
        steps = iter(edit(steps))
    return steps


def halves(whole: bytes) -> Iterator[Step]:
    """Two, so that a body can be cut in its middle."""
    middle = len(whole) // 2
    return iter([whole[:middle], whole[middle:]])


@dataclass(frozen=True, slots=True)
class Raw:
    """Any bytes under any status: garbage, HTML, an empty body, a foreign dialect."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    edits: Sequence[Edit] = ()

    def steps(self) -> Iterator[Step]:
        return edited(halves(self.body), self.edits)


@dataclass(frozen=True, slots=True)
class Endless:
    """A stream that never ends by itself: this frame again and again."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """Not even a status line; or, by `End`, a connection that dies before one."""

    end: End = End.SILENCE
