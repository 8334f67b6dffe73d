"""SSE: server-sent events out of bytes that arrive in any pieces.

The decoder follows the WHATWG grammar: lines end in LF, CRLF or CR, a blank line ends
an event, several `data` lines make one text, one leading byte-order mark is nothing.
Two departures serve metering: data stays bytes, for the reader is a JSON parser that
checks UTF-8 itself; and `flush` hands out an event whose blank line never came,
leaving to the reader what such an event is worth.

Comments make no event. They are counted, because they prove that the other side lives.
"""

from __future__ import annotations

from typing import NamedTuple

EVENT_BYTES_MAX = 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    event: str
    data: bytes


class SseOverflow(Exception):
    """A line or an event beyond the limit; `events` are those complete before it."""

    def __init__(self, events: list[SseEvent]) -> None:
        super().__init__(f"a server-sent event is larger than {EVENT_BYTES_MAX} bytes")
        self.events = events


class SseDecoder:
    """Feed it bytes, get events; `flush` it once when the bytes end."""

    __slots__ = (
        "_after_cr",
        "_data",
        "_data_bytes",
        "_first",
        "_name",
        "_partial",
        "_partial_bytes",
        "comments",
    )

    def __init__(self) -> None:
        self.comments = 0
        # Pieces of a line still open. They are joined only when its end arrives: a
        # long line in small pieces would otherwise be copied once a piece.
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._after_cr = False
        self._first = True
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = ""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == 10:
                chunk = chunk[1:]
        if not chunk:
            return []
        lines = chunk.splitlines()
        last = chunk[-1]
        if last == 10:
            rest = b""
        elif last == 13:
            rest = b""
            self._after_cr = True
        else:
            rest = lines.pop()
        if lines and self._partial:
            self._partial.append(lines[0])
            lines[0] = b"".join(self._partial)
            self._partial.clear()
            self._partial_bytes = 0
        events: list[SseEvent] = []
        self._read(lines, events)
        if rest:
            self._partial.append(rest)
            self._partial_bytes += len(rest)
            if self._partial_bytes > EVENT_BYTES_MAX:
                raise SseOverflow(events)
        return events

    def flush(self) -> list[SseEvent]:
        """The event left open when the bytes ended, if there is one."""
        events: list[SseEvent] = []
        lines = [b"".join(self._partial)] if self._partial else []
        self._partial.clear()
        self._partial_bytes = 0
        self._read([*lines, b""], events)
        return events

    def _read(self, lines: list[bytes], events: list[SseEvent]) -> None:
        for line in lines:
            if self._first:
                self._first = False
                line = line.removeprefix(BYTE_ORDER_MARK)
            if not line:
                self._close(events)
            elif len(line) > EVENT_BYTES_MAX:
                raise SseOverflow(events)
            elif line[:5] == b"data:":
                self._add(line[6:] if line[5:6] == b" " else line[5:], events)
            else:
                self._other(line, events)

    def _add(self, value: bytes, events: list[SseEvent]) -> None:
        self._data.append(value)
        self._data_bytes += len(value) + 1
        if self._data_bytes > EVENT_BYTES_MAX:
            raise SseOverflow(events)

    def _close(self, events: list[SseEvent]) -> None:
        data = self._data
        if data:
            events.append(
                SseEvent(self._name, data[0] if len(data) == 1 else b"\n".join(data))
            )
            data.clear()
            self._data_bytes = 0
        self._name = ""

    def _other(self, line: bytes, events: list[SseEvent]) -> None:
        name, _, value = line.partition(b":")
        if not name:
            self.comments += 1
        elif name == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif name == b"data":
            # A bare field name is the field with nothing in it.
            self._add(b"", events)
