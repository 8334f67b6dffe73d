"""The ledger alone: admit and settle, with nothing of HTTP around them.

Each caller in flight admits, waits for the commit, settles and waits again, on a real
file with synchronous=FULL. The first table says how many such pairs a second the one
writer commits, how long they wait, and what a pair costs in CPU over all threads.

A ledger that slows down as it grows has not been measured yet: with `--transfers` the
same runs on a file with so many in it, in turns with an empty one, so that whatever
else the machine does meets both. The second table is `verify` on that file and on one
of a tenth: its time, and that its memory does not grow. `--data` keeps the files, as
they take a while to make.

    python -m tests.bench.ledger --pairs 20000 --transfers 10000000 --data /var/tmp/past
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import uvloop

from config.gateway import LedgerSettings
from config.money import NANO
from config.prices import Price
from storage import DATABASE, Storage, open_storage
from storage.accounts import NewUser, register
from storage.clock import SystemClock
from storage.keys import mint
from storage.ledger import Admission, Settlement, UsageRecord, admit, settle
from storage.sqlite import SqliteEngine
from tests.bench.past import Past

IN_FLIGHT = (1, 16, 128)
ACCOUNTS = 100
PAST_NS = 60 * 86_400 * NANO
ROOT = Path(__file__).resolve().parent.parent.parent
RATES = {"input": 2_500_000, "output": 10_000_000}
PRICE = Price.of("gpt-4o", 0, RATES, RATES)
QUANTITIES = {"input": 12, "output": 34}
COST_NANO = 370_000
USED = UsageRecord(
    model="gpt-4o",
    provider="openai",
    upstream_model="gpt-4o-2024",
    evidence="reported",
    quantities=QUANTITIES,
    outcome="complete",
    status=200,
    attempts=1,
    first_byte_ms=5,
    total_ms=9,
    tokens=46,
    stream=True,
)

# A process counts what its parent had when it began, so a small one stands between.
WATCH = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(child.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""

Caller = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """One run, or the middle of several."""

    in_flight: int
    pairs_a_second: int
    p50_ms: float
    p99_ms: float
    cpu_us: int


@dataclass(frozen=True, slots=True)
class Proof:
    """One `verify` of a file."""

    transfers: int
    file_mib: int
    seconds: float
    cpu_seconds: float
    peak_mib: int


class SetClock:
    """Stands at a moment; only the past is written with it."""

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns

    def wall_ns(self) -> int:
        return self.at_ns

    def monotonic_ns(self) -> int:
        return self.at_ns


def bill(hold_id: str) -> Settlement:
    pico = COST_NANO * 1000
    return Settlement(hold_id, COST_NANO, pico, USED, COST_NANO, pico)


def ask(caller: Caller, hold_id: str) -> Admission:
    account_id, key_id = caller
    return Admission(
        hold_id,
        account_id,
        key_id,
        2 * COST_NANO,
        PRICE.id,
        "gpt-4o",
        tokens=100,
        rpm=10**9,
        tpm=10**12,
        concurrency=10**6,
    )


def make(data: Path, transfers: int) -> None:
    """A ledger with so much behind it; one that is there already is kept."""
    if (data / DATABASE).exists():
        return
    start_ns = SystemClock().wall_ns() - PAST_NS
    storage = open_storage(
        data, LedgerSettings(), clock=SetClock(start_ns), gateway=True, prices=[PRICE]
    )
    for number in range(ACCOUNTS):
        user = NewUser(storage.ids.uuid(), f"user{number}@example.com", "hash")
        storage.writer.wait(register, user, mint(storage.secrets), 10**6 * NANO)
    who = callers(data)
    storage.close()
    step_ns = PAST_NS // (transfers + 1)
    past = Past(data / DATABASE, who, PRICE, start_ns + NANO, step_ns)
    with click.progressbar(
        length=transfers,
        label=f"writing {data.name}",
        file=sys.stderr,
        hidden=not transfers or not sys.stderr.isatty(),
    ) as bar:
        for done in past.write(transfers):
            bar.update(done - bar.pos)


def callers(data: Path) -> list[Caller]:
    with SqliteEngine(data / DATABASE).snapshot() as snapshot:
        return list(snapshot.rows('SELECT account_id, id FROM "key" ORDER BY id'))


async def run(
    storage: Storage, who: list[Caller], in_flight: int, pairs: int
) -> Figures:
    numbers = iter(range(pairs))
    waits_ns: list[int] = []

    async def customer(numbers: Iterator[int]) -> None:
        for number in numbers:
            hold_id = storage.ids.make("req")
            started_ns = time.perf_counter_ns()
            await storage.writer.run(admit, ask(who[number % len(who)], hold_id))
            await storage.writer.run(settle, bill(hold_id))
            waits_ns.append(time.perf_counter_ns() - started_ns)

    started_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    await asyncio.gather(*[customer(numbers) for _ in range(in_flight)])
    took_ns = time.perf_counter_ns() - started_ns
    cpu_ns = time.process_time_ns() - cpu_ns
    waits_ns.sort()
    return Figures(
        in_flight,
        pairs * NANO // took_ns,
        waits_ns[len(waits_ns) // 2] / 1e6,
        waits_ns[len(waits_ns) * 99 // 100] / 1e6,
        cpu_ns // pairs // 1000,
    )


def middle(runs: list[Figures]) -> Figures:
    return Figures(
        runs[0].in_flight,
        int(median(one.pairs_a_second for one in runs)),
        median(one.p50_ms for one in runs),
        median(one.p99_ms for one in runs),
        int(median(one.cpu_us for one in runs)),
    )


def measure(data: list[Path], pairs: int, rounds: int) -> list[list[Figures]]:
    """By number in flight, one for each directory; in turns, round by round."""
    storages = [
        open_storage(one, LedgerSettings(), gateway=True, prices=[PRICE])
        for one in data
    ]
    who = [callers(one) for one in data]
    try:
        return [
            measure_one(storages, who, n, pairs if n > 1 else -(-pairs // 10), rounds)
            for n in IN_FLIGHT
        ]
    finally:
        for storage in storages:
            storage.close()


def measure_one(
    storages: list[Storage],
    who: list[list[Caller]],
    in_flight: int,
    pairs: int,
    rounds: int,
) -> list[Figures]:
    found: list[list[Figures]] = [[] for _ in storages]
    for _ in range(rounds):
        for runs, storage, mine in zip(found, storages, who, strict=True):
            runs.append(uvloop.run(run(storage, mine, in_flight, pairs)))
    return [middle(runs) for runs in found]


def prove(data: Path) -> Proof:
    """`verify` as an operator runs it; it must prove the ledger."""
    command = [sys.executable, "run_proxy.py", "verify", "--data", str(data.absolute())]
    started_ns = time.perf_counter_ns()
    watched = [sys.executable, "-c", WATCH, *command]
    said = subprocess.run(watched, cwd=ROOT, capture_output=True, check=True).stdout
    seconds = (time.perf_counter_ns() - started_ns) / NANO
    code, cpu_seconds, peak_kib = said.split()
    assert int(code) == 0, f"verify ended with {int(code)}"
    with SqliteEngine(data / DATABASE).snapshot() as snapshot:
        ((transfers,),) = snapshot.rows("SELECT max(seq) FROM transfer")
    return Proof(
        transfers,
        (data / DATABASE).stat().st_size >> 20,
        seconds,
        float(cpu_seconds),
        int(peak_kib) >> 10,
    )


def pairs_table(sizes: list[int], figures: list[list[Figures]]) -> list[str]:
    """Ratios are to the first size of the same run."""
    lines = [
        "| in flight | transfers in the file | pairs/s | p50 ms | p99 ms"
        " | CPU µs a pair | CPU, ratio | pairs/s, ratio |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for by_size in figures:
        first = by_size[0]
        for transfers, one in zip(sizes, by_size, strict=True):
            lines.append(
                f"| {one.in_flight} | {transfers:,} | {one.pairs_a_second:,}"
                f" | {one.p50_ms:.2f} | {one.p99_ms:.2f} | {one.cpu_us}"
                f" | {one.cpu_us / first.cpu_us:.2f}"
                f" | {one.pairs_a_second / first.pairs_a_second:.2f} |"
            )
    return lines


def proofs_table(proofs: list[Proof]) -> list[str]:
    lines = [
        "| verify: transfers | file MiB | seconds | CPU seconds | µs CPU a transfer"
        " | peak MiB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {one.transfers:,} | {one.file_mib:,} | {one.seconds:.1f}"
        f" | {one.cpu_seconds:.1f} | {one.cpu_seconds * 1e6 / one.transfers:.1f}"
        f" | {one.peak_mib} |"
        for one in proofs
    ]


@click.command()
@click.option("--pairs", type=click.IntRange(min=1), default=20_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--transfers", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Kept if it is given.")
def main(pairs: int, rounds: int, transfers: int, data: Path | None) -> None:
    """Measure the ledger and print tables."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as made:
        sizes = [0, transfers] if transfers else [0]
        places = [Path(made) / "empty", (data or Path(made)) / f"with-{transfers}"]
        for size, place in zip(sizes, places, strict=False):
            make(place, size)
        proofs = []
        if transfers:
            tenth = (data or Path(made)) / f"with-{transfers // 10}"
            make(tenth, transfers // 10)
            proofs = [prove(tenth), prove(places[1])]
        figures = measure(places[: len(sizes)], pairs, rounds)
    lines = pairs_table(sizes, figures)
    if proofs:
        lines += ["", *proofs_table(proofs)]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    for line in [*lines, "", f"load of the machine at the end: {load}"]:
        click.echo(line)


if __name__ == "__main__":
    main()
