"""Shelf: the flows there are, and no more of them than there may be.

What comes in waits for a moment, so that many frames of one entry are shown as one
change and a flood costs no more than the shelf is long: what would be pushed out again
before anybody sees it is never made. The oldest go first, by count and by bytes. All
of it are copies, so that taking one away ends nothing.
"""

import logging
from collections import OrderedDict
from dataclasses import replace
from typing import Protocol

from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow

from addons.inspector.framing import GROW, Frame
from addons.inspector.web.copying import flow_id, flow_of

# What a flow takes beside its bodies, about.
FLOW_BYTES = 16 * 1024
# Changes that are shown at once.
STEP_MAX = 50

logger = logging.getLogger(__name__)


class View(Protocol):
    """The part of mitmproxy's view that is used here."""

    def add(self, flows: list[HTTPFlow]) -> None: ...

    def update(self, flows: list[HTTPFlow]) -> None: ...

    def remove(self, flows: list[HTTPFlow]) -> None: ...

    def get_by_id(self, flow_id: str) -> Flow | None: ...


class Shelf:
    """Keeps entries in a view of mitmproxy's."""

    def __init__(self, view: View, flows_max: int, bytes_max: int) -> None:
        self.view = view
        self.flows_max = flows_max
        self.bytes_max = bytes_max
        self.waiting: OrderedDict[str, Frame] = OrderedDict()
        self.waiting_bytes = 0
        # Each flow with what it takes, the oldest first.
        self.sizes: OrderedDict[str, int] = OrderedDict()
        self.bytes = 0
        self.skipped = 0

    def take(self, frame: Frame) -> None:
        """A frame that came in; it is shown with the next step, or when all are."""
        entry_id = frame.head["id"]
        before = self.waiting.pop(entry_id, None)
        if before is not None:
            self.waiting_bytes -= size_of(before)
            frame = grown(before, frame) if frame.kind == GROW else frame
        self.waiting[entry_id] = frame
        self.waiting_bytes += size_of(frame)
        while len(self.waiting) > self.flows_max or self.waiting_bytes > self.bytes_max:
            _, old = self.waiting.popitem(last=False)
            self.waiting_bytes -= size_of(old)
            self.skipped += 1
            # What is shown is older still.
            self.remove_oldest()

    def draw(self) -> None:
        """Show all that waits, for somebody who asks now."""
        while self.step():
            continue

    def step(self) -> bool:
        """Show some of what waits; whether more does."""
        for _ in range(min(STEP_MAX, len(self.waiting))):
            _, frame = self.waiting.popitem(last=False)
            self.waiting_bytes -= size_of(frame)
            try:
                self.show(frame)
            except (ValueError, LookupError, TypeError, AttributeError):
                logger.exception("an entry cannot be shown")
        self.make_room()
        return bool(self.waiting)

    def show(self, frame: Frame) -> None:
        shown = self.shown(flow_id(frame.head["id"]))
        if frame.kind == GROW:
            # Of one that is not there, or has a gap, a whole one follows.
            if shown is None or not has_grown(shown, frame):
                return
            if is_bare(frame):
                self.show_more(shown, frame.answer)
                return
            frame = replace(
                frame,
                request=shown.request.raw_content or b"",
                answer=content_of(shown) + frame.answer,
            )
        made = flow_of(frame)
        self.note(made.id, size_of(frame))
        if shown is None:
            self.view.add([made])
        else:
            replace_with(shown, made)
            self.view.update([shown])

    def show_more(self, shown: HTTPFlow, more: bytes) -> None:
        """The answer of a flow grows, and nothing else changes."""
        if shown.response is None:
            return
        shown.response.raw_content = content_of(shown) + more
        self.note(shown.id, self.sizes.get(shown.id, 0) + len(more))
        self.view.update([shown])

    def note(self, id: str, size: int) -> None:
        self.bytes += size - self.sizes.get(id, 0)
        self.sizes[id] = size

    def shown(self, id: str) -> HTTPFlow | None:
        found = self.view.get_by_id(id)
        return found if isinstance(found, HTTPFlow) else None

    def make_room(self) -> None:
        while len(self.sizes) > self.flows_max or self.bytes > self.bytes_max:
            self.remove_oldest()

    def remove_oldest(self) -> None:
        if not self.sizes:
            return
        oldest, size = self.sizes.popitem(last=False)
        self.bytes -= size
        shown = self.shown(oldest)
        if shown is not None:
            # One at a time: several are worth a message to mitmproxy.
            self.view.remove([shown])


def replace_with(shown: HTTPFlow, made: HTTPFlow) -> None:
    """Whoever looks at a flow goes on looking at the same."""
    for name in ("request", "response", "error", "comment", "marked", "metadata"):
        setattr(shown, name, getattr(made, name))
    shown.client_conn, shown.server_conn = made.client_conn, made.server_conn


def grown(before: Frame, new: Frame) -> Frame:
    """Two frames of one entry as one; the earlier if there is a gap between them."""
    start = before.head.get("from", 0)
    if start + len(before.answer) != new.head.get("from"):
        return before
    head = {**before.head, **new.head, "from": start}
    if before.kind != GROW:
        head.pop("from")
    return replace(before, head=head, answer=before.answer + new.answer)


def is_bare(frame: Frame) -> bool:
    """Whether it has nothing but more of the answer."""
    return "facts" not in frame.head


def has_grown(shown: HTTPFlow, frame: Frame) -> bool:
    return len(content_of(shown)) == frame.head.get("from")


def content_of(shown: HTTPFlow) -> bytes:
    return b"" if shown.response is None else shown.response.raw_content or b""


def size_of(frame: Frame) -> int:
    return FLOW_BYTES + len(frame.request) + len(frame.answer)
