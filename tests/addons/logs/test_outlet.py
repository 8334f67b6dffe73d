"""The outlet: who logs never waits, and what is logged is not lost without a count."""

import io
import logging
import threading

from addons.logs.outlet import Outlet, lines_dropped


class Pipe(io.StringIO):
    """A stream whose reader stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.free.wait(10)
        return super().write(text)


def said(text: str, level: int = logging.INFO, *arguments: object):
    return logging.LogRecord("x", level, "", 0, text, arguments or None, None)


def test_lines_come_out_in_their_order_and_all_at_the_end() -> None:
    stream = io.StringIO()
    outlet = Outlet(stream)
    for number in range(1000):
        outlet.handle(said(str(number)))
    outlet.close()
    assert stream.getvalue().splitlines() == [str(number) for number in range(1000)]
    assert outlet.dropped == 0


class Writes(io.StringIO):
    """Remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return super().write(text)


def test_no_line_is_torn_where_several_processes_write() -> None:
    stream = Writes()
    outlet = Outlet(stream)
    for number in range(200):
        outlet.handle(said(f"{number} " + "x" * 100))
    outlet.handle(said("y" * 10_000))
    outlet.close()
    assert all(piece.endswith("\n") for piece in stream.pieces)
    assert sorted(len(piece) for piece in stream.pieces)[-2] <= 2049
    assert len(stream.getvalue().splitlines()) == 201


def test_who_reads_too_slowly_stops_nobody() -> None:
    stream = Pipe()
    outlet = Outlet(stream, lines_max=2)
    outlet.handle(said("warned", logging.WARNING))
    assert stream.reached.wait(10), "a warning does not wait for others"
    for text in ("first", "second", "third"):
        outlet.handle(said(text))
    assert outlet.dropped == 1
    stream.free.set()
    outlet.close()
    assert stream.getvalue().splitlines() == ["warned", "first", "second"]


def test_a_stream_that_is_closed_is_nobodys_fault() -> None:
    stream = io.StringIO()
    stream.close()
    outlet = Outlet(stream)
    outlet.handle(said("unheard", logging.WARNING))
    outlet.close()
    assert outlet.dropped == 0


def test_a_line_that_cannot_be_made_is_no_line(capsys) -> None:
    outlet = Outlet(io.StringIO())
    outlet.handle(said("%d", logging.INFO, "text"))
    outlet.close()
    assert "Logging error" in capsys.readouterr().err


def test_what_all_outlets_dropped_is_known() -> None:
    root = logging.getLogger()
    stream = Pipe()
    outlet = Outlet(stream, lines_max=0)
    root.addHandler(outlet)
    try:
        outlet.handle(said("too much"))
        assert lines_dropped() == 1
    finally:
        root.removeHandler(outlet)
        stream.free.set()
        outlet.close()
    assert lines_dropped() == 0
