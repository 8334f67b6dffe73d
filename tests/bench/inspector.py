"""What it costs to look on: CPU of a worker with the inspector and without, and how
much memory the inspector takes, in one run.

Two gateways stand side by side and take turns, because what else the machine does is
then the same for both. CPU is that of the process that serves and of nobody else: the
inspector's own is printed apart. Bodies are shown in full, which is the most. Turns end
when the time is over, however slow the machine is; it is said how many there were.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import processes  # noqa: E402
from tests.bench.load import Job  # noqa: E402
from tests.bench.overhead import load  # noqa: E402
from tests.bench.processes import Leg  # noqa: E402

WARM_UP = 200
CONNECTIONS = 16
CHUNKS = 100
PACE_US = 20_000
RATIO_MAX = 1.10
KIB_A_MIB = 1024
DROPPED = re.compile(r"(?m)^autolist_inspector_copies_dropped_total (\S+)$")


@dataclass(frozen=True, slots=True)
class Pair:
    """The same gateway twice: nobody looks at the one, all is shown of the other."""

    off: Leg
    on: Leg

    @property
    def inspector(self) -> int:
        """The process number of the one that shows."""
        (found,) = processes.descendants(self.on.pid)
        return found


@contextmanager
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        port = stack.enter_context(processes.upstream())
        legs = []
        for name, flags in (("off", []), ("on", ["--web", "--web-port", "0"])):
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            started = processes.ours(port, Path(home), 1, flags, name)
            legs.append(stack.enter_context(started))
        yield Pair(*legs)


def spent(leg: Leg, job: Job) -> float:
    """CPU of the serving process for a request, in microseconds."""
    before = processes.cpu_us(leg.pid)
    load(leg.name, job)
    return (processes.cpu_us(leg.pid) - before) / job.requests


def memory(pid: int) -> Mapping[str, int]:
    """What a process has and had at most, in MiB."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.findall(r"(?m)^(VmRSS|VmHWM):\s+(\d+) kB", text)
    return {name: int(kib) // KIB_A_MIB for name, kib in found}


def dropped(leg: Leg) -> int:
    """Copies that were not sent: those cost nothing, so there should be none."""
    answer = httpx.get(f"http://127.0.0.1:{leg.port}/metrics", trust_env=False)
    (found,) = DROPPED.findall(answer.raise_for_status().text)
    return int(float(found))


def job_for(leg: Leg, requests: int, streamed: bool) -> Job:
    chunks = CHUNKS if streamed else 0
    pace_us = PACE_US if streamed else 0
    return Job(leg.port, leg.path, leg.key, CONNECTIONS, requests, chunks, pace_us)


@click.command()
@click.option("--requests", default=100_000, show_default=True, help="Of each.")
@click.option("--turns", default=20, show_default=True, help="What they are split in.")
@click.option("--streams", default=320, show_default=True, help="Of each, 100 chunks.")
@click.option("--seconds", default=450, show_default=True, help="No turn after that.")
def main(requests: int, turns: int, streams: int, seconds: int) -> None:
    """CPU a request with the inspector and without, and the inspector's memory.

    The exit code is 1 if it costs more than a tenth of the CPU of a request.
    """
    os.environ["AUTOLIST_WEB_LEVEL"] = "full"
    readings: dict[tuple[str, bool], list[float]] = {}
    share = requests // turns // CONNECTIONS * CONNECTIONS
    made, began = 0, time.monotonic()
    with pair() as both:
        for leg in (both.off, both.on):
            spent(leg, job_for(leg, WARM_UP, False))
        first = memory(both.inspector)
        before = dropped(both.on)
        for turn in range(turns):
            if time.monotonic() - began > seconds:
                break
            made += share
            for streamed in (False, True):
                for leg in (both.off, both.on)[:: 1 if turn % 2 else -1]:
                    count = max(CONNECTIONS, streams // turns) if streamed else share
                    reading = spent(leg, job_for(leg, count, streamed))
                    readings.setdefault((leg.name, streamed), []).append(reading)
            click.echo(f"{turn + 1}/{turns}: {memory(both.inspector)}", err=True)
        last = memory(both.inspector)
        own_us = processes.cpu_us(both.inspector)
        lost = dropped(both.on) - before
    took = time.monotonic() - began
    click.echo(f"{made} requests of each in {took:.0f} s\n")
    click.echo("| | off, CPU µs | on, CPU µs | ratio (median of turns) |")
    click.echo("|---|--:|--:|--:|")
    ratios = []
    for streamed, name in ((False, "request"), (True, f"stream of {CHUNKS} chunks")):
        off, on = readings["off", streamed], readings["on", streamed]
        ratio = statistics.median(b / a for a, b in zip(off, on, strict=True))
        ratios.append(ratio)
        click.echo(
            f"| {name} | {statistics.median(off):.0f} | {statistics.median(on):.0f} |"
            f" {ratio:.3f} |"
        )
    click.echo(f"\ninspector: {first['VmRSS']} MiB at first, {last['VmRSS']} at last,")
    click.echo(f"{last['VmHWM']} at most; {own_us / 1e6:.0f} s of CPU of its own;")
    click.echo(f"{lost} copies were dropped")
    if max(ratios) > RATIO_MAX:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
