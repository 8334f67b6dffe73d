"""kill -9 under 50 running answers, and what the ledger says afterwards.

The rule that is checked, one line of `check` for each of its sentences:

- An answer whose end a client saw ([DONE], or the whole JSON) is settled, for exactly
  the cost that this end named. Nothing acknowledged is lost.
- An answer whose end nobody saw is charged only if its settle was in the file when the
  gateway died, and then whole, as the provider reported it: it was complete, only its
  last bytes were still on their way.
- The restart charges nobody. It voids what was open, free of charge, and touches
  nothing else; so every hold is settled or void, and the audit finds each settled one
  charged once.
- Whoever the provider heard of had a hold in the file before.
- The balance is what was given minus those charges, and it is not below zero.
"""

import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from config.money import parse_nano
from storage import DATABASE
from storage.audit import audit
from storage.recovery import REASON
from storage.sqlite import SqliteEngine
from tests.fakes.openai_script import Answer, Behaviour, Gate, Silence, after
from tests.fakes.openai_server import FakeOpenAI, Received
from tests.scenarios.child import Child, bare, program, prove
from tests.scenarios.dial import Dial, chat
from tests.scenarios.harness import environ_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

GIVEN_NANO = 10 * 10**9
ASKED = 50
WAIT_SECONDS = 20
PROVED_BUT_WAITING = 3
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """How far one of the answers may come before the gate opens."""

    stream: bool
    answer: Callable[[Gate], Behaviour]


WHOLE = Kind(False, lambda gate: Answer())
FINISHED = Kind(True, lambda gate: Answer())
HALF_WHOLE = Kind(False, lambda gate: Answer(edits=[after(1, gate)]))
MIDWAY = Kind(True, lambda gate: Answer(edits=[after(3, gate)]))
HEADLESS = Kind(True, lambda gate: Silence())


class Listener(threading.Thread):
    """One client: asks, and keeps what it heard until the connection died."""

    def __init__(
        self, port: int, key: str, number: int, kind: Kind, ended: SimpleQueue[int]
    ) -> None:
        super().__init__(daemon=True)
        self.port, self.key, self.number, self.kind = port, key, number, kind
        self.ended = ended
        self.began = threading.Event()
        self.headers: dict[str, str] = {}
        self.body = b""
        self.whole = False

    def run(self) -> None:
        with suppress(OSError, EOFError), Dial(self.port) as dial:
            # Each asks for something else, so that each costs something else.
            told = [{"role": "user", "content": f"{self.number} " * (self.number + 1)}]
            dial.send(
                chat(
                    self.key, messages=told, stream=self.kind.stream, max_tokens=1000
                )
            )
            status, self.headers = dial.head()
            assert status == 200
            self.listen(dial)

    def listen(self, dial: Dial) -> None:
        if not self.kind.stream:
            self.body = dial.exactly(int(self.headers["content-length"]))
            self.end()
            return
        while not self.whole:
            self.body += dial.piece()
            self.began.set()
            if self.body.endswith(DONE):
                self.end()

    def end(self) -> None:
        self.whole = True
        self.ended.put(self.number)

    @property
    def cost_nano(self) -> int:
        (cost,) = re.findall(rb'"cost":([0-9.]+)', self.body)
        return parse_nano(cost.decode())


class Crowd:
    """50 clients at one gateway, each with an answer of its kind."""

    def __init__(
        self, fake: FakeOpenAI, child: Child, key: str, kinds: list[Kind]
    ) -> None:
        self.fake = fake
        self.kinds = kinds
        self.gate = Gate()
        self.ended: SimpleQueue[int] = SimpleQueue()
        self.listeners = [
            Listener(child.port, key, number, kind, self.ended)
            for number, kind in enumerate(kinds)
        ]
        fake.requests.clear()
        fake.always(self.answer)
        for listener in self.listeners:
            listener.start()

    def answer(self, received: Received) -> Behaviour:
        said = received.json["messages"][0]["content"]
        return self.kinds[int(said.split()[0])].answer(self.gate)

    def all_asked(self) -> None:
        self.fake.wait_for(ASKED)

    def all_began(self, kind: Kind) -> None:
        for listener in self.listeners:
            if listener.kind is kind:
                assert listener.began.wait(WAIT_SECONDS)

    def some_ended(self, count: int) -> None:
        for _ in range(count):
            self.ended.get(timeout=WAIT_SECONDS)

    def disperse(self) -> None:
        for listener in self.listeners:
            listener.join(WAIT_SECONDS)
            assert not listener.is_alive()

    @property
    def satisfied(self) -> list[Listener]:
        return [one for one in self.listeners if one.whole]


# When the gateway is killed.


@dataclass(frozen=True, slots=True)
class Moment:
    kinds: list[Kind]
    wait: Callable[[Crowd], None]


def while_asking(count: int) -> Moment:
    """So many have reached the provider; others wait for their hold to be written."""

    def wait(crowd: Crowd) -> None:
        crowd.fake.wait_for(count)

    return Moment([HEADLESS] * ASKED, wait)


def while_ending(count: int) -> Moment:
    """All may end now, and so many have; the settles of others are being written."""

    def wait(crowd: Crowd) -> None:
        crowd.all_asked()
        crowd.all_began(MIDWAY)
        crowd.gate.open()
        crowd.some_ended(count)

    return Moment([MIDWAY, MIDWAY, HALF_WHOLE, MIDWAY, MIDWAY] * (ASKED // 5), wait)


def standing_still() -> Moment:
    """Some finished, some half-way, some before their headers, and nothing moves."""

    def wait(crowd: Crowd) -> None:
        crowd.all_asked()
        crowd.all_began(MIDWAY)
        crowd.some_ended(STILL.count(WHOLE) + STILL.count(FINISHED))

    return Moment(STILL, wait)


STILL = [WHOLE, FINISHED, MIDWAY, HEADLESS, HALF_WHOLE] * (ASKED // 5)
MOMENTS = {
    "the first hold is taken": while_asking(1),
    "half of the holds are taken": while_asking(ASKED // 2),
    "nobody has heard anything": while_asking(ASKED),
    "nothing moves": standing_still(),
    "the first answer ends": while_ending(1),
    "answers end": while_ending(ASKED // 2),
    "the last answer ends": while_ending(ASKED - 1),
    "all have ended": while_ending(ASKED),
}


# What is in the file.


@dataclass(frozen=True, slots=True)
class Books:
    """Holds by state, and of each charge what was paid, on what evidence, and why."""

    states: dict[str, str]
    charges: dict[str, tuple[int, str, str]]
    available_nano: int

    def in_state(self, state: str) -> set[str]:
        return {id for id, found in self.states.items() if found == state}

    @property
    def paid_nano(self) -> int:
        return sum(paid for paid, _, _ in self.charges.values())


def read(data: Path) -> Books:
    with SqliteEngine(data / DATABASE).snapshot() as snapshot:
        assert audit(snapshot) == []
        charges = snapshot.rows(
            "SELECT request_id, paid_nano, evidence, outcome FROM usage"
        )
        ((available_nano,),) = snapshot.rows(
            "SELECT credits_posted - debits_posted - debits_pending"
            " FROM account WHERE kind = 'user'"
        )
        return Books(
            dict(snapshot.rows("SELECT id, state FROM hold")),
            {id: tuple(charge) for id, *charge in charges},
            available_nano,
        )


def check(crowd: Crowd, before: Books, dead: Books, again: Books) -> None:
    """Before the crowd came, as the gateway died, and after the restart."""
    new = dead.states.keys() - before.states.keys()
    settled = dead.in_state("settled") & new
    for one in crowd.satisfied:
        id = one.headers["x-request-id"]
        assert id in settled
        assert dead.charges[id] == (one.cost_nano, "reported", "complete")
    for id in settled:
        paid_nano, *why = dead.charges[id]
        assert paid_nano > 0 and why == ["reported", "complete"]

    assert again.in_state("settled") == dead.in_state("settled")
    assert again.in_state("voided") == dead.states.keys() - again.in_state("settled")
    assert {id: again.charges[id] for id in dead.charges} == dead.charges
    for id in dead.in_state("open"):
        assert again.charges[id] == (0, "none", REASON)

    assert len(crowd.fake.requests) <= len(new) <= len(crowd.listeners)
    assert again.available_nano == GIVEN_NANO - again.paid_nano >= 0
    assert dead.available_nano >= 0


def verify(data: Path) -> int:
    return subprocess.run(
        program("verify", "--data", str(data)), env=bare({}), stdout=subprocess.DEVNULL
    ).returncode


class Ledger:
    """One data directory, its user's key, and its gateways, one after the other."""

    def __init__(self, fake: FakeOpenAI, data: Path) -> None:
        self.fake, self.data = fake, data
        with self.serve() as child:
            self.key = child.register("user@example.com")

    def serve(self) -> Child:
        return Child(self.data, environ_of(self.fake))

    def crash(self, moment: Moment) -> Crowd:
        """Kill at this moment, restart, and check what is left."""
        before = read(self.data)
        with self.serve() as child:
            crowd = Crowd(self.fake, child, self.key, moment.kinds)
            moment.wait(crowd)
            child.kill()
            crowd.disperse()
            dead = read(self.data)
            waiting = bool(dead.in_state("open"))
            assert verify(self.data) == (PROVED_BUT_WAITING if waiting else 0)
        self.fake.always(Answer())
        with self.serve() as child:
            check(crowd, before, dead, read(self.data))
            with Dial(child.port) as dial:
                assert dial.ask(chat(self.key)).status == 200
            assert child.stop() == 0
        prove(self.data)
        return crowd


@pytest.fixture
def ledger(fake: FakeOpenAI, tmp_path: Path) -> Ledger:
    return Ledger(fake, tmp_path)


@pytest.mark.parametrize("name", MOMENTS)
def test_what_was_acknowledged_is_charged_and_nothing_else(
    ledger: Ledger, name: str
) -> None:
    ledger.crash(MOMENTS[name])


def test_a_kill_while_nothing_moves_charges_exactly_the_ends_that_were_seen(
    ledger: Ledger,
) -> None:
    """No commit is under way, so that not even one unseen charge is possible."""
    crowd = ledger.crash(MOMENTS["nothing moves"])
    seen = crowd.satisfied
    assert {one.kind for one in seen} == {WHOLE, FINISHED}
    assert len(seen) == 20
    honest_nano = 65_000
    left_nano = GIVEN_NANO - sum(one.cost_nano for one in seen) - honest_nano
    assert read(ledger.data).available_nano == left_nano


@pytest.mark.timeout(300)
def test_kills_in_a_row_on_one_ledger_lose_nothing(ledger: Ledger) -> None:
    seen = sum(
        len(ledger.crash(moment).satisfied)
        for count in (3, 23, 43)
        for moment in (while_ending(count), while_asking(count))
    )
    books = read(ledger.data)
    # Had no kill hit an open hold, this would have proved little.
    assert books.in_state("voided")
    assert len(books.in_state("settled")) >= seen >= 3 + 23 + 43
