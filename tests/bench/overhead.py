"""Overhead: CPU time per request and per streamed chunk, beside mitmdump and nginx.

    python tests/bench/overhead.py

Every proxy stands between the same load and the same upstream, in one run, in turns,
and the median of the repetitions counts. Seconds depend on the machine; the ratios
to bare mitmdump, on which the gateway is built, say what it adds. The request that
opened a stream is in the figure of its chunks.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    # The folder of this file stands there instead when it is run as a program.
    sys.path.insert(0, str(ROOT))

from tests.bench import processes  # noqa: E402
from tests.bench.load import Job  # noqa: E402
from tests.bench.processes import Leg  # noqa: E402

WARM_UP = 100
# All streams together: slow enough that no proxy falls behind and joins chunks.
CHUNKS_A_SECOND = 2000
PROXIES = ("autolist", "mitmdump", "nginx")


@dataclass(frozen=True, slots=True)
class Plan:
    connections: tuple[int, ...]
    requests: int
    chunks: int
    chunks_a_stream: int
    repetitions: int

    def request_job(self, leg: Leg, connections: int) -> Job:
        requests = self.requests * leg.haste
        return Job(leg.port, leg.path, leg.key, connections, requests)

    def stream_job(self, leg: Leg, connections: int) -> Job:
        streams = max(connections, self.chunks // self.chunks_a_stream)
        return Job(
            leg.port,
            leg.path,
            leg.key,
            connections,
            streams,
            self.chunks_a_stream,
            pace_us=1_000_000 * connections // CHUNKS_A_SECOND,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU of the proxy per request or per chunk, and how the load fared."""

    cpu_us: float
    per_second: float
    first_ms: float


# By leg, number of connections, and whether streamed.
type Results = dict[tuple[str, int, bool], list[Reading]]


def load(name: str, job: Job) -> dict[str, Any]:
    """What the load tells of a job; every answer must be right."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", json.dumps(asdict(job))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    out: dict[str, Any] = json.loads(done.stdout)
    if out["errors"]:
        some = "; ".join(sorted(set(out["errors"]))[:3])
        raise click.ClickException(f"{name}: {len(out['errors'])} failed: {some}")
    return out


def measure(leg: Leg, job: Job) -> Reading:
    before = leg.cpu_us()
    out = load(leg.name, job)
    spent = leg.cpu_us() - before
    count = out["chunks"] if job.chunks else out["requests"]
    return Reading(spent / count, count / out["seconds"], out["first_ms"])


@contextmanager
def legs(names: Sequence[str]) -> Iterator[list[Leg]]:
    starters = {
        "autolist": processes.ours,
        "mitmdump": processes.mitmdump,
        "nginx": processes.nginx,
    }
    with ExitStack() as stack:
        port = stack.enter_context(processes.upstream())
        started = []
        for name in names:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            started.append(stack.enter_context(starters[name](port, Path(home))))
        yield started


def run(plan: Plan, names: Sequence[str]) -> Results:
    results: Results = {}
    with legs(names) as started:
        for leg in started:
            measure(leg, Job(leg.port, leg.path, leg.key, 4, WARM_UP))
        turns = itertools.product(
            range(1, plan.repetitions + 1), plan.connections, started, (False, True)
        )
        for repetition, connections, leg, streamed in turns:
            make = plan.stream_job if streamed else plan.request_job
            reading = measure(leg, make(leg, connections))
            results.setdefault((leg.name, connections, streamed), []).append(reading)
            progress(repetition, connections, leg.name, streamed, reading)
    return results


def progress(
    repetition: int, connections: int, name: str, streamed: bool, reading: Reading
) -> None:
    unit = "chunk" if streamed else "request"
    click.echo(
        f"{repetition}: {name} at {connections}:"
        f" {reading.cpu_us:.0f} µs a {unit}, {reading.per_second:.0f}/s",
        err=True,
    )


def table(results: Results) -> str:
    lines = [
        "| proxy | connections | CPU µs a request | × mitmdump | requests/s |"
        " CPU µs a chunk | × mitmdump | first chunk ms |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, connections in dict.fromkeys((one[0], one[1]) for one in results):
        cells = [name, str(connections)]
        for streamed in (False, True):
            readings = results[name, connections, streamed]
            cpu_us = median(readings, "cpu_us")
            cells += [f"{cpu_us:.0f}"]
            cells += [ratio(cpu_us, results.get(("mitmdump", connections, streamed)))]
            if streamed:
                cells += [f"{median(readings, 'first_ms'):.1f}"]
            else:
                cells += [f"{median(readings, 'per_second'):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def median(readings: Sequence[Reading], name: str) -> float:
    return float(statistics.median(getattr(reading, name) for reading in readings))


def ratio(cpu_us: float, base: Sequence[Reading] | None) -> str:
    if not base or not (base_us := median(base, "cpu_us")):
        return "–"
    return f"{cpu_us / base_us:.2f}"


@click.command()
@click.option("--connections", default="1,16,64", show_default=True)
@click.option("--requests", default=2000, show_default=True, help="In one reading.")
@click.option("--chunks", default=5000, show_default=True, help="In one reading.")
@click.option("--chunks-a-stream", default=250, show_default=True)
@click.option("--repetitions", default=5, show_default=True)
@click.option("--only", multiple=True, help="Only these proxies.")
def main(
    connections: str,
    requests: int,
    chunks: int,
    chunks_a_stream: int,
    repetitions: int,
    only: tuple[str, ...],
) -> None:
    """CPU time per request and per streamed chunk, as a markdown table."""
    names = [name for name in PROXIES if name in only or not only]
    if "nginx" in names and not processes.has_nginx():
        click.echo("nginx is not installed: left out", err=True)
        names.remove("nginx")
    counts = tuple(int(count) for count in connections.split(","))
    plan = Plan(counts, requests, chunks, chunks_a_stream, repetitions)
    click.echo(table(run(plan, names)))


if __name__ == "__main__":
    main()
