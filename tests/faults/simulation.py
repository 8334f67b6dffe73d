"""A small simulation: thousands of requests through a whole gateway, all of it going
wrong by chance, and a tally of what each client saw.

    python -m tests.faults.simulation --requests 5000 --seed 7

From one seed, which is printed: what is asked and by whom, what the provider does with
it (serves, refuses, dies before or in the middle, tells nonsense about usage, dawdles),
when the client leaves, and which flushes of the disk fail. The ledger's own rows are
then compared with notes that were taken on the other side of the wire:

- whoever has a whole answer was charged what it says, and that is what its usage costs;
- whoever got an error before the first byte was charged nothing;
- whoever saw a stream break off was charged no more than the whole, once;
- whom the provider never heard of, nobody was charged for;
- each balance is what was given minus what these charges add up to.
"""

import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import click

from config.money import dollars, parse_nano
from config.settings import Settings
from tests.fakes.openai_script import (
    Answer,
    Behaviour,
    End,
    Gate,
    Raw,
    Silence,
    Status,
    after,
    in_pieces,
)
from tests.fakes.openai_server import FakeOpenAI, Received
from tests.faults.books import Charge, read
from tests.faults.conftest import written
from tests.faults.customers import DONE, RATES, rated
from tests.faults.disk import Disk, dying_disk
from tests.scenarios.dial import Dial, Reply, chat
from tests.scenarios.harness import Caller, Gateway, environ_of

VISITORS = 16
GIVEN = ("1000.00", "1000.00", "1000.00", "0.02", "0.005")
# One flush in so many begins a burst of failures.
CALM = 60
BURST_MAX = 3
DAWDLERS_MAX = 8
WAIT_SECONDS = 60

# What a client does: reads to the end, or leaves at some point.
STAY, AT_ONCE, AFTER_HEAD, AFTER_PIECE = "stay", "at once", "after head", "after piece"
LEAVES = {STAY: 70, AT_ONCE: 8, AFTER_HEAD: 10, AFTER_PIECE: 12}

Make = Callable[[random.Random], Behaviour]


def usage(dice: random.Random) -> Behaviour:
    odd = [-1, 1.5, "7", None, True, 10**18, [], 10**7]
    told = {"prompt_tokens": dice.choice(odd), "completion_tokens": dice.choice(odd)}
    return Answer(usage=told)


def cut(dice: random.Random) -> Behaviour:
    return Answer(edits=[after(dice.randint(0, 6), dice.choice([End.FIN, End.RST]))])


# What a provider does, and how often. It dawdles until others have come after.
DAWDLES = "dawdles"
DEEDS: dict[str, tuple[int, Make]] = {
    "serves": (50, lambda dice: Answer()),
    "serves in bytes": (8, lambda dice: Answer(edits=[in_pieces(1)])),
    "tells no usage": (5, lambda dice: Answer(report_usage=False)),
    "tells nonsense": (8, usage),
    "refuses": (6, lambda dice: Status(dice.choice([400, 401, 429, 500, 503]))),
    "dies at once": (5, lambda dice: Silence(dice.choice([End.FIN, End.RST]))),
    "dies on the way": (10, cut),
    "babbles": (3, lambda dice: Raw(b"data: {\n\n" * 3)),
    DAWDLES: (5, lambda dice: Answer()),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, and what is going to happen to it."""

    number: int
    caller: int
    model: str
    words: int
    stream: bool
    leave: str
    behaviour: Behaviour
    gate: Gate | None


@dataclass(frozen=True, slots=True)
class Saw:
    """What a client can swear to."""

    plan: Plan
    status: int | None = None
    id: str | None = None
    reply: Reply | None = None

    @property
    def whole(self) -> bool:
        """An answer that says of itself that it is complete."""
        if self.reply is None or self.reply.status != 200:
            return False
        return not self.plan.stream or self.reply.events[-1] == DONE


def plans(dice: random.Random, count: int) -> Iterator[Plan]:
    deeds = list(DEEDS)
    for number in range(count):
        (deed,) = dice.choices(deeds, [often for often, _ in DEEDS.values()])
        (leave,) = dice.choices(list(LEAVES), list(LEAVES.values()))
        yield Plan(
            number,
            dice.randrange(len(GIVEN)),
            dice.choice(list(RATES)),
            dice.randint(1, 30),
            dice.random() < 0.6,
            leave,
            *doing(deed, dice),
        )


def doing(deed: str, dice: random.Random) -> tuple[Behaviour, Gate | None]:
    if deed != DAWDLES:
        return DEEDS[deed][1](dice), None
    gate = Gate()
    return Answer(edits=[after(dice.randint(0, 4), gate)]), gate


class Simulation:
    def __init__(self, gateway: Gateway, fake: FakeOpenAI, disk: Disk, seed: int):
        self.gateway, self.fake, self.disk = gateway, fake, disk
        self.dice = random.Random(seed)
        self.callers = [gateway.caller(given) for given in GIVEN]
        self.lock = threading.Lock()
        self.saw: list[Saw] = []
        self.heard: Counter[int] = Counter()
        self.dawdling: list[Gate] = []

    def run(self, count: int) -> None:
        todo = list(plans(self.dice, count))
        self.plans = {plan.number: plan for plan in todo}
        self.fake.always(self.behave)
        self.disk.fails = self.bursts()
        visitors = [Visitor(self, todo) for _ in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            while visitor.is_alive():
                visitor.join(0.2)
                self.hurry(keep=DAWDLERS_MAX if todo else 0)
        self.disk.mend()
        for visitor in visitors:
            if visitor.failure is not None:
                raise visitor.failure
        self.gateway.settled()
        written(self.gateway)
        self.check()

    def bursts(self) -> Callable[[int], bool]:
        """Which flushes fail, decided before the first of them."""
        dice = random.Random(self.dice.random())
        bad: set[int] = set()
        number = self.disk.flushes
        for _ in range(10_000):
            number += dice.randint(1, 2 * CALM)
            bad.update(range(number, number + dice.randint(1, BURST_MAX)))
        return bad.__contains__

    def behave(self, received: Received) -> Behaviour:
        number = int(received.json["messages"][0]["content"].split()[0])
        plan = self.plans[number]
        with self.lock:
            self.heard[number] += 1
            if plan.gate is not None:
                self.dawdling.append(plan.gate)
        self.hurry(keep=DAWDLERS_MAX)
        return plan.behaviour

    def hurry(self, keep: int) -> None:
        """The oldest dawdlers go on."""
        with self.lock:
            old = self.dawdling[: max(0, len(self.dawdling) - keep)]
            del self.dawdling[: len(old)]
        for gate in old:
            gate.open()

    # Afterwards.

    def check(self) -> None:
        books = read(self.gateway.data)
        assert books.in_state("open") == set()
        known = set()
        for saw in self.saw:
            charge = books.charges.get(saw.id or "")
            if saw.id is not None:
                known.add(saw.id)
            self.check_one(saw, charge)
        # Who left before the head knows no id; the provider may have heard of him.
        nameless = [saw.plan for saw in self.saw if saw.id is None]
        asked = Counter(plan.caller for plan in nameless if self.heard[plan.number])
        for id in books.charges.keys() - known:
            charge = books.charges[id]
            if charge.paid_nano:
                asked[self.number_of(charge.account_id)] -= 1
        assert min(asked.values(), default=0) >= 0, "charged, and nobody was asked"
        for caller, given in zip(self.callers, GIVEN, strict=True):
            paid_nano = books.paid_nano(caller.account_id)
            left_nano = books.available[caller.account_id]
            assert left_nano == parse_nano(given) - paid_nano

    def number_of(self, account_id: int) -> int:
        accounts = [caller.account_id for caller in self.callers]
        return accounts.index(account_id)

    def check_one(self, saw: Saw, charge: Charge | None) -> None:
        paid_nano = charge.paid_nano if charge is not None else 0
        plan, reply = saw.plan, saw.reply
        if not self.heard[plan.number]:
            assert paid_nano == 0, saw
        assert paid_nano <= fortune(plan), saw
        if saw.status is not None and saw.status != 200:
            assert paid_nano == 0, saw
        if reply is None or not saw.whole:
            return
        assert charge is not None and charge.outcome == "complete", saw
        cost_nano = charge.paid_nano + charge.shortfall_nano
        told = reply.events[-2]["usage"] if plan.stream else reply.json["usage"]
        assert cost_nano == rated(plan.model, told), saw
        # Charged later than it was said, for the disk was dead, and not to be had then.
        said = [f'"cost":{dollars(nano)}}}' for nano in (paid_nano, cost_nano)]
        assert any(one in reply.body.decode() for one in said), saw

    def lines(self) -> list[str]:
        """What happened, in numbers."""
        ends = Counter(
            "left before the head" if saw.status is None else str(saw.status)
            for saw in self.saw
        )
        whole = sum(saw.whole for saw in self.saw)
        statistics = self.gateway.storage.writer.statistics()
        return [
            f"{len(self.saw)} requests, {self.heard.total()} reached the provider",
            ", ".join(f"{end}: {count}" for end, count in sorted(ends.items())),
            f"{whole} whole answers; {self.disk.failures} failed commits of"
            f" {statistics.batches + self.disk.failures}",
        ]


def fortune(plan: Plan) -> int:
    """What no such request can cost, whatever its provider says."""
    input_nano, output_nano = RATES[plan.model]
    return (2 * 6 * (plan.words + 20) + 1024) * input_nano + 512 * output_nano


class Visitor(threading.Thread):
    """Plays one plan after the other, and writes down what it saw."""

    def __init__(self, simulation: Simulation, todo: list[Plan]) -> None:
        super().__init__(daemon=True)
        self.simulation, self.todo = simulation, todo
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while self.todo:
                with self.simulation.lock:
                    plan = self.todo.pop(0)
                saw = self.play(plan)
                with self.simulation.lock:
                    self.simulation.saw.append(saw)
        except IndexError:
            return
        except BaseException as failure:
            self.failure = failure

    def play(self, plan: Plan) -> Saw:
        saw = Saw(plan)
        caller: Caller = self.simulation.callers[plan.caller]
        with Dial(self.simulation.gateway.port) as dial:
            dial.socket.settimeout(WAIT_SECONDS)
            dial.send(request_of(plan, caller.key))
            if plan.leave == AT_ONCE:
                dial.reset()
                return saw
            with suppress(EOFError, ConnectionError):
                status, headers = dial.head()
                saw = replace(saw, status=status, id=headers.get("x-request-id"))
                if plan.leave == AFTER_PIECE and not dial.buffer:
                    dial.fill()
                if plan.leave == STAY:
                    saw = replace(saw, reply=whole(dial, status, headers))
        return saw


def whole(dial: Dial, status: int, headers: dict[str, str]) -> Reply:
    if headers.get("transfer-encoding") == "chunked":
        return Reply(status, headers, dial.pieces())
    return Reply(status, headers, dial.exactly(int(headers["content-length"])))


def request_of(plan: Plan, key: str) -> bytes:
    words = f"{plan.number} " + "word " * plan.words
    return chat(
        key,
        model=plan.model,
        messages=[{"role": "user", "content": words}],
        stream=plan.stream,
        max_tokens=256,
    )


def quick(settings: Settings) -> Settings:
    """What the disk did not take is tried again at once."""
    ledger = replace(settings.ledger, recover_seconds=0.05)
    return replace(settings, ledger=ledger)


def simulate(data: Path, fake: FakeOpenAI, seed: int, count: int) -> list[str]:
    """Runs it all and checks it all; what happened, in lines."""
    with dying_disk() as disk, Gateway(data, environ_of(fake), quick) as gateway:
        simulation = Simulation(gateway, fake, disk, seed)
        simulation.run(count)
        gateway.prove()
        return simulation.lines()


@click.command()
@click.option("--requests", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(requests: int, seed: int) -> None:
    """Let so many requests go wrong by chance; the ledger must agree with all."""
    click.echo(f"seed {seed}")
    with tempfile.TemporaryDirectory() as data, FakeOpenAI() as fake:
        for line in simulate(Path(data), fake, seed, requests):
            click.echo(line)


if __name__ == "__main__":
    main()
