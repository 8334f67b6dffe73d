"""Several workers are one gateway: on one port, one ledger, and under one supervisor.

Real processes, told apart by whose boot a hold has: the ledger knows each one's process
number. A connection stays with the worker that took it.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from addons.holds import worst_case
from addons.wire.openai import read_chat
from config import load
from config.money import dollars
from storage import DATABASE, GATEWAY_LOCK
from storage.alarm import FileAlarm
from storage.engine import Row
from storage.locks import FileLock
from storage.recovery import REASON
from storage.sqlite import open_reader
from storage.turns import Turns
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, bare, command, program, prove
from tests.scenarios.dial import Dial, Reply, ask_body, chat, events, request, said
from tests.scenarios.harness import CONFIG, environ_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

BEGUN = "You said: "
WAIT_SECONDS = 60
STALE_SECONDS = 1.0
REQUESTS = 500
AFFORDED = 10
OUTPUT_TOKENS = 100
EMAIL = "user@example.com"


class Crew:
    """A gateway of several workers, its ledger, and a user's key."""

    def __init__(self, data: Path, child: Child, count: int) -> None:
        self.data, self.child, self.count = data, child, count
        self.key = child.register(EMAIL)
        # Without the supervisor, which has proved the ledger and gone.
        self.first = child.workers()

    def rows(self, statement: str, *params: str | int) -> list[Row]:
        connection = open_reader(self.data / DATABASE)
        try:
            return connection.execute(statement, params).fetchall()
        finally:
            connection.close()

    def server_of(self, request_id: str) -> int:
        """The process number of the worker that admitted it."""
        ((pid,),) = self.rows(
            "SELECT pid FROM boot JOIN hold ON boot_id = boot.id WHERE hold.id = ?",
            request_id,
        )
        return int(pid)

    def dial_each(self, stack: ExitStack, pids: list[int]) -> dict[int, Dial]:
        """A connection to each of these."""
        found: dict[int, Dial] = {}
        while found.keys() != set(pids):
            dial = stack.enter_context(Dial(self.child.port))
            dial.socket.settimeout(WAIT_SECONDS)
            reply = dial.ask(chat(self.key))
            assert reply.status == 200
            found.setdefault(self.server_of(reply.headers["x-request-id"]), dial)
        return found

    def streams(self, stack: ExitStack) -> dict[Dial, tuple[int, str, bytes]]:
        """Streams that stand at the gate, at least two with each worker."""
        begun: dict[Dial, tuple[int, str, bytes]] = {}

        def most(pid: int) -> int:
            return sum(pid == server for server, _, _ in begun.values())

        while not all(most(pid) >= 2 for pid in self.first):
            dial = stack.enter_context(Dial(self.child.port))
            dial.socket.settimeout(WAIT_SECONDS)
            dial.send(chat(self.key, stream=True, max_tokens=OUTPUT_TOKENS))
            status, headers = dial.head()
            assert status == 200
            body = b""
            while said(events(body)) != BEGUN:
                body += dial.piece()
            id = headers["x-request-id"]
            begun[dial] = self.server_of(id), id, body
        return begun

    def leader(self) -> int:
        """Who holds the lock that says so, as the kernel knows."""
        inode = (self.data / "leader.lock").stat().st_ino
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            _, kind, _, _, pid, place, *_ = line.split()
            if kind == "FLOCK" and int(place.rpartition(":")[2]) == inode:
                return int(pid)
        return 0

    def until(self, true: Callable[[], bool]) -> None:
        """Returns when it is; a round trip to the gateway paces the asking."""
        while not true():
            with suppress(OSError, EOFError), Dial(self.child.port) as dial:
                dial.ask(request("GET", "/healthz"))


@pytest.fixture
def gate(fake: FakeOpenAI) -> Iterator[Gate]:
    """Every stream stops here after three events."""
    gate = Gate()
    fake.always(Answer(edits=[after(3, gate)]))
    yield gate
    gate.open()


@pytest.fixture
def start(fake: FakeOpenAI, tmp_path: Path):
    """Starts gateways on one data directory; the ledger is proved in the end."""
    data = tmp_path / "data"

    @contextmanager
    def start(count: int = 2, **changes: str) -> Iterator[Crew]:
        config = configured(tmp_path, **changes)
        flags = ["--workers", str(count), "--config", str(config)]
        with Child(data, environ_of(fake), *flags) as child:
            crew = Crew(data, child, count)
            assert len(crew.first) == count
            yield crew
        # The supervisor has ended, and so has everybody that it started.
        FileLock.take(data / GATEWAY_LOCK).release()

    yield start
    prove(data)


def configured(directory: Path, **changes: str) -> Path:
    """The shipped configuration with some values of gateway.yaml changed."""
    config = directory / "config"
    shutil.copytree(CONFIG, config, ignore=shutil.ignore_patterns("*.py*"))
    path = config / "gateway.yaml"
    text = path.read_text("utf-8")
    for name, value in changes.items():
        text, count = re.subn(rf"(?m)^(\s+{name}:).*$", rf"\1 {value}", text)
        assert count == 1, name
    path.write_text(text, "utf-8")
    return config


def serve_beside(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program("serve", "--data", str(data), "--port", "0", "--workers", "2"),
        env=bare({}),
        capture_output=True,
        text=True,
    )


# Serving, draining, dying.


def test_both_serve_and_a_signal_drains_both(start, gate: Gate) -> None:
    with start() as crew, ExitStack() as stack:
        begun = crew.streams(stack)
        crew.child.signal(signal.SIGTERM)
        refused(crew.child.port)
        assert crew.child.process.poll() is None
        gate.open()
        for dial, (_, _, body) in begun.items():
            assert events(body + dial.pieces())[-1] == "[DONE]"
        assert crew.child.wait() == 0
        assert crew.child.log == ""
        assert {pid for pid, _, _ in begun.values()} == set(crew.first)


def refused(port: int) -> None:
    """Returns when nobody listens any more."""
    while True:
        try:
            Dial(port).socket.close()
        except OSError:
            return


def test_a_second_signal_cuts_both(start, gate: Gate) -> None:
    with start() as crew, ExitStack() as stack:
        begun = crew.streams(stack)
        crew.child.signal(signal.SIGTERM)
        refused(crew.child.port)
        crew.child.signal(signal.SIGTERM)
        for dial, (_, _, body) in begun.items():
            assert events(body + dial.pieces())[-1]["error"]["code"] == "draining"
        assert crew.child.wait() == 0


@pytest.mark.parametrize("led", [True, False])
def test_one_is_killed_and_the_others_go_on(start, gate: Gate, led: bool) -> None:
    """Its holds are voided while the gateway serves, those of the living are not."""
    with start() as crew, ExitStack() as stack:
        begun = crew.streams(stack)
        leader = crew.leader()
        (other,) = set(crew.first) - {leader}
        dead, alive = (leader, other) if led else (other, leader)
        theirs = {id for pid, id, _ in begun.values() if pid == dead}
        others = {id for pid, id, _ in begun.values() if pid == alive}
        signal_to(dead, signal.SIGKILL)
        states = "SELECT id FROM hold WHERE state = ?"
        crew.until(lambda: theirs <= {id for (id,) in crew.rows(states, "voided")})
        assert {id for (id,) in crew.rows(states, "open")} == others
        outcome = "SELECT outcome, paid_nano FROM usage WHERE request_id = ?"
        for id in theirs:
            assert crew.rows(outcome, id) == [(REASON, 0)]
        crew.until(lambda: len(crew.child.workers()) == 2)
        assert alive in crew.child.workers() and dead not in crew.child.workers()
        assert crew.leader() != dead
        gate.open()
        for dial, (pid, _, body) in begun.items():
            if pid == alive:
                assert events(body + dial.pieces())[-1] == "[DONE]"
        # The new one serves too.
        crew.dial_each(stack, crew.child.workers())
        assert crew.child.stop() == 0
        assert "ended by SIGKILL; it is started again" in crew.child.log
        assert f"{len(theirs)} holds of a crashed gateway were voided" in crew.child.log


def figure(text: str, name: str) -> float:
    """The sum of a metric's series."""
    lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
    lines += [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def metrics(crew: Crew) -> str:
    with Dial(crew.child.port) as dial:
        return dial.ask(request("GET", "/metrics")).body.decode()


def test_metrics_add_up_also_when_one_is_killed(start, fake: FakeOpenAI) -> None:
    """What the dead one counted is neither lost nor counted twice."""
    with start() as crew, ExitStack() as stack:
        # Everybody serves, twice, and then one is gone.
        dials = crew.dial_each(stack, crew.first)
        for dial in dials.values():
            assert dial.ask(chat(crew.key, stream=True)).status == 200
        dead = crew.first[0]
        before = metrics(crew)
        signal_to(dead, signal.SIGKILL)
        crew.until(lambda: set(crew.child.workers()) != set(crew.first))
        crew.until(lambda: len(crew.child.workers()) == 2)
        crew.dial_each(stack, crew.child.workers())
        crew.until(lambda: figure(metrics(crew), "autolist_workers") == 2)
        ((served, paid_nano),) = crew.rows("SELECT count(*), sum(paid_nano) FROM usage")
        for text in (metrics(crew), metrics(crew), metrics(crew)):
            chats = [
                line
                for line in text.splitlines()
                if line.startswith('autolist_requests_total{endpoint="chat"')
            ]
            assert sum(float(line.rpartition(" ")[2]) for line in chats) == served
            assert figure(text, "autolist_charged_nanodollars_total") == paid_nano
            assert figure(text, "autolist_holds_open") == 0
        assert figure(before, "autolist_charged_nanodollars_total") < paid_nano


def signal_to(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)


def test_without_their_supervisor_they_drain_and_keep_others_out(
    start, gate: Gate, tmp_path: Path
) -> None:
    with start() as crew, ExitStack() as stack:
        begun = crew.streams(stack)
        crew.child.kill()
        refused(crew.child.port)
        second = serve_beside(crew.data)
        assert second.returncode == 2
        assert "another gateway runs on" in second.stderr
        gate.open()
        for dial, (_, _, body) in begun.items():
            assert events(body + dial.pieces())[-1] == "[DONE]"
        FileLock.take(crew.data / GATEWAY_LOCK).release()


def test_a_port_that_somebody_has_is_refused(start, tmp_path: Path) -> None:
    with start() as crew:
        second = subprocess.run(
            program(
                *["serve", "--data", str(tmp_path / "other"), "--workers", "2"],
                *["--port", str(crew.child.port)],
            ),
            env=bare({}),
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1
        assert "cannot listen" in second.stderr.splitlines()[-1]


# What holds over all of them.


def test_behind_a_stopped_writer_the_other_answers_503_and_recovers(
    start, fake: FakeOpenAI
) -> None:
    with start() as crew, ExitStack() as stack:
        dials = crew.dial_each(stack, crew.first)
        stopped, alive = crew.first
        ended = threading.Event()
        asking = threading.Thread(
            target=ask_until, args=(dials[stopped], crew.key, ended)
        )
        asking.start()
        stack.callback(asking.join)
        stack.callback(ended.set)
        stop_while_it_writes(crew.data, stopped)
        reply = dials[alive].ask(chat(crew.key))
        assert (reply.status, reply.error["code"]) == (503, "ledger_unavailable")
        assert dials[alive].ask(request("GET", "/healthz")).status == 200
        signal_to(stopped, signal.SIGCONT)
        reply = dials[alive].ask(chat(crew.key))
        while reply.status == 503:
            reply = dials[alive].ask(chat(crew.key))
        assert reply.status == 200


def ask_until(dial: Dial, key: str, ended: threading.Event) -> None:
    while not ended.is_set():
        assert dial.ask(chat(key)).status == 200


def stop_while_it_writes(data: Path, pid: int) -> None:
    """Stop it again and again, until it has the turn at that moment."""
    probe = Turns(data)
    try:
        while True:
            signal_to(pid, signal.SIGSTOP)
            if not probe.take(0.5):
                return
            probe.give()
            signal_to(pid, signal.SIGCONT)
    finally:
        probe.close()


def test_a_key_that_is_replaced_is_refused_by_all_within_a_second(start) -> None:
    with start() as crew, ExitStack() as stack:
        dials = crew.dial_each(stack, crew.first)
        with crew.child.visitor() as visitor:
            login(visitor)
            page = {"Origin": str(visitor.base_url).rstrip("/")}
            answer = visitor.post("/api/user.php?action=regenerate_key", headers=page)
            assert answer.status_code == 200, answer.text
        changed = time.monotonic()
        refused_by: set[int] = set()
        while refused_by != set(crew.first):
            for pid, dial in dials.items():
                asked = time.monotonic()
                reply = dial.ask(chat(crew.key))
                if reply.status == 401:
                    refused_by.add(pid)
                else:
                    assert reply.status == 200 and pid not in refused_by
                    assert asked - changed < STALE_SECONDS
        crew.key = answer.json()["data"]["api_key"]
        for dial in dials.values():
            assert dial.ask(chat(crew.key)).status == 200


def login(visitor: httpx.Client) -> None:
    answer = visitor.post(
        "/api/auth.php?action=login", json={"email": EMAIL, "password": "password"}
    )
    answer.raise_for_status()


def test_one_failed_audit_stops_the_admissions_of_all(start) -> None:
    with start() as crew, ExitStack() as stack:
        dials = crew.dial_each(stack, crew.first)
        FileAlarm(crew.data).sound("I6 transfer 3: its hash is not that of its content")
        for dial in dials.values():
            reply = dial.ask(request("GET", "/readyz"))
            while reply.status == 200:
                reply = dial.ask(request("GET", "/readyz"))
            assert reply.status == 503
            assert "I6 transfer 3" in reply.body.decode()
            assert dial.ask(chat(crew.key)).status == 503


# Five hundred at once over four processes.


async def post(port: int, data: bytes) -> Reply:
    """One answer over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data.replace(b"Host: gateway", b"Connection: close", 1))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    return Reply(int(head.split()[1]), {}, body)


async def crowd(crew: Crew, fake: FakeOpenAI, gate: Gate) -> list[Reply]:
    """The answers of all; who is admitted is answered after all others."""
    data = chat(crew.key, max_tokens=OUTPUT_TOKENS)
    asked = [
        asyncio.create_task(post(crew.child.port, data)) for _ in range(REQUESTS)
    ]
    refusals = []
    for answer in asyncio.as_completed(asked, timeout=WAIT_SECONDS):
        refusals.append(await answer)
        if len(refusals) == REQUESTS - AFFORDED:
            break
    await asyncio.to_thread(fake.wait_for, AFFORDED)
    assert len(fake.requests) == AFFORDED
    assert all(reply.status != 200 for reply in refusals)
    gate.open()
    return await asyncio.gather(*asked)


def worst_nano() -> tuple[int, int]:
    """What one such request holds, and for how many tokens of input."""
    settings = load(CONFIG, {})
    price = settings.prices.at("gpt-4o", time.clock_gettime_ns(time.CLOCK_REALTIME))
    assert price is not None
    ask = read_chat(ask_body(max_tokens=OUTPUT_TOKENS))
    quote = worst_case(ask, settings.models["gpt-4o"], price)
    return quote.amount_nano, quote.input_tokens


@pytest.fixture
def waiting(fake: FakeOpenAI, gate: Gate) -> Gate:
    """The provider answers nobody before the gate opens, and then with the worst."""
    _, input_tokens = worst_nano()
    usage = {
        "prompt_tokens": input_tokens,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": input_tokens + OUTPUT_TOKENS,
    }
    fake.always(Answer(usage=usage, edits=[after(0, gate)]))
    return gate


def codes(replies: list[Reply]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for reply in replies:
        code = "" if reply.status == 200 else reply.error["code"]
        found[reply.status, code] = found.get((reply.status, code), 0) + 1
    return found


def test_only_what_the_balance_covers_is_served(
    start, fake: FakeOpenAI, waiting: Gate
) -> None:
    amount_nano, _ = worst_nano()
    with start(4, welcome=f'"{dollars(AFFORDED * amount_nano)}"') as crew:
        replies = asyncio.run(crowd(crew, fake, waiting))
        assert codes(replies) == {
            (200, ""): AFFORDED,
            (402, "insufficient_balance"): REQUESTS - AFFORDED,
        }
        ((balance, pending),) = crew.rows(
            "SELECT credits_posted - debits_posted, debits_pending FROM account"
            " WHERE kind = 'user'"
        )
        assert (balance, pending) == (0, 0)
        served = crew.rows("SELECT DISTINCT boot_id FROM hold")
        assert 1 <= len(served) <= 4


def test_only_as_many_as_a_minute_allows_are_served(
    start, fake: FakeOpenAI, waiting: Gate
) -> None:
    with start(4, rpm=str(AFFORDED)) as crew:
        replies = asyncio.run(crowd(crew, fake, waiting))
        assert codes(replies) == {
            (200, ""): AFFORDED,
            (429, "rate_limit_exceeded"): REQUESTS - AFFORDED,
        }


def test_only_what_the_key_may_spend_is_served(
    start, fake: FakeOpenAI, waiting: Gate
) -> None:
    amount_nano, _ = worst_nano()
    with start(4) as crew:
        ((key_id,),) = crew.rows("SELECT id FROM key")
        total = dollars(AFFORDED * amount_nano)
        command(crew.data, "key", "limit", str(key_id), "--total", total)
        replies = asyncio.run(crowd(crew, fake, waiting))
        assert codes(replies) == {
            (200, ""): AFFORDED,
            (402, "key_budget_exceeded"): REQUESTS - AFFORDED,
        }
