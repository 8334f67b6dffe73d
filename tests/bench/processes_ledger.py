"""Several processes on one ledger: how many pairs, how long a wait, how fair.

Each process admits and settles as fast as it can for a few seconds, with so many in
flight, on one real file with synchronous=FULL. A wait is one commit's. The share is
what the poorest process got of what the richest got. `--queue` chooses who is let in
next: `turns` is the product's way, `sqlite` its own waiting, `file` one lock file.

    python -m tests.bench.processes_ledger --queue turns --queue sqlite --seconds 5
"""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

import storage.sqlite
from config.gateway import LedgerSettings
from storage import GATEWAY_LOCK, Storage, open_storage
from storage.ledger import admit, settle
from storage.locks import FileLock
from storage.turns import Turns
from tests.bench.ledger import Caller, ask, bill, callers, make

PROCESSES = (1, 2, 4)
IN_FLIGHT = (1, 16)
# Nobody gives up while it is measured how long it takes.
SETTINGS = LedgerSettings(busy_seconds=30.0)
LEAD_SECONDS = 0.1


class Anyhow:
    """SQLite's own waiting."""

    def __init__(self, data: Path) -> None:
        """Nothing to open."""

    def take(self, seconds: float) -> bool:
        return True

    def give(self) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing is open."""


class OneFile(Anyhow):
    """Whom the kernel wakes first."""

    def __init__(self, data: Path) -> None:
        self.file = os.open(data / "turn.lock", os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, seconds: float) -> bool:
        fcntl.flock(self.file, fcntl.LOCK_EX)
        return True

    def give(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self.file)


QUEUES: Mapping[str, Callable[[Path], object]] = {
    "turns": Turns,
    "file": OneFile,
    "sqlite": Anyhow,
}


@dataclass(frozen=True, slots=True)
class Figures:
    queue: str
    processes: int
    in_flight: int
    pairs_a_second: int
    waits_us: Sequence[int]
    share_percent: int
    cpu_us: int

    def wait_ms(self, of_a_thousand: int) -> float:
        """The wait that so many of a thousand do not exceed."""
        last = len(self.waits_us) - 1
        return self.waits_us[min(last, last * of_a_thousand // 1000)] / 1000


async def work(
    storage: Storage, who: Sequence[Caller], in_flight: int, seconds: float
) -> tuple[list[int], int]:
    """Each commit's wait in microseconds, and the CPU time."""
    waits_us: list[int] = []
    end = time.perf_counter() + seconds

    async def customer(number: int) -> None:
        while time.perf_counter() < end:
            number += in_flight
            hold_id = storage.ids.make("req")
            started = time.perf_counter_ns()
            await storage.writer.run(admit, ask(who[number % len(who)], hold_id))
            held = time.perf_counter_ns()
            await storage.writer.run(settle, bill(hold_id))
            settled = time.perf_counter_ns()
            waits_us.extend([(held - started) // 1000, (settled - held) // 1000])

    cpu_ns = time.process_time_ns()
    await asyncio.gather(*[customer(number) for number in range(in_flight)])
    return waits_us, (time.process_time_ns() - cpu_ns) // 1000


def join(queue: str, data: Path, in_flight: int, seconds: float, lock: int) -> None:
    """One of the processes: opens, waits for the word, works, tells."""
    storage.sqlite.Turns = QUEUES[queue]  # type: ignore[misc,assignment]
    joined = FileLock.inherited(data / GATEWAY_LOCK, lock)
    opened = open_storage(data, SETTINGS, gateway=True, proved=True, joined=joined)
    who = [tuple(one) for one in json.loads(sys.stdin.readline())]
    click.echo("ready")
    sys.stdin.readline()
    ended = threading.Event()

    def lead() -> None:
        # As the gateway does now and then: whoever leads keeps the WAL short.
        while not ended.wait(LEAD_SECONDS):
            opened.leads()

    threading.Thread(target=lead, daemon=True).start()
    click.echo(json.dumps(asyncio.run(work(opened, who, in_flight, seconds))))
    ended.set()
    opened.close()


def measure(queue: str, processes: int, in_flight: int, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as made:
        data = Path(made)
        make(data, 0)
        who = callers(data)
        first = open_storage(data, SETTINGS, gateway=True)
        lock = first.hand_over()
        assert lock is not None, "SQLite has one"
        command = [sys.executable, "-m", "tests.bench.processes_ledger", "--data", made]
        command += ["--queue", queue, "--in-flight", str(in_flight)]
        command += ["--seconds", str(seconds), "--join", str(lock.fileno())]
        started = [
            subprocess.Popen(
                command,
                pass_fds=[lock.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        for process in started:
            tell(process, json.dumps(who))
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            tell(process, "go")
        found = [json.loads(process.communicate()[0]) for process in started]
        lock.release()
    return figures(queue, in_flight, seconds, found)


def tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


def figures(
    queue: str, in_flight: int, seconds: float, found: list[tuple[list[int], int]]
) -> Figures:
    counts = [len(waits) // 2 for waits, _ in found]
    return Figures(
        queue,
        len(found),
        in_flight,
        int(sum(counts) / seconds),
        sorted(wait for waits, _ in found for wait in waits),
        100 * min(counts) // max(counts),
        sum(cpu for _, cpu in found) // sum(counts),
    )


def table(found: list[Figures]) -> list[str]:
    lines = [
        "| queue | processes | in flight each | pairs/s | p50 ms | p99 ms | p99.9 ms |"
        " max ms | poorest % of richest | CPU µs a pair |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    return lines + [
        f"| {one.queue} | {one.processes} | {one.in_flight} |"
        f" {one.pairs_a_second:,} | {one.wait_ms(500):.1f} | {one.wait_ms(990):.1f} |"
        f" {one.wait_ms(999):.1f} | {one.wait_ms(1000):,.1f} | {one.share_percent} |"
        f" {one.cpu_us} |"
        for one in found
    ]


@click.command()
@click.option("--queue", "queues", type=click.Choice(list(QUEUES)), multiple=True)
@click.option("--processes", type=click.IntRange(1), multiple=True, default=PROCESSES)
@click.option("--in-flight", type=click.IntRange(1), multiple=True, default=IN_FLIGHT)
@click.option("--seconds", type=click.FloatRange(0.1), default=5.0, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), hidden=True)
@click.option("--join", "lock", type=int, hidden=True)
def main(
    queues: tuple[str, ...],
    processes: tuple[int, ...],
    in_flight: tuple[int, ...],
    seconds: float,
    data: Path | None,
    lock: int | None,
) -> None:
    """Measure several processes on one ledger and print a table."""
    if data is not None and lock is not None:
        join(queues[0], data, in_flight[0], seconds, lock)
        return
    found = [
        measure(queue, count, many, seconds)
        for count in processes
        for many in in_flight
        for queue in queues or tuple(QUEUES)
    ]
    for line in table(found):
        click.echo(line)


if __name__ == "__main__":
    main()
