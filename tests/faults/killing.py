"""Killing: a gateway under load is killed again and again, and its books are read.

    python -m tests.faults.killing --rounds 200 [--workers 4]

Customers chat, stream, have videos made, redeem vouchers and take test money over HTTP
from a gateway in a process of its own, and pay in by a verb from beside it; the
providers live here and survive. After a random number of receipts the gateway gets
kill -9. Then:

- every receipt is in the file, for exactly the amount on it;
- what else is in the file was asked for by somebody, and is there once;
- the audit is clean, as the file was left and after the next start;
- no video was begun twice, and each that is charged for was begun; one that was
  ordered goes on with the next start, and at the end all have ended;
- the next start voids what else was open, free of charge, and changes nothing else;
- each balance is what came in minus what was charged, by our own addition.

With several workers one of them is killed first, while its siblings serve on.
Vouchers in doubt are redeemed again after the restart: the money comes once.
"""

import os
import random
import signal
import tempfile
import time
from collections import Counter as Count
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

import click

from config.gateway import LedgerSettings
from storage import GATEWAY_LOCK, open_storage
from storage.job_states import JobState
from storage.locks import FileLock
from storage.recovery import REASON
from storage.vouchers import create_vouchers, new_code
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.runway_server import FakeRunway
from tests.faults.books import Books, read
from tests.faults.customers import (
    CHAT,
    KINDS,
    ORDER,
    STREAM,
    VIDEO,
    VIDEO_NANO,
    VOUCHER,
    Attempt,
    Counter,
    Customer,
    sign_up,
)
from tests.faults.hasty import HastyChild
from tests.faults.marked import MarkedChild
from tests.faults.marked_line import bury
from tests.scenarios.child import Child, prove
from tests.scenarios.harness import environ_of

USERS = 6
CONNECTIONS = 2
WELCOME_NANO = 10 * 10**9
VOUCHERS = 10
VOUCHER_NANO = 2 * 10**9
RECEIPTS_MAX = 120
PAUSE_SECONDS_MAX = 0.03
WAIT_SECONDS = 30
# For all videos that are unfinished when the killing is over.
FILMS_SECONDS = 120
LOOK_SECONDS = 0.2


class Tally:
    """What all rounds so far have shown, by kind."""

    def __init__(self) -> None:
        self.rounds = 0
        self.receipts: Count[str] = Count()
        self.doubts: Count[str] = Count()
        self.done: Count[str] = Count()
        self.missing: list[str] = []
        self.voided = 0
        self.films: Count[str] = Count()

    @property
    def acknowledged(self) -> int:
        return self.receipts.total()

    @property
    def lost(self) -> int:
        return len(self.missing)

    def lines(self) -> list[str]:
        shown = [f"{'':12}{'acknowledged':>14}{'lost':>6}{'in doubt':>10}{'done':>6}"]
        for kind in KINDS:
            lost = sum(one.startswith(kind) for one in self.missing)
            shown.append(
                f"{kind:12}{self.receipts[kind]:>14,}{lost:>6}"
                f"{self.doubts[kind]:>10,}{self.done[kind]:>6,}"
            )
        shown.append(
            f"{'all':12}{self.acknowledged:>14,}{self.lost:>6}"
            f"{self.doubts.total():>10,}{self.done.total():>6,}"
        )
        shown.append(f"{self.rounds} kills; {self.voided} open holds were voided")
        ended = ", ".join(f"{n} {state}" for state, n in sorted(self.films.items()))
        films = self.films.total()
        shown.append(f"{films} videos: {ended or 'none'}; none was begun twice")
        return shown


class Killing:
    """One ledger, its customers, and its gateways one after the other."""

    def __init__(
        self,
        data: Path,
        fake: FakeOpenAI,
        runway: FakeRunway,
        seed: int,
        workers: int = 1,
        url: str = "",
    ) -> None:
        self.data, self.fake, self.workers, self.url = data, fake, workers, url
        self.runway = runway
        self.dice = random.Random(seed)
        self.tally = Tally()
        self.serial = 0
        self.doubtful: list[Attempt] = []
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        with self.serve() as child:
            self.beside = open_storage(
                self.data,
                LedgerSettings(busy_seconds=10.0),
                gateway=False,
                url=self.url,
            )
            self.stack.callback(self.beside.close)
            self.users = [
                sign_up(child, self.beside, number) for number in range(USERS)
            ]
            assert child.stop() == 0
        self.books = self.read()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.stack:
            if error is None:
                with self.serve() as child:
                    self.check_restart(self.read())
                    self.await_films()
                    assert child.stop() == 0
                self.check_films(self.read())
                prove(self.data, self.url)

    def serve(self) -> Child:
        bury(self.url)
        several = ["--workers", str(self.workers)] if self.workers > 1 else []
        return HastyChild(self.data, self.environ, "--demo", *several)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **environ_of(self.fake, self.url),
            "RUNWAYML_BASE_URL": self.runway.base_url,
            "RUNWAYML_API_SECRET": self.runway.api_key or "",
        }

    def read(self, proved: bool = False) -> Books:
        return read(self.data, proved, self.url)

    def kill(self) -> None:
        """One round, ended from outside after a random number of receipts."""
        with self.serve() as child:
            counter, customers = self.open(child)
            wanted = self.dice.randint(1, RECEIPTS_MAX)
            if self.workers > 1:
                # One of them first, while its siblings go on.
                counter.wait_for(wanted // 2, WAIT_SECONDS)
                os.kill(self.dice.choice(child.workers()), signal.SIGKILL)
            counter.wait_for(wanted, WAIT_SECONDS)
            customers[0].join(self.dice.uniform(0, PAUSE_SECONDS_MAX))
            kill_all(child)
            self.close(counter, customers)

    def strike(self, moment: str, statement: str, count: int) -> None:
        """One round, ended by a mark."""
        with MarkedChild(
            self.data, self.environ, moment, statement, count, "--demo"
        ) as child:
            counter, customers = self.open(child)
            child.died()
            self.close(counter, customers)

    def open(self, child: Child) -> tuple[Counter, list[Customer]]:
        # A gateway that listens has proved its ledger.
        self.check_restart(self.read(proved=True))
        self.fake.requests.clear()
        counter = Counter(serial=self.serial)
        self.stock(counter)
        customers = [
            Customer(
                child.port,
                user,
                counter,
                self.beside,
                random.Random(self.dice.random()),
            )
            for user in self.users
            for _ in range(CONNECTIONS)
        ]
        for customer in customers:
            customer.start()
        return counter, customers

    def stock(self, counter: Counter) -> None:
        """New vouchers, after those of which nobody knows."""
        for attempt in self.doubtful:
            counter.vouchers.put(attempt)
        for _ in range(VOUCHERS):
            code, nano = new_code(), VOUCHER_NANO + counter.number()
            self.beside.writer.wait(create_vouchers, [code], nano, "killing")
            counter.vouchers.put(Attempt(VOUCHER, 0, nano, code))

    def close(self, counter: Counter, customers: list[Customer]) -> None:
        """The gateway is dead: what it said against what it wrote."""
        for customer in customers:
            customer.join(WAIT_SECONDS)
            assert not customer.is_alive()
            if customer.failure is not None:
                raise customer.failure
        self.serial = counter.serial
        self.tally.rounds += 1
        dead = self.read()
        self.check_receipts(counter, dead)
        self.check_the_rest(counter, dead)
        self.check_orders(counter, dead)
        self.check_films(dead)
        self.doubtful = [one for one in counter.doubts if one.kind == VOUCHER]
        while not counter.vouchers.empty():
            unsold = counter.vouchers.get()
            if unsold.account_id:
                self.doubtful.append(unsold)
        self.books = dead

    def check_receipts(self, counter: Counter, dead: Books) -> None:
        """Nothing acknowledged is lost."""
        written = {
            **{film.id: (film.account_id, 0) for film in dead.films.values()},
            **dead.topups,
            **{id: (one.account_id, one.paid_nano) for id, one in dead.charges.items()},
        }
        for receipt in counter.receipts:
            self.tally.receipts[receipt.kind] += 1
            found = written.get(receipt.id)
            if found != (receipt.account_id, receipt.nano):
                self.tally.missing.append(f"{receipt.kind} {receipt.id}: {found}")
        for attempt in counter.spent:
            assert attempt.voucher_id in dead.topups
        assert not self.tally.missing, self.tally.missing

    def check_the_rest(self, counter: Counter, dead: Books) -> None:
        """Whatever nobody has a receipt for, somebody asked for, and once."""
        told = {receipt.id for receipt in counter.receipts}
        doubts = Count((one.account_id, one.nano) for one in counter.doubts)
        for attempt in counter.doubts:
            self.tally.doubts[attempt.kind] += 1
        for id in dead.topups.keys() - self.books.topups.keys() - told:
            assert doubts[dead.topups[id]] == 1, id
            kind = next(
                one.kind
                for one in counter.doubts
                if (one.account_id, one.nano) == dead.topups[id]
            )
            self.tally.done[kind] += 1
        settled = dead.in_state("settled") - self.books.in_state("settled")
        settled -= dead.films.keys()
        assert len(settled) <= len(self.fake.requests)
        for id in settled:
            charge = dead.charges[id]
            assert charge.paid_nano > 0 == charge.shortfall_nano
            assert (charge.evidence, charge.outcome) == ("reported", "complete")
        asked = Count((one.kind, one.account_id) for one in counter.doubts)
        for id in settled - told:
            charge = dead.charges[id]
            kind = STREAM if charge.stream else CHAT
            asked[kind, charge.account_id] -= 1
            assert asked[kind, charge.account_id] >= 0
            self.tally.done[kind] += 1

    def check_orders(self, counter: Counter, dead: Books) -> None:
        """Each video that was ordered since was asked for, once."""
        told = {receipt.id for receipt in counter.receipts}
        asked = Count((one.kind, one.account_id) for one in counter.doubts)
        for id in dead.films.keys() - self.books.films.keys():
            film = dead.films[id]
            if told & {id, film.id}:
                continue
            kind = VIDEO if film.waits else ORDER
            asked[kind, film.account_id] -= 1
            assert asked[kind, film.account_id] >= 0
            self.tally.done[kind] += 1

    def check_films(self, now: Books) -> None:
        """None was begun twice, and what is charged for was begun and made."""
        begun = Count(one.json["promptText"] for one in list(self.runway.submits))
        self.tally.films = Count(film.state for film in now.films.values())
        assert max(begun.values(), default=0) <= 1
        for id, film in now.films.items():
            if film.live:
                assert (now.holds[id], id in now.charges) == ("open", False)
                continue
            made = film.state == JobState.COMPLETED.value
            assert now.holds[id] == ("settled" if made else "voided")
            charge = now.charges[id]
            assert (charge.paid_nano, charge.shortfall_nano) == (VIDEO_NANO * made, 0)
            assert begun[film.prompt] == 1 or not made

    def await_films(self) -> None:
        """Returns when the last video has ended."""
        end = time.monotonic() + FILMS_SECONDS
        while going := [one for one in self.read().films.values() if one.live]:
            if time.monotonic() > end:
                raise TimeoutError(f"these go on: {going}")
            Event().wait(LOOK_SECONDS)

    def check_restart(self, now: Books) -> None:
        """The start gave back what was open, and did nothing else; but videos go on,
        with the money that is held for them."""
        was = self.books
        films = now.films.keys()
        assert films == was.films.keys()
        opened = was.in_state("open") - films
        self.tally.voided += len(opened)
        assert now.in_state("open") <= films
        assert now.holds.keys() == was.holds.keys()
        assert now.in_state("settled") - films == was.in_state("settled") - films
        assert now.in_state("settled") >= was.in_state("settled")
        assert now.topups == was.topups
        assert {id: now.charges[id] for id in was.charges} == was.charges
        for id in opened:
            charge = now.charges[id]
            assert (charge.paid_nano, charge.outcome) == (0, REASON)
        for user in self.users:
            in_nano = WELCOME_NANO + sum(
                nano for who, nano in now.topups.values() if who == user.account_id
            )
            left_nano = in_nano - now.paid_nano(user.account_id)
            left_nano -= VIDEO_NANO * sum(
                film.live and film.account_id == user.account_id
                for film in now.films.values()
            )
            assert now.available[user.account_id] == left_nano >= 0
        self.books = now


def kill_all(child: Child) -> None:
    """Returns when none of them is left; none of them has seen another one die."""
    child.signal(signal.SIGSTOP)
    for id in child.workers():
        with suppress(ProcessLookupError):
            os.kill(id, signal.SIGKILL)
    child.kill()
    # The kernel takes it from the last of them.
    FileLock.take(child.data / GATEWAY_LOCK).release()


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--storage", default="", help="A PostgreSQL database, to be made full.")
def main(rounds: int, seed: int, workers: int, storage: str) -> None:
    """Kill a gateway under load so many times; what it acknowledged must be there."""
    click.echo(f"seed {seed}")
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fakes = stack.enter_context(FakeOpenAI()), stack.enter_context(FakeRunway())
        with Killing(data, *fakes, seed, workers, storage) as killing:
            for number in range(1, rounds + 1):
                killing.kill()
                if number % 10 == 0:
                    said = f"{number}: {killing.tally.acknowledged} acknowledged"
                    click.echo(said, err=True)
        for line in killing.tally.lines():
            click.echo(line)


if __name__ == "__main__":
    main()
