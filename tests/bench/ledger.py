"""The ledger alone: admit and settle, with nothing of HTTP around them.

Each caller in flight admits, waits for the commit, settles and waits again, on a real
file with synchronous=FULL. The table says how many such pairs a second the one writer
commits, how long the slowest hundredth waits, and what a pair costs in CPU over all
threads. `--transfers` puts so many transfers into the file first, because a ledger that
slows down as it grows has not been measured yet.

    python -m tests.bench.ledger --pairs 20000 --transfers 1000000
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from config.gateway import LedgerSettings
from config.money import NANO
from config.prices import Price
from storage import Storage, open_storage
from storage.accounts import NewUser, register
from storage.database import Ledgerbase
from storage.keys import mint
from storage.ledger import Admission, Settlement, UsageRecord, admit, settle

IN_FLIGHT = (1, 16, 128)
ACCOUNTS = 100
FILL_BATCH = 5000
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

Caller = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Figures:
    in_flight: int
    pairs_a_second: int
    p99_ms: float
    cpu_us: int


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


def callers(storage: Storage) -> list[Caller]:
    """Rich enough for every run."""
    found = []
    for number in range(ACCOUNTS):
        user = NewUser(storage.ids.uuid(), f"user{number}@example.com", "hash")
        key = mint(storage.secrets)
        storage.writer.wait(register, user, key, 10**6 * NANO)
        key_record = storage.reader.key_by_hash(key.hash)
        assert key_record is not None
        found.append((key_record.account_id, key_record.id))
    return found


def fill(storage: Storage, who: list[Caller], transfers: int) -> None:
    """Requests of the past, by the same verbs, many to a transaction."""

    def some(db: Ledgerbase, first: int, last: int) -> None:
        for number in range(first, last):
            hold_id = storage.ids.make("req")
            admit(db, ask(who[number % len(who)], hold_id))
            settle(db, bill(hold_id))

    for first in range(0, transfers, FILL_BATCH):
        storage.writer.wait(some, first, min(transfers, first + FILL_BATCH))


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
    p99_ns = sorted(waits_ns)[len(waits_ns) * 99 // 100]
    return Figures(
        in_flight, pairs * NANO // took_ns, p99_ns / 1e6, cpu_ns // pairs // 1000
    )


def table(figures: list[Figures], transfers: int) -> list[str]:
    lines = [
        "| in flight | transfers in the file | pairs/s | p99 ms | CPU µs a pair |",
        "|---:|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {one.in_flight} | {transfers:,} | {one.pairs_a_second:,} |"
        f" {one.p99_ms:.1f} | {one.cpu_us} |"
        for one in figures
    ]


def measure(data: Path, pairs: int, transfers: int) -> list[Figures]:
    storage = open_storage(data, LedgerSettings(), gateway=True, prices=[PRICE])
    try:
        who = callers(storage)
        fill(storage, who, transfers)
        return [
            # One at a time pays for a disk's flush each, so fewer are enough.
            asyncio.run(run(storage, who, n, pairs if n > 1 else -(-pairs // 10)))
            for n in IN_FLIGHT
        ]
    finally:
        storage.close()


@click.command()
@click.option("--pairs", type=click.IntRange(min=1), default=20_000, show_default=True)
@click.option("--transfers", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Kept if it is given.")
def main(pairs: int, transfers: int, data: Path | None) -> None:
    """Measure the ledger and print a table."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as made:
        figures = measure(data or Path(made), pairs, transfers)
    for line in table(figures, transfers):
        click.echo(line)


if __name__ == "__main__":
    main()
