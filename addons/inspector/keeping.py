"""Keeping: the inspector's process, started with the gateway and again when it ends.

Whoever keeps it holds the socket that browsers come to, so that its address is known at
once and stays the gateway's while an inspector is started again. The inspector has
nothing to lose and is given no time to say goodbye. Whatever becomes of it, the gateway
goes on.
"""

import asyncio
import logging
import secrets
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mitmproxy.utils import asyncio_utils

from addons.inspector.passwords import hashed
from addons.inspector.web_brief import WebBrief
from config.settings import InspectorSettings, LogSettings

HOST = "127.0.0.1"
BACKLOG = 128
PASSWORD_BYTES = 15
# Before the second start, the third, and so on; the last one stays.
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# Who lived so long did not die of how it was started.
STEADY_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Keeping:
    """Keeps one inspector running as long as the block lasts."""

    def __init__(
        self,
        command: Sequence[str],
        brief: WebBrief,
        listening: socket.socket,
        password: str | None = None,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self.command = command
        self.brief = brief
        self.listening = listening
        self.password = password
        self.pauses_seconds = pauses_seconds
        self.process: Process | None = None
        self.task: asyncio.Task[None] | None = None

    @classmethod
    def of(
        cls,
        settings: InspectorSettings,
        log: LogSettings,
        data: Path,
        command: Sequence[str],
    ) -> Self:
        """For a gateway with these settings; OSError if its port is somebody else's."""
        listening = listen(settings.port)
        password = None
        if settings.password is None:
            password = secrets.token_urlsafe(PASSWORD_BYTES)
        brief = WebBrief(
            str(data.resolve()),
            listening.fileno(),
            settings.password or hashed(password or ""),
            settings.flows_max,
            settings.flows_bytes,
            log,
        )
        return cls(command, brief, listening, password)

    @property
    def invitation(self) -> str:
        """Where it is, and the password if it was made for this start alone."""
        address = f"http://{HOST}:{self.listening.getsockname()[1]}/"
        if self.password is None:
            return address
        return f"{address} with the password {self.password}"

    def close(self) -> None:
        """Give the port back."""
        self.listening.close()

    async def __aenter__(self) -> Self:
        self.task = asyncio_utils.create_task(
            self.keep(), name="inspector", keep_ref=True
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        process = self.process
        if process is not None and process.returncode is None:
            # A stopped process hears nothing else.
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def keep(self) -> None:
        """One inspector after another."""
        deaths = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                end = f"ended with {await self.live()}"
            except OSError as error:
                end = f"cannot be started: {error}"
            steady = loop.time() - started >= STEADY_SECONDS
            deaths = 1 if steady else deaths + 1
            pause = self.pauses_seconds[min(deaths, len(self.pauses_seconds)) - 1]
            logger.error("the inspector %s; the next starts in %s s", end, pause)
            await asyncio.sleep(pause)

    async def live(self) -> int:
        """One from its start to its end; its exit code."""
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=PIPE,
            stdout=DEVNULL,
            pass_fds=(self.brief.listening,),
            start_new_session=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(self.brief.dump())
        return await self.process.wait()


def listen(port: int) -> socket.socket:
    """The socket that browsers come to, on this machine alone; OSError if the port is
    somebody else's."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
