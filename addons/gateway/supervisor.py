"""Supervisor: several processes that serve as one gateway.

It serves nothing itself. It starts the workers as fresh processes, keeps their number
when one dies, passes on what it is told by signals, and ends when the last worker has.
A worker lives in a session of its own: Ctrl-C reaches the supervisor only, who tells
everybody once. When the supervisor is killed its workers see the end of their standard
input and drain.

A worker that dies is started again after a pause that grows while it keeps dying. One
that cannot even start says why; at the gateway's start that is the end, later it is
tried a few times more.
"""

import asyncio
import logging
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from addons.gateway.brief import READY

# Before the second start, the third, and so on; the last one stays.
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# Who lived so long did not die of how it was started.
STEADY_SECONDS = 60.0
# How long a worker may take until it listens, and how often in a row it may fail.
START_SECONDS = 60.0
STARTS_MAX = 5

logger = logging.getLogger(__name__)


class WorkersFailed(Exception):
    """The gateway cannot go on; says which worker and why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker is waited for, and how often it is started again."""

    pauses_seconds: Sequence[float] = PAUSES_SECONDS
    steady_seconds: float = STEADY_SECONDS
    start_seconds: float = START_SECONDS
    starts_max: int = STARTS_MAX

    def pause_seconds(self, deaths: int) -> float:
        """After so many deaths in a row."""
        return self.pauses_seconds[min(deaths, len(self.pauses_seconds)) - 1]


@dataclass(frozen=True, slots=True)
class Life:
    """One process from its start to its end."""

    answer: bytes
    code: int
    seconds: float

    @property
    def served(self) -> bool:
        return self.answer == READY

    @property
    def end(self) -> str:
        """In its own words, if it left any."""
        if self.answer and not self.served:
            return self.answer.decode("utf-8", "replace")
        if self.code < 0:
            return f"ended by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"


class Supervisor:
    """Keeps `count` workers running until it is told to stop.

    Each is the command with two more arguments: its number, and the descriptor of the
    pipe that it reports to. It finds the brief on its standard input. `bury` is called
    with the number of each that has ended, before another takes its place.
    """

    def __init__(
        self,
        command: Sequence[str],
        brief: bytes,
        count: int,
        inherited: Sequence[int] = (),
        patience: Patience = Patience(),
        bury: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.command = command
        self.brief = brief
        self.count = count
        self.inherited = inherited
        self.bury = bury
        self.patience = patience
        self.workers: dict[int, Process] = {}
        self.served: set[int] = set()
        self.stopping = asyncio.Event()
        self.failure: str | None = None

    async def run(self, greet: Callable[[], None]) -> None:
        """Calls `greet` once all have listened; returns when all are done.

        Raises WorkersFailed if they could not be kept running.
        """
        self.greet = greet
        async with asyncio.TaskGroup() as group:
            for number in range(1, self.count + 1):
                group.create_task(self.keep(number))
        if self.failure is not None:
            raise WorkersFailed(self.failure)

    def stop(self) -> None:
        """The first call drains all workers; a second one cuts what still runs."""
        self.stopping.set()
        for worker in self.workers.values():
            if worker.returncode is None:
                worker.send_signal(signal.SIGTERM)

    def tell(self, brief: bytes, news: bytes) -> None:
        """Say some news to all workers; from now on others start with this brief."""
        self.brief = brief
        for worker in self.workers.values():
            if worker.returncode is None and worker.stdin is not None:
                worker.stdin.write(news)

    async def keep(self, number: int) -> None:
        """One worker after another, in the same place."""
        deaths = failures = 0
        while not self.stopping.is_set():
            life = await self.live(number)
            if self.stopping.is_set():
                if life.served and life.code:
                    self.give_up(f"worker {number} {life.end} instead of draining")
                return
            failures = 0 if life.served else failures + 1
            if self.is_hopeless(life, failures):
                self.give_up(f"worker {number} does not start: {life.end}")
                return
            steady = life.seconds >= self.patience.steady_seconds
            deaths = 1 if steady else deaths + 1
            await self.pause(number, life, self.patience.pause_seconds(deaths))

    async def live(self, number: int) -> Life:
        try:
            return await self.watch(number)
        except OSError as error:
            return Life(f"cannot be started: {error}".encode(), 1, 0.0)

    async def watch(self, number: int) -> Life:
        loop = asyncio.get_running_loop()
        started = loop.time()
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as report:
            try:
                worker = await asyncio.create_subprocess_exec(
                    *self.command,
                    str(number),
                    str(writing),
                    stdin=PIPE,
                    pass_fds=(writing, *self.inherited),
                    start_new_session=True,
                )
            finally:
                os.close(writing)
            self.workers[number] = worker
            if self.stopping.is_set():
                # Told while this one was being born.
                worker.send_signal(signal.SIGTERM)
            assert worker.stdin is not None
            worker.stdin.write(self.brief)
            answer = await self.answer(worker, report)
        if answer == READY:
            self.note(number)
        code = await worker.wait()
        self.bury(number)
        return Life(answer, code, loop.time() - started)

    async def answer(self, worker: Process, report: BinaryIO) -> bytes:
        """What it reports; empty if it died before."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), report
        )
        try:
            async with asyncio.timeout(self.patience.start_seconds):
                return await reader.read()
        except TimeoutError:
            worker.kill()
            return b"it took too long"
        finally:
            transport.close()

    def note(self, number: int) -> None:
        if number in self.served:
            return
        self.served.add(number)
        if len(self.served) == self.count:
            self.greet()

    def is_hopeless(self, life: Life, failures: int) -> bool:
        """At the gateway's start a worker's word is enough: the next says the same."""
        starting = len(self.served) < self.count
        spoke = bool(life.answer) and not life.served
        return (starting and spoke) or failures >= self.patience.starts_max

    def give_up(self, reason: str) -> None:
        if self.failure is None:
            self.failure = reason
        if not self.stopping.is_set():
            self.stop()

    async def pause(self, number: int, life: Life, seconds: float) -> None:
        logger.error(
            "worker %d: %s; it is started again in %s s", number, life.end, seconds
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
