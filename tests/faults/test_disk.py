"""7–11: a disk that loses, is full, is locked, or dies under a commit."""

import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from config.gateway import LedgerSettings
from config.money import dollars
from config.settings import Settings
from storage import DATABASE, open_storage
from storage.audit import audit
from storage.database import Ledgerbase
from storage.errors import LedgerUnavailable
from storage.ledger import admit, settle, topup
from storage.sqlite import SqliteEngine, open_writer
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.postgres_line import COMMIT, PostgresLine
from tests.faults.conftest import Lab, Start, written
from tests.faults.disk import Disk, SmallDisk, dying_disk, small_disk
from tests.faults.marked_line import rerouted
from tests.faults.neighbour import Neighbour
from tests.postgres import Databases
from tests.scenarios.child import bare, program
from tests.scenarios.dial import Dial, Reply, chat, request
from tests.scenarios.harness import Caller, Gateway, environ_of
from tests.storage.teller import NANO, PRICE, Teller, ask, settlement

TEN_DOLLARS = 10 * NANO
COST_NANO = 65_000
CUTS = 150
OTHER_ROUTES = ["/healthz", "/public/login.html", "/public/register.html"]


def quick(settings: Settings) -> Settings:
    """What cannot be written is given up and tried again at once."""
    ledger = replace(settings.ledger, busy_seconds=0.1, recover_seconds=0.05)
    return replace(settings, ledger=ledger)


def get(gateway: Gateway, target: str) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(request("GET", target))


def post(gateway: Gateway, caller: Caller, **parameters: object) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(chat(caller.key, **parameters))


def refused(reply: Reply) -> None:
    assert (reply.status, reply.error["code"]) == (503, "ledger_unavailable")
    assert reply.headers["retry-after"] == "1"


# 7. Power loss, as far as a program can play it: a log that ends anywhere.


class History:
    """Commits of several verbs each; what the file said, and how long its log was,
    after each of them."""

    def __init__(self, data: Path, dice: random.Random) -> None:
        self.storage = open_storage(
            data, LedgerSettings(), gateway=True, prices=[PRICE]
        )
        self.teller = Teller(self.storage)
        self.caller = self.teller.caller(TEN_DOLLARS)
        self.open: list[str] = []
        self.path = data / DATABASE
        self.log = data / f"{DATABASE}-wal"
        self.ends = [self.log.stat().st_size]
        self.states = [state(self.path)]
        for number in range(60):
            verbs = dice.randint(1, 6)
            self.teller.do(self.commit, number, verbs, dice)
            self.ends.append(self.log.stat().st_size)
            self.states.append(state(self.path))

    def commit(self, db, number: int, verbs: int, dice: random.Random) -> None:
        for step in range(verbs):
            name = f"{number}-{step}"
            if self.open and dice.random() < 0.4:
                settle(db, settlement(self.open.pop(), dice.randint(1, 1000)))
            elif dice.random() < 0.5:
                admit(db, ask(self.caller, name, 1000))
                self.open.append(name)
            else:
                topup(db, self.caller.account_id, 1, "test", name)

    def copy(self, place: Path) -> Path:
        """The file as a power cut would find it: the log, and no index over it."""
        place.mkdir()
        shutil.copy(self.path, place / DATABASE)
        shutil.copy(self.log, place / f"{DATABASE}-wal")
        return place

    def whole(self, offset: int) -> int:
        """How many commits end before this offset of the log: nobody can lose those."""
        return sum(end <= offset for end in self.ends)


def state(path: Path) -> list[tuple]:
    """All that a commit may change, from the file as it is now."""
    # Who writes may read a log that nobody has opened since it was torn.
    writer = open_writer(path, 1)
    try:
        with SqliteEngine(path).snapshot() as snapshot:
            assert audit(snapshot) == []
            return [
                *snapshot.rows("SELECT id, hash FROM transfer ORDER BY seq"),
                *snapshot.rows("SELECT id, state FROM hold ORDER BY id"),
            ]
    finally:
        writer.close()


def cut(log: Path, offset: int, dice: random.Random) -> None:
    with log.open("r+b") as file:
        file.truncate(offset)


def scribble(log: Path, offset: int, dice: random.Random) -> None:
    with log.open("r+b") as file:
        file.seek(offset)
        file.write(dice.randbytes(dice.randint(1, 5000)))


def blank(log: Path, offset: int, dice: random.Random) -> None:
    """The length was written and the content was not."""
    size = log.stat().st_size
    with log.open("r+b") as file:
        file.truncate(offset)
        file.truncate(size)


@pytest.mark.parametrize("tear", [cut, scribble, blank])
def test_07_a_torn_log_is_an_exact_prefix_of_the_commits(
    tmp_path: Path, tear: Callable[[Path, int, random.Random], None]
) -> None:
    dice = random.Random(7)
    history = History(tmp_path / "data", dice)
    # One commit more or less shows, or a prefix would prove nothing.
    assert len({str(state) for state in history.states}) == len(history.states)
    lengths = set()
    for number in range(CUTS):
        torn = history.copy(tmp_path / str(number))
        log = torn / f"{DATABASE}-wal"
        offset = dice.randint(history.ends[0], history.ends[-1] - 1)
        tear(log, offset, dice)
        found = state(torn / DATABASE)
        kept = 1 + history.states.index(found)
        assert kept >= history.whole(offset), f"acknowledged, and lost at {offset}"
        lengths.add(kept)
        shutil.rmtree(torn)
    # Cuts all over the log, or they would have proved little.
    assert len(lengths) > 25
    history.storage.close()


def test_07_a_gateway_starts_from_a_torn_log(tmp_path: Path) -> None:
    dice = random.Random(77)
    history = History(tmp_path / "data", dice)
    for number in range(10):
        torn = history.copy(tmp_path / str(number))
        shutil.copy(history.path.parent / "secret", torn / "secret")
        offset = dice.randint(history.ends[0], history.ends[-1] - 1)
        cut(torn / f"{DATABASE}-wal", offset, dice)
        storage = open_storage(torn, LedgerSettings(), gateway=True, prices=[PRICE])
        teller = Teller(storage)
        assert storage.reader.open_holds() == []
        assert teller.audit() == []
        teller.admit(history.caller, "new", 1)
        teller.settle("new", 1)
        storage.close()
    history.storage.close()


# 8 and 9. A full disk.


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small", 8 * 2**20) as disk:
        yield disk


class Full(NamedTuple):
    """A gateway whose disk can be filled and cleared."""

    gateway: Gateway
    fill: Callable[[], None]
    clear: Callable[[], None]


@pytest.fixture
def on_tmpfs(tmpfs: SmallDisk, fake: FakeOpenAI) -> Iterator[Full]:
    with Gateway(tmpfs.path, environ_of(fake), change=quick) as gateway:
        yield Full(gateway, tmpfs.fill, tmpfs.clear)
        gateway.prove()


@pytest.fixture
def in_few_pages(fake: FakeOpenAI, tmp_path: Path) -> Iterator[Full]:
    """No privileges needed: SQLite itself says that no page more may be had."""
    with Gateway(tmp_path, environ_of(fake), change=quick) as gateway:
        yield paged(gateway)
        gateway.prove()


def paged(gateway: Gateway) -> Full:
    def pages(most: int) -> None:
        def allow(db: Ledgerbase) -> None:
            db.sql(f"PRAGMA max_page_count = {most}")

        # A charge that is tried again in the same batch may find the disk full first.
        for _ in range(100):
            with suppress(LedgerUnavailable):
                return gateway.storage.writer.wait(allow)

    return Full(gateway, lambda: pages(1), lambda: pages(10**6))


@pytest.fixture(params=["on_tmpfs", "in_few_pages"])
def full(request: pytest.FixtureRequest) -> Full:
    made: Full = request.getfixturevalue(request.param)
    return made


def until_refused(gateway: Gateway, caller: Caller) -> int:
    """How many were served before there was no room for one more."""
    for served in range(500):
        reply = post(gateway, caller)
        if reply.status != 200:
            refused(reply)
            return served
    raise AssertionError("the disk is never full")


def test_08_a_full_disk_admits_nobody_until_there_is_room(
    full: Full, fake: FakeOpenAI
) -> None:
    gateway = full.gateway
    caller = gateway.caller()
    assert post(gateway, caller).status == 200
    full.fill()
    served = 1 + until_refused(gateway, caller)
    assert len(fake.requests) == served
    for target in OTHER_ROUTES:
        assert get(gateway, target).status == 200
    full.clear()
    assert post(gateway, caller).status == 200
    assert get(gateway, "/readyz").status == 200
    written(gateway)
    paid = [one.paid_nano for one in gateway.charges(caller) if one.paid_nano]
    assert paid == [COST_NANO] * (served + 1)


@pytest.mark.parametrize("stream", [False, True])
def test_09_a_full_disk_keeps_no_answer_back_and_charges_it_once(
    on_tmpfs: Full,
    fake: FakeOpenAI,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = on_tmpfs.gateway
    caller = gateway.caller()
    gate = Gate()
    fake.script(Answer(edits=[after(0, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        fake.wait_for(1)
        on_tmpfs.fill()
        gate.open()
        reply = dial.reply()
    assert reply.status == 200
    assert f'"cost":{dollars(COST_NANO)}}}' in reply.body.decode()
    assert len(gateway.storage.reader.open_holds()) == 1
    refused(post(gateway, caller))
    assert len(fake.requests) == 1
    on_tmpfs.clear()
    written(gateway)
    (charge,) = gateway.charges(caller)
    assert charge.paid_nano == COST_NANO
    assert gateway.available_nano(caller) == TEN_DOLLARS - COST_NANO


def test_08_a_full_disk_is_not_ready_until_there_is_room(on_tmpfs: Full) -> None:
    """Nothing but a real write can tell: an empty one needs no room."""
    gateway = on_tmpfs.gateway
    caller = gateway.caller()
    assert get(gateway, "/readyz").status == 200
    on_tmpfs.fill()
    for _ in range(3):
        refused(post(gateway, caller))
        assert get(gateway, "/readyz").status == 503
    on_tmpfs.clear()
    assert get(gateway, "/readyz").status == 200


# 10. A file that somebody else holds.


@pytest.fixture
def locker(request: pytest.FixtureRequest) -> Iterator[Callable[[Gateway], Neighbour]]:
    """Another process that takes the file for itself."""
    started: list[Neighbour] = []

    def lock(gateway: Gateway) -> Neighbour:
        neighbour = Neighbour("lock", gateway.data, gateway.settings.storage).ready()
        started.append(neighbour)
        return neighbour

    yield lock
    for neighbour in started:
        neighbour.kill()


def asked_meanwhile(gateway: Gateway, asking: threading.Thread) -> int:
    """How many other requests are answered, one after the other, while one waits."""
    count = 0
    asking.start()
    with Dial(gateway.port) as dial:
        while asking.is_alive():
            target = OTHER_ROUTES[count % len(OTHER_ROUTES)]
            assert dial.ask(request("GET", target)).status == 200
            count += 1
    return count


@pytest.mark.parametrize(
    ("change", "busy_seconds", "asks"),
    [
        (quick, 0.1, 2),
        pytest.param(
            lambda settings: settings,
            2.0,
            5,
            # As it is shipped, for the ten seconds of the specification.
            marks=[pytest.mark.slow, pytest.mark.timeout(120)],
        ),
    ],
    ids=["quick", "shipped"],
)
def test_10_a_locked_file_holds_up_nobody_who_needs_no_money(
    start: Start,
    fake: FakeOpenAI,
    locker: Callable[[Gateway], Neighbour],
    change: Callable[[Settings], Settings],
    busy_seconds: float,
    asks: int,
) -> None:
    gateway = start(change=change)
    caller = gateway.caller()
    assert post(gateway, caller).status == 200
    neighbour = locker(gateway)
    replies: list[Reply] = []

    def ask_again_and_again() -> None:
        for _ in range(asks):
            replies.append(post(gateway, caller))

    asking = threading.Thread(target=ask_again_and_again)
    answered = asked_meanwhile(gateway, asking)
    for reply in replies:
        refused(reply)
    # Each took less than 50 ms: so many in a time that lasted at least this long.
    assert answered >= asks * busy_seconds / 0.05
    assert len(fake.requests) == 1
    neighbour.go()
    neighbour.end()
    assert post(gateway, caller).status == 200
    assert get(gateway, "/readyz").status == 200
    written(gateway)
    assert gateway.available_nano(caller) == TEN_DOLLARS - 2 * COST_NANO


# 11. A disk that dies under a commit, and a file that is not what it was.


@pytest.fixture
def disk() -> Iterator[Disk]:
    with dying_disk() as disk:
        yield disk


@pytest.fixture
def dying(disk: Disk, fake: FakeOpenAI, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over that disk; closed before the disk is taken from under it."""
    with Gateway(tmp_path, environ_of(fake), change=quick) as gateway:
        yield gateway
        gateway.prove()


@pytest.mark.parametrize("commit", [1, 2, 3])
def test_11_a_commit_that_failed_is_not_served_and_not_charged(
    dying: Gateway, disk: Disk, fake: FakeOpenAI, commit: int
) -> None:
    """The first, second or third commit from now: a hold, its settle, the next hold."""
    caller = dying.caller()
    first = disk.flushes + commit
    disk.fails = lambda number: number == first
    replies = [post(dying, caller) for _ in range(3)]
    assert disk.failures == 1
    served = [reply for reply in replies if reply.status == 200]
    assert len(served) == len(fake.requests) == (3 if commit == 2 else 2)
    for reply in replies:
        if reply not in served:
            refused(reply)
    written(dying)
    dying.settled()
    assert dying.available_nano(caller) == TEN_DOLLARS - len(served) * COST_NANO


def test_11_a_dead_disk_is_red_until_it_lives_again(
    dying: Gateway,
    disk: Disk,
    fake: FakeOpenAI,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caller = dying.caller()
    assert post(dying, caller).status == 200
    disk.break_down()
    for _ in range(5):
        refused(post(dying, caller))
        assert get(dying, "/readyz").status == 503
    assert len(fake.requests) == 1
    assert not dying.storage.writer.statistics().healthy
    disk.mend()
    assert get(dying, "/readyz").status == 200
    assert post(dying, caller).status == 200
    written(dying)
    assert dying.available_nano(caller) == TEN_DOLLARS - 2 * COST_NANO
    assert "the ledger cannot write: the disk is dying" in caplog.messages


def flip(data: Path) -> None:
    """Every page of the file's middle is overwritten in part."""
    path = data / DATABASE
    stored = bytearray(path.read_bytes())
    for at in range(3 * 4096, len(stored), 4096):
        stored[at : at + 200] = b"\xff" * 200
    path.write_bytes(stored)


def behead(data: Path) -> None:
    """The first page is somebody else's."""
    path = data / DATABASE
    path.write_bytes(b"a letter to my landlord " * 500 + path.read_bytes()[12_000:])


def rob(data: Path) -> None:
    """The file is whole, and somebody gave himself money."""
    connection = apsw.Connection(str(data / DATABASE))
    connection.execute(
        "UPDATE account SET credits_posted = credits_posted + 1 WHERE kind = 'user'"
    )
    connection.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (flip, "restore a backup"),
        (behead, "restore a backup"),
        (rob, "nothing is served: I"),
    ],
)
def test_11_a_file_that_is_not_what_it_was_is_not_served(
    lab: Lab, only_sqlite: None, harm: Callable[[Path], None], said: str
) -> None:
    harm(lab.data)
    done = subprocess.run(
        program("serve", "--data", str(lab.data), "--port", "0"),
        env=bare(environ_of(lab.fake)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


# The same where the disk is somebody else's: a PostgreSQL server.


@pytest.mark.parametrize("arrives", [False, True], ids=["lost", "done"])
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_11_a_commit_that_nobody_answered_is_charged_once(
    postgres_url: str, fake: FakeOpenAI, tmp_path: Path, commit: int, arrives: bool
) -> None:
    """The line breaks at a commit: of a hold, of its settle, of the next hold; the
    server has done it, or never heard of it."""
    server, url = rerouted(postgres_url)
    with PostgresLine(server) as line:
        environ = environ_of(fake, url.format(port=line.port))
        with Gateway(tmp_path, environ, change=quick) as gateway:
            caller = gateway.caller()
            replies = [post(gateway, caller) for _ in range(commit // 2)]
            gate = Gate()
            fake.script(Answer(edits=[after(0, gate)]))
            if commit != 2:
                line.cut_at(COMMIT, arrives=arrives)
            with Dial(gateway.port) as dial:
                dial.send(chat(caller.key))
                if commit == 2:
                    fake.wait_for(len(replies) + 1)
                    line.cut_at(COMMIT, arrives=arrives)
                gate.open()
                replies.append(dial.reply())
            replies.append(post(gateway, caller))
            assert line.cuts == 1
            served = [reply for reply in replies if reply.status == 200]
            for reply in replies:
                if reply not in served:
                    refused(reply)
            gateway.settled()
            written(gateway)
            paid_nano = TEN_DOLLARS - gateway.available_nano(caller)
            assert paid_nano == len(served) * COST_NANO
            gateway.prove()


def test_08_a_server_that_is_away_admits_nobody_until_it_is_back(
    databases: Databases, postgres_url: str, fake: FakeOpenAI, tmp_path: Path
) -> None:
    environ = environ_of(fake, postgres_url)
    with Gateway(tmp_path, environ, change=quick) as gateway:
        caller = gateway.caller()
        assert post(gateway, caller).status == 200
        databases.cluster.stop("immediate")
        try:
            for _ in range(2):
                refused(post(gateway, caller))
                assert get(gateway, "/readyz").status == 503
            assert get(gateway, "/healthz").status == 200
            assert len(fake.requests) == 1
        finally:
            databases.cluster.start()
        while get(gateway, "/readyz").status != 200:
            pass
        assert post(gateway, caller).status == 200
        written(gateway)
        gateway.settled()
        assert gateway.available_nano(caller) == TEN_DOLLARS - 2 * COST_NANO
        gateway.prove()
