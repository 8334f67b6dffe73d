"""The supervisor, with small programs for workers: who is started, told, and missed."""

import asyncio
import os
import signal
import sys

import pytest

from addons.gateway.supervisor import Life, Patience, Supervisor, WorkersFailed

WAIT_SECONDS = 20.0
QUICK = Patience(
    pauses_seconds=(0.0,), steady_seconds=60.0, start_seconds=20.0, starts_max=3
)
# Each says what it does on a pipe that all inherit.
BEGIN = """
import os, signal, sys
said, number, report = map(int, sys.argv[1:])
def say(what):
    os.write(said, f"{number} {what}\\n".encode())
def tell(answer):
    os.write(report, answer)
    os.close(report)
"""
SERVES = """
brief = os.read(0, 100).decode()
stops = 0
def stop(*_):
    global stops
    stops += 1
    say(f"stop {stops}")
signal.signal(signal.SIGTERM, stop)
say(f"{brief} {os.getpid()}")
tell(b"ready")
"""
DRAINS = SERVES + "while not stops: signal.pause()"
NEEDS_TWO = SERVES + "while stops < 2: signal.pause()"
STUMBLES = DRAINS + "\nsys.exit(3)"
EXPLAINS = "tell(b'no such port')\nsys.exit(1)"
DIES = "say('dies')\nsys.exit(7)"
HANGS = "say('hangs')\nsignal.pause()"


class Crew:
    """A supervisor at work, and what its workers say."""

    def __init__(self, program: str, count: int, patience: Patience = QUICK) -> None:
        reading, self.writing = os.pipe()
        self.reading = os.fdopen(reading, "rb")
        self.greetings = 0
        self.greeted = asyncio.Event()
        self.buried: list[int] = []
        self.supervisor = Supervisor(
            [sys.executable, "-S", "-E", "-c", BEGIN + program, str(self.writing)],
            b"brief",
            count,
            [self.writing],
            patience,
            self.buried.append,
        )

    def greet(self) -> None:
        self.greetings += 1
        self.greeted.set()

    async def __aenter__(self) -> "Crew":
        self.heard = asyncio.StreamReader()
        self.transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self.heard), self.reading
        )
        self.task = asyncio.create_task(self.supervisor.run(self.greet))
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self.supervisor.workers.values():
            if worker.returncode is None:
                worker.kill()
        self.task.cancel()
        await asyncio.wait([self.task])
        self.transport.close()
        os.close(self.writing)

    async def says(self) -> list[str]:
        async with asyncio.timeout(WAIT_SECONDS):
            return (await self.heard.readline()).decode().split()

    async def serve(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await self.greeted.wait()

    async def end(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await self.task


async def test_all_are_briefed_and_greeted_for_once() -> None:
    async with Crew(DRAINS, 3) as crew:
        await crew.serve()
        said = [await crew.says() for _ in range(3)]
        assert sorted(number for number, _, _ in said) == ["1", "2", "3"]
        assert {brief for _, brief, _ in said} == {"brief"}
        crew.supervisor.stop()
        await crew.end()
    assert crew.greetings == 1


async def test_a_killed_worker_is_replaced_and_nobody_greeted_again() -> None:
    async with Crew(DRAINS, 2) as crew:
        await crew.serve()
        said = [await crew.says() for _ in "12"]
        first = {number: int(pid) for number, _, pid in said}
        os.kill(first["2"], signal.SIGKILL)
        number, _, pid = await crew.says()
        assert number == "2" and int(pid) not in first.values()
        assert crew.supervisor.workers[1].pid == first["1"]
        assert crew.buried == [2], "before another took its place"
        crew.supervisor.stop()
        await crew.end()
    assert crew.greetings == 1


async def test_a_second_stop_is_passed_on() -> None:
    async with Crew(NEEDS_TWO, 1) as crew:
        await crew.serve()
        await crew.says()
        crew.supervisor.stop()
        assert await crew.says() == ["1", "stop", "1"]
        crew.supervisor.stop()
        assert await crew.says() == ["1", "stop", "2"]
        await crew.end()


async def test_a_worker_that_ends_badly_is_named() -> None:
    async with Crew(STUMBLES, 1) as crew:
        await crew.serve()
        crew.supervisor.stop()
        with pytest.raises(WorkersFailed, match="worker 1 ended with exit code 3"):
            await crew.end()


async def test_what_a_worker_says_at_the_start_is_the_end() -> None:
    async with Crew(EXPLAINS, 1) as crew:
        with pytest.raises(WorkersFailed, match="worker 1 does not start: no such"):
            await crew.end()
    assert crew.greetings == 0


async def test_a_worker_that_dies_at_every_start_is_given_up() -> None:
    async with Crew(DIES, 1) as crew:
        with pytest.raises(WorkersFailed, match="does not start: ended with exit"):
            await crew.end()
        said = [await crew.says() for _ in range(QUICK.starts_max)]
        assert said == [["1", "dies"]] * QUICK.starts_max


async def test_a_worker_that_never_listens_is_ended() -> None:
    hasty = Patience(start_seconds=0.2)
    async with Crew(HANGS, 1, hasty) as crew:
        with pytest.raises(WorkersFailed, match="it took too long"):
            await crew.end()


async def test_a_program_that_cannot_be_run_is_named() -> None:
    async with Crew(DRAINS, 1) as crew:
        crew.supervisor.command = ["/nowhere/python"]
        with pytest.raises(WorkersFailed, match="cannot be started: .*nowhere"):
            await crew.end()


async def test_a_stop_before_anybody_serves_is_a_clean_end() -> None:
    async with Crew(HANGS, 2) as crew:
        for _ in "12":
            assert (await crew.says())[1] == "hangs"
        crew.supervisor.stop()
        await crew.end()
    assert crew.greetings == 0


async def test_a_stop_does_not_wait_for_a_pause() -> None:
    patient = Patience(pauses_seconds=(10 * WAIT_SECONDS,))
    async with Crew(DRAINS, 1, patient) as crew:
        await crew.serve()
        _, _, pid = await crew.says()
        os.kill(int(pid), signal.SIGKILL)
        await crew.supervisor.workers[1].wait()
        crew.supervisor.stop()
        await crew.end()


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(1, 0.5), (2, 1.0), (7, 30.0), (100, 30.0)]
)
def test_the_pause_grows_to_a_limit(deaths: int, seconds: float) -> None:
    assert Patience().pause_seconds(deaths) == seconds


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (b"ready", -9, "ended by SIGKILL"),
        (b"ready", 1, "ended with exit code 1"),
        (b"", 0, "ended with exit code 0"),
        (b"the port is taken", 1, "the port is taken"),
    ],
)
def test_how_a_life_ended(answer: bytes, code: int, said: str) -> None:
    assert Life(answer, code, 1.0).end == said


async def test_news_are_for_all_and_a_new_brief_for_who_comes_later() -> None:
    async with Crew(DRAINS, 2) as crew:
        await crew.serve()
        said = [await crew.says() for _ in "12"]
        first = {number: int(pid) for number, _, pid in said}
        crew.supervisor.tell(b"other", b"news")
        os.kill(first["2"], signal.SIGKILL)
        number, brief, _ = await crew.says()
        assert (number, brief) == ("2", "other")
        crew.supervisor.stop()
        await crew.end()
