"""SIGSTOP: the gateway that leads falls silent for longer than its lease, and goes on.

Nobody closes its sockets and no kernel takes its locks. To the others on other machines
a cut cable and a host without power look the same, but for the going on.
"""

import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from storage.jobs import JobState
from storage.postgres.leases import LEASE_SECONDS
from storage.recovery import REASON
from tests.fakes.openai_script import Answer, after
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.runway_server import FakeRunway, Film
from tests.fakes.script import Gate
from tests.faults.books import Charge
from tests.faults.films import COST_NANO, GIVEN_NANO, MADE, STUCK, Studio
from tests.faults.hasty import HastyChild
from tests.scenarios.child import Child
from tests.scenarios.dial import Dial, chat, events
from tests.scenarios.harness import environ_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SILENT_SECONDS = 2 * LEASE_SECONDS
CHAT_NANO = 65_000
# Submissions that are answered when their gate is opened.
HELD, LATER = "held", "later"
SILENCE = """
    SELECT extract(epoch FROM clock_timestamp()) - lease_ns / 1000000000 + %s
    FROM boot WHERE pid = %s
"""
LEADERS = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND objid = 3 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Pair:
    """Two gateways on one ledger, each as on a machine of its own; the first leads."""

    def __init__(self, studio: Studio, fake: FakeOpenAI, stack: ExitStack) -> None:
        self.studio = studio
        environ = {
            **environ_of(fake, studio.url),
            **studio.environ,
            "AUTOLIST_MEDIA": str(studio.data / "media"),
        }
        machines = [studio.data / name for name in ("first", "second")]
        for data in machines:
            data.mkdir()
            shutil.copy(studio.data / "secret", data)
        self.first, self.second = (
            stack.enter_context(HastyChild(data, environ)) for data in machines
        )
        # However the test ends, it can be told to end.
        stack.callback(self.first.signal, signal.SIGCONT)
        self.session = stack.enter_context(
            psycopg.connect(studio.url, autocommit=True)
        )

    def await_silence(self, seconds: float) -> None:
        """Returns when the first has not renewed its lease for so long."""
        told = (LEASE_SECONDS, self.first.process.pid)

        def is_silent(_: object) -> bool:
            ((silent,),) = self.session.execute(SILENCE, told)
            return bool(silent >= seconds)

        self.studio.until(is_silent)

    @property
    def leaders(self) -> int:
        ((found,),) = self.session.execute(LEADERS)
        return int(found)


def ask(child: Child, key: str) -> int:
    with Dial(child.port) as dial:
        return dial.ask(chat(key)).status


def test_who_leads_and_is_stopped_is_replaced_and_nothing_is_charged_twice(
    only_postgres: None, url: str, fake: FakeOpenAI, tmp_path: Path
) -> None:
    gates = {name: Gate() for name in (HELD, LATER, "chat")}
    with FakeRunway() as runway, ExitStack() as stack:
        studio = Studio(tmp_path, runway, url)
        for name in (HELD, LATER):
            studio.plans[name] = Film(edits=(after(1, gates[name]),))
        studio.welcome(1)
        pair = Pair(studio, fake, stack)
        for gate in gates.values():
            stack.callback(gate.open)
        (key,) = studio.keys

        # The first has videos made, submits one, and is in the middle of a stream.
        running = studio.order(pair.second, STUCK, 3)
        studio.until_in(running, JobState.RUNNING)
        lost = studio.order(pair.second, HELD, 1)
        studio.until_in(lost, JobState.SUBMITTING)
        assert studio.submitter(lost[0]) == pair.first.process.pid
        fake.always(Answer(edits=[after(2, gates["chat"])]))
        dial = stack.enter_context(Dial(pair.first.port))
        dial.send(chat(key, stream=True, max_tokens=1000))
        status, headers = dial.head()
        heard, cut = dial.piece(), headers["x-request-id"]
        fake.always(Answer())

        pair.first.signal(signal.SIGSTOP)
        assert ask(pair.second, key) == 200
        studio.relent()
        studio.until_in(running, JobState.COMPLETED)
        studio.until_in(lost, JobState.FAILED)
        new = studio.order(pair.second, MADE, 1)
        studio.until_in(new, JobState.COMPLETED)
        pair.await_silence(SILENT_SECONDS)
        books = studio.check([*running, *lost, *new])
        assert books.holds[cut] == "voided"
        assert books.charges[cut].outcome == REASON
        assert pair.leaders == 1

        pair.first.signal(signal.SIGCONT)
        for name in ("chat", HELD):
            gates[name].open()
        heard += dial.pieces()
        assert (status, events(heard)[-1]) == (200, "[DONE]")
        assert ask(pair.first, key) == 200
        # It serves again, and leads no more.
        studio.relenting = False
        late = studio.order(pair.first, LATER, 1)
        studio.until_in(late, JobState.SUBMITTING)
        assert studio.submitter(late[0]) == pair.second.process.pid
        assert pair.leaders == 1
        gates[LATER].open()
        studio.until_ended()
        assert pair.first.stop() == pair.second.stop() == 0

    films = [*running, *new, *late]
    books = studio.check([*films, *lost])
    assert set(studio.begun().values()) == {1}
    # What was void by then is charged late, once: the caller has the whole answer.
    account_id = books.charges[cut].account_id
    assert books.charges[cut] == Charge(
        account_id, CHAT_NANO, 0, "reported", "complete", 1
    )
    spent_nano = 3 * CHAT_NANO + len(films) * COST_NANO
    assert books.available == {account_id: GIVEN_NANO - spent_nano}
    studio.prove()
