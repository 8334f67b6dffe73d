"""A restart under load, as a service manager does it: nobody is refused, nothing lost.

The test holds the listening socket, as systemd does (docs/deploy/autolist.socket). A
gateway on SQLite has its ledger to itself, so the next one starts when the one before
has ended; who connects in between waits in the kernel's queue.
"""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from storage import engine_at
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import Dial, chat, events, said
from tests.scenarios.harness import environ_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CALLERS = 4
RESTARTS = 2
ANSWERS_BETWEEN = 40
WAIT_SECONDS = 60
BACKLOG = 128
DRAINING = (503, "draining")
ACTIVATE = 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'


class Activated(Child):
    """A gateway whose listening socket somebody else holds."""

    def __init__(
        self,
        held: socket.socket,
        data: Path,
        fake: FakeOpenAI,
        workers: int = 1,
        storage: str = "",
    ) -> None:
        environ = {**environ_of(fake), "AUTOLIST_STORAGE": storage}
        super().__init__(data, environ, "--workers", str(workers))
        self.shares = (held.fileno(),)

    @property
    def program(self) -> list[str]:
        (descriptor,) = self.shares
        return ["bash", "-c", ACTIVATE, str(descriptor), *super().program]


class Callers:
    """Programs that ask again and again, each time over a connection of its own."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.outcomes: list[tuple[int, str]] = []
        self.waits: list[float] = []
        self.ended = threading.Event()
        self.answered = threading.Condition()
        self.threads = [threading.Thread(target=self.ask) for _ in range(CALLERS)]

    def __enter__(self) -> "Callers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def ask(self) -> None:
        while not self.ended.is_set():
            began = time.monotonic()
            outcome = self.outcome()
            with self.answered:
                self.outcomes.append(outcome)
                self.waits.append(time.monotonic() - began)
                self.answered.notify_all()

    def outcome(self) -> tuple[int, str]:
        """Status and error code; status 0 and its kind for a connection that failed."""
        try:
            with Dial(self.port) as dial:
                dial.socket.settimeout(WAIT_SECONDS)
                reply = dial.ask(chat(self.key))
        except (OSError, EOFError) as error:
            return 0, type(error).__name__
        return reply.status, "" if reply.status == 200 else reply.error["code"]

    def until_more(self, count: int) -> None:
        with self.answered:
            wanted = len(self.outcomes) + count
            assert self.answered.wait_for(
                lambda: len(self.outcomes) >= wanted, WAIT_SECONDS
            )


@pytest.fixture
def held() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as held:
        yield held


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_is_refused_while_it_is_restarted(
    held: socket.socket, fake: FakeOpenAI, tmp_path: Path, workers: int
) -> None:
    data = tmp_path / "data"
    port = held.getsockname()[1]
    with ExitStack() as stack:
        gateway = stack.enter_context(Activated(held, data, fake, workers))
        assert gateway.port == port
        callers = Callers(port, gateway.register("user@example.com"))
        with callers:
            for _ in range(RESTARTS):
                callers.until_more(ANSWERS_BETWEEN)
                assert gateway.stop() == 0
                gateway = stack.enter_context(Activated(held, data, fake, workers))
            callers.until_more(ANSWERS_BETWEEN)
        assert gateway.stop() == 0
    check(callers, data)


def check(callers: Callers, data: Path, storage: str = "") -> None:
    """Everybody was served and charged once, or told to come again.

    That is who was accepted in the very last moment: one of each caller at most.
    """
    outcomes = callers.outcomes
    assert set(outcomes) <= {(200, ""), DRAINING}, outcomes
    assert outcomes.count(DRAINING) <= RESTARTS * CALLERS
    assert charged(data, storage) == outcomes.count((200, ""))
    prove(data, storage)


def charged(data: Path, storage: str) -> int:
    with engine_at(data, storage).snapshot() as snapshot:
        ((count,),) = snapshot.rows(
            "SELECT count(*) FROM usage WHERE outcome = 'complete'"
        )
        return int(count)


def test_gateways_on_one_server_take_over_from_each_other_while_both_run(
    held: socket.socket, fake: FakeOpenAI, tmp_path: Path, postgres_url: str
) -> None:
    """With the ledger in PostgreSQL the next one is there before the other goes."""
    data, next_data = tmp_path / "data", tmp_path / "next"
    with ExitStack() as stack:
        old = stack.enter_context(Activated(held, data, fake, storage=postgres_url))
        next_data.mkdir(mode=0o700)
        shutil.copy2(data / "secret", next_data)
        callers = Callers(old.port, old.register("user@example.com"))
        with callers:
            callers.until_more(ANSWERS_BETWEEN)
            new = Activated(held, next_data, fake, storage=postgres_url)
            stack.enter_context(new)
            callers.until_more(ANSWERS_BETWEEN)
            assert old.stop() == 0
            callers.until_more(ANSWERS_BETWEEN)
        assert new.stop() == 0
    check(callers, data, postgres_url)


def test_a_stream_ends_well_while_others_wait_for_the_next_gateway(
    held: socket.socket, fake: FakeOpenAI, tmp_path: Path
) -> None:
    data, port = tmp_path / "data", held.getsockname()[1]
    gate = Gate()
    with ExitStack() as stack:
        gateway = stack.enter_context(Activated(held, data, fake))
        key = gateway.register("user@example.com")
        fake.script(Answer(edits=[after(3, gate)]))
        streaming = stack.enter_context(Dial(port))
        streaming.send(chat(key, stream=True))
        status, _ = streaming.head()
        body = b""
        while said(events(body)) != "You said: ":
            body += streaming.piece()
        gateway.process.terminate()
        until_it_listens_no_more(gateway.port, held)
        waiting = stack.enter_context(Dial(port))
        waiting.send(chat(key))
        gate.open()
        assert events(body + streaming.pieces())[-1] == "[DONE]"
        assert (status, gateway.wait()) == (200, 0)
        stack.enter_context(Activated(held, data, fake))
        waiting.socket.settimeout(WAIT_SECONDS)
        assert waiting.reply().status == 200
    prove(data)


def until_it_listens_no_more(port: int, held: socket.socket) -> None:
    """Returns when nobody takes connections: then we can, without waiting for one."""
    held.setblocking(False)
    while True:
        with Dial(port) as probe:
            probe.send(b"GET /readyz HTTP/1.1\r\nHost: gateway\r\n\r\n")
            with suppress(TimeoutError):
                probe.socket.settimeout(0.2)
                if probe.fill():
                    continue
        with suppress(BlockingIOError):
            held.accept()[0].close()
            return
