"""Serving: the inspector's process from its brief to its end.

It is told what it needs on its standard input, which then stays open and silent: its
end is the end of the gateway, and of this. It is nice to the others: where there is
more to do than there are cores, it waits and production does not.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from addons.inspector.web import views
from addons.inspector.web.door import Door
from addons.inspector.web.receiving import Receiving
from addons.inspector.web.shelf import Shelf
from addons.inspector.web.web_master import InspectorMaster
from addons.inspector.web_brief import WebBrief

NICENESS = 10
CONFIGURATION = "inspector"
READ_BYTES = 4096


async def serve(
    brief: WebBrief, stdin: int, ready: Callable[[], None] = lambda: None
) -> None:
    """Show what comes until it is told to stop, or nobody is there to tell it."""
    data = Path(brief.data)
    listening = socket.socket(fileno=brief.listening)
    door = Door(brief.password_hash, time.monotonic)
    views.install()
    shelf_of = partial(
        Shelf, flows_max=brief.flows_max, bytes_max=brief.flows_bytes
    )
    master = InspectorMaster(data / CONFIGURATION, listening, door, shelf_of, ready)
    receiving = Receiving(data, master.shelf, master.watched)
    await receiving.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, master.shutdown)
    watch(loop, stdin, master.shutdown)
    try:
        await master.run()
    finally:
        await receiving.stop()
        master.pages.stop()
        listening.close()


def be_nice() -> None:
    """Whatever there is to do, production is first."""
    with suppress(PermissionError):
        os.nice(NICENESS)


def watch(
    loop: asyncio.AbstractEventLoop, stdin: int, on_end: Callable[[], None]
) -> None:
    """Calls `on_end` when whoever started this is gone."""

    def read() -> None:
        if not os.read(stdin, READ_BYTES):
            loop.remove_reader(stdin)
            on_end()

    loop.add_reader(stdin, read)
