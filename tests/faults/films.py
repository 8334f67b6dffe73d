"""Films: a gateway that has videos made is killed again and again.

    python -m tests.faults.films --rounds 50 --seed 7

Users order videos over HTTP from a gateway in a process of its own; Runway lives here
and survives. Each prompt says what is to become of its video, and is used once, so
what the provider was asked for names the job. After each kill and restart, and when all
has come to an end:

- no video was begun twice, and none that its owner is charged for was not begun;
- each job has ended, and is charged once, if it is completed, or not at all;
- the audit is clean, and each balance is what came in minus what was charged.
"""

import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import click

from config.gateway import LedgerSettings
from storage import Storage, engine_at, open_storage
from storage.job_reads import JobReads
from storage.jobs import Job, JobState
from tests.fakes.provider_server import Received
from tests.fakes.runway_server import Behaviour, FakeRunway, Film, Status
from tests.fakes.script import Silence
from tests.faults.books import Books, read
from tests.faults.hasty import HastyChild
from tests.faults.marked_line import bury
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import Dial, request
from tests.storage.teller import NANO, Teller

GENERATIONS = "/api/v1/videos/generations"
GIVEN_NANO = 100 * NANO
COST_NANO = 150_000_000
# Fewer than one account may have unfinished.
ORDERS_A_USER = 20
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.02

# What a prompt says first, and what becomes of it until the fake is told to relent.
MADE, STUCK, WAITING = "made", "stuck", "waiting"
SILENT, UNFETCHED, FAILING = "silent", "unfetched", "failing"
BUSY = "busy"
PLANS: dict[str, Behaviour] = {
    MADE: Film(),
    STUCK: Film(plan=("PENDING", "RUNNING")),
    WAITING: Film(plan=("PENDING",)),
    SILENT: Silence(),
    UNFETCHED: Film(file_status=500),
    FAILING: Film(plan=("PENDING", "FAILED")),
    BUSY: Status(429, headers={"retry-after": "0"}),
}
# With these a video cannot be made, however long one waits.
NEVER = (FAILING,)


class Studio:
    """One ledger, the provider, and the gateways one after the other."""

    def __init__(self, data: Path, fake: FakeRunway, url: str = "") -> None:
        self.data, self.fake, self.url = data, fake, url
        self.serial = 0
        self.relenting = False
        self.plans = dict(PLANS)
        self.keys: list[str] = []
        fake.always(self.answer)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "RUNWAYML_BASE_URL": self.fake.base_url,
            "RUNWAYML_API_SECRET": self.fake.api_key or "",
            "AUTOLIST_STORAGE": self.url,
        }

    def answer(self, received: Received) -> Behaviour:
        kind = received.json["promptText"].split()[0]
        if self.relenting and kind not in NEVER:
            return Film()
        return self.plans[kind]

    def relent(self) -> None:
        """From now on what can be made is made, what was begun before included."""
        self.relenting = True
        for name, task in list(self.fake.tasks.items()):
            if task.asked["promptText"].split()[0] not in NEVER:
                self.fake.films[name] = Film()
                task.plan = Film().plan

    @contextmanager
    def beside(self) -> Iterator[Storage]:
        storage = open_storage(
            self.data, LedgerSettings(busy_seconds=10.0), gateway=False, url=self.url
        )
        try:
            yield storage
        finally:
            storage.close()

    def welcome(self, users: int) -> None:
        with self.beside() as storage:
            for _ in range(users):
                email = f"{storage.ids.make('user')}@example.com"
                self.keys.append(Teller(storage).caller(GIVEN_NANO, email).key.plain)

    def serve(self, *flags: str) -> Child:
        bury(self.url)
        return HastyChild(self.data, self.environ, *flags)

    def order(self, child: Child, kind: str, count: int, user: int = 0) -> list[str]:
        """So many videos that nobody waits for; their ids."""
        return [self.order_one(child, kind, user) for _ in range(count)]

    def order_one(self, child: Child, kind: str, user: int) -> str:
        self.serial += 1
        prompt = f"{kind} {self.serial}"
        asked = {"model": "gen-2", "prompt": prompt, "async": True}
        headers = {
            "Host": "gateway.test",
            "Authorization": f"Bearer {self.keys[user]}",
            "Content-Type": "application/json",
        }
        with Dial(child.port) as dial:
            body = json.dumps(asked).encode()
            reply = dial.ask(request("POST", GENERATIONS, body, headers))
        assert reply.status == 202, reply.json
        return str(reply.json["id"])

    def cancel(self, child: Child, job_id: str, user: int) -> None:
        headers = {
            "Host": "gateway.test", "Authorization": f"Bearer {self.keys[user]}"
        }
        with Dial(child.port) as dial:
            path = f"/api/v1/videos/{job_id}"
            assert dial.ask(request("DELETE", path, b"", headers)).status == 200

    @contextmanager
    def reads(self) -> Iterator[JobReads]:
        reads = engine_at(self.data, self.url).reads()
        try:
            yield JobReads(reads)
        finally:
            reads.close()

    def submitter(self, job_id: str) -> int:
        """The process that submits a job just now."""
        (job,) = self.jobs([job_id])
        assert job.boot_id is not None
        reads = engine_at(self.data, self.url).reads()
        try:
            ((pid,),) = reads.rows(
                "SELECT pid FROM boot WHERE id = ?1", (job.boot_id,)
            )
        finally:
            reads.close()
        return int(pid)

    def until(self, reached: Callable[[JobReads], bool]) -> None:
        """Returns when the ledger says so."""
        end = time.monotonic() + WAIT_SECONDS
        with self.reads() as reads:
            while not reached(reads):
                if time.monotonic() > end:
                    raise TimeoutError(f"these go on: {states(reads)}")
                Event().wait(LOOK_SECONDS)

    def until_in(self, ids: list[str], *wanted: JobState) -> None:
        self.until(
            lambda reads: all(known(reads, id).state in wanted for id in ids)
        )

    def until_ended(self) -> None:
        self.until(lambda reads: reads.live() == 0)

    def jobs(self, ids: list[str]) -> list[Job]:
        with self.reads() as reads:
            return [known(reads, id) for id in ids]

    def begun(self) -> Counter[str]:
        """How often each prompt was submitted and not sent away."""
        told = [one.json["promptText"] for one in list(self.fake.submits)]
        return Counter(prompt for prompt in told if prompt.split()[0] != BUSY)

    def check(self, ids: list[str]) -> Books:
        """All have ended, each as it should, and the books agree."""
        books = read(self.data, url=self.url)
        begun = self.begun()
        for job in self.jobs(ids):
            prompt = json.loads(job.ask)["prompt"]
            assert not job.live
            charge = books.charges[job.request_id]
            made = job.state is JobState.COMPLETED
            assert charge.paid_nano == (COST_NANO if made else 0)
            assert charge.shortfall_nano == 0
            assert books.holds[job.request_id] == ("settled" if made else "voided")
            if prompt.split()[0] != BUSY:
                assert begun[prompt] == 1 if made else begun[prompt] <= 1
        for account_id, left_nano in books.available.items():
            assert left_nano == GIVEN_NANO - books.paid_nano(account_id)
        return books

    def prove(self) -> None:
        prove(self.data, self.url)


def known(reads: JobReads, job_id: str) -> Job:
    found = reads.job(job_id)
    assert found is not None
    return found


def states(reads: JobReads) -> Counter[str]:
    found = [*reads.due(2**62, 500), *reads.lost(lambda boot_id: True)]
    return Counter(job.state.value for job in found)


class Killing:
    """Rounds of orders, each ended by kill -9 after a random number of questions."""

    ORDERS_MAX = 8
    REQUESTS_MAX = 60

    def __init__(self, studio: Studio, seed: int) -> None:
        self.studio = studio
        self.dice = random.Random(seed)
        self.ids: list[str] = []

    def round(self) -> None:
        """A new user's orders, on top of all that is unfinished."""
        studio, fake = self.studio, self.studio.fake
        studio.welcome(1)
        with studio.serve() as child:
            before = len(fake.requests)
            for _ in range(self.dice.randint(1, self.ORDERS_MAX)):
                kind = self.dice.choice([MADE, MADE, *PLANS])
                self.ids += studio.order(child, kind, 1, len(studio.keys) - 1)
            wanted = self.dice.randint(1, self.REQUESTS_MAX)
            end = time.monotonic() + 1
            while len(fake.requests) < before + wanted and time.monotonic() < end:
                Event().wait(LOOK_SECONDS)
            child.kill()
        read(studio.data, url=studio.url)

    def finish(self) -> Books:
        """Everything that was ordered comes to its end."""
        self.studio.relent()
        with self.studio.serve() as child:
            self.studio.until_ended()
            assert child.stop() == 0
        books = self.studio.check(self.ids)
        self.studio.prove()
        return books


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=int, default=None)
def main(rounds: int, seed: int | None) -> None:
    """Kill a gateway that has videos made, and check what it did."""
    seed = int.from_bytes(os.urandom(3)) if seed is None else seed
    click.echo(f"seed {seed}")
    with tempfile.TemporaryDirectory() as data, FakeRunway() as fake:
        killing = Killing(Studio(Path(data), fake), seed)
        for number in range(1, rounds + 1):
            killing.round()
            click.echo(f"round {number}: {len(killing.ids)} videos ordered")
        killing.finish()
        ended = Counter(job.state.value for job in killing.studio.jobs(killing.ids))
        click.echo(f"{dict(ended)}; nothing was begun twice, the books agree")


if __name__ == "__main__":
    main()
