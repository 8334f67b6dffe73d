"""The writer: batches, and each way in which a batch can go wrong."""

import asyncio
import os
import threading
from contextlib import contextmanager

import pytest

from config.gateway import LedgerSettings
from storage.accounts import set_account_status
from storage.errors import LedgerBusy, LedgerUnavailable
from storage.ids import Ids
from storage.ledger import Created, Granted, admit, topup
from storage.sqlite import (
    CHECKPOINT_PAGES,
    SqliteConnection,
    SqliteEngine,
    open_reader,
    open_writer,
)
from storage.writer import Writer
from tests.storage.faulty_disk import FaultyDisk
from tests.storage.teller import NANO, REFUSED, ask

BOOT_ROW = "INSERT INTO boot (id, pid, host, started_ns) VALUES (?1, 1, ?2, 1)"


class Boom(Exception):
    """What no verb of ours raises."""


def boom(db):
    db.sql("UPDATE account SET status = 'blocked' WHERE kind = 'user'")
    raise Boom


def nothing(db):
    return None


@contextmanager
def held_up(writer):
    """The writer is inside a verb for the length of the block: the rest waits."""
    entered, leave = threading.Event(), threading.Event()

    def hold_up(db):
        entered.set()
        leave.wait()

    thread = threading.Thread(target=writer.wait, args=(hold_up,))
    thread.start()
    entered.wait()
    try:
        yield
    finally:
        leave.set()
        thread.join()


@contextmanager
def locked_elsewhere(storage):
    """Somebody else writes, for the length of the block."""
    connection = storage.engine.connect(checked=False)
    connection.begin()
    try:
        yield
    finally:
        connection.roll_back()
        connection.abandon()


def tasks(storage, verbs):
    return [asyncio.ensure_future(storage.writer.run(verb)) for verb in verbs]


async def queued(storage, verbs):
    """Tasks whose verbs are in the queue."""
    begun = tasks(storage, verbs)
    await asyncio.sleep(0)
    return begun


def test_wait_answers_with_what_the_verb_returns(storage):
    assert storage.writer.wait(lambda db, a, b: (a, b), 1, b=2) == (1, 2)


async def test_run_answers_with_what_the_verb_returns(storage):
    assert await storage.writer.run(lambda db, a, b: (a, b), 1, b=2) == (1, 2)


def test_wait_raises_what_the_verb_raises(storage):
    with pytest.raises(Boom):
        storage.writer.wait(boom)


async def test_what_waits_together_is_committed_together(storage):
    before = storage.writer.statistics()
    with held_up(storage.writer):
        waiting = await queued(storage, [nothing] * 300)
    await asyncio.gather(*waiting)
    after = storage.writer.statistics()
    assert after.operations - before.operations == 301
    assert after.batches - before.batches == 1 + 3
    assert after.largest_batch == 128


async def test_verbs_run_in_the_order_they_were_asked(storage):
    order = []
    verbs = [lambda db, n=n: order.append(n) for n in range(300)]
    with held_up(storage.writer):
        waiting = await queued(storage, verbs)
    await asyncio.gather(*waiting)
    assert order == sorted(order)


class Watching:
    """Counts batches; at the first one it fails."""

    def __init__(self):
        self.batches, self.failures = [], 0

    def committed(self, operations, commit_ns):
        self.batches.append((operations, commit_ns >= 0))
        if len(self.batches) == 1:
            raise Boom

    def failed(self):
        self.failures += 1


async def test_who_watches_is_told_of_each_batch_and_harms_none(storage):
    watching = storage.writer.watcher = Watching()
    with held_up(storage.writer):
        waiting = await queued(storage, [nothing] * 5)
    assert await asyncio.gather(*waiting) == [None] * 5
    # Told after the answers: another round shows that the last one was.
    await storage.writer.run(nothing)
    await storage.writer.run(nothing)
    assert watching.batches[:3] == [(1, True), (5, True), (1, True)]
    assert watching.failures == 0


async def test_who_watches_is_told_of_a_batch_that_failed(storage):
    watching = storage.writer.watcher = Watching()
    with locked_elsewhere(storage), pytest.raises(LedgerUnavailable):
        await storage.writer.run(nothing)
    await storage.writer.run(nothing)
    assert watching.failures == 1


async def test_a_poisoned_verb_fails_alone(teller, storage):
    caller = teller.caller()
    verbs = [nothing, boom, lambda db: admit(db, ask(caller, "r1", NANO)), boom]
    with held_up(storage.writer):
        waiting = await queued(storage, verbs)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[0] is None
    assert isinstance(answers[1], Boom) and isinstance(answers[3], Boom)
    # Also: what the poisoned one wrote before it raised is undone.
    assert isinstance(answers[2], Granted)
    assert teller.available(caller) == 9 * NANO


async def test_a_constraint_stops_its_verb_only(teller, storage):
    caller = teller.caller(NANO)

    def overdraw(db):
        db.sql("UPDATE account SET debits_posted = credits_posted + 1 WHERE id > 4")

    with held_up(storage.writer):
        waiting = await queued(
            storage,
            [overdraw, lambda db: topup(db, caller.account_id, 1, "test", "1")],
        )
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], REFUSED)
    assert answers[1] == Created("topup:test:1", NANO + 1)


async def test_a_full_queue_refuses_at_once(storage, settings):
    with held_up(storage.writer):
        waiting = await queued(storage, [nothing] * settings.queue_max)
        with pytest.raises(LedgerBusy):
            await storage.writer.run(nothing)
        assert storage.writer.statistics().queued == settings.queue_max
    await asyncio.gather(*waiting)
    assert await storage.writer.run(nothing) is None


async def test_a_locked_file_is_unavailable_until_it_is_free(teller, storage):
    caller = teller.caller()
    verbs = [lambda db, n=n: admit(db, ask(caller, f"r{n}", 1)) for n in range(300)]
    with locked_elsewhere(storage):
        answers = await asyncio.gather(
            *tasks(storage, verbs), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {LedgerUnavailable}
        assert not storage.writer.statistics().healthy
    answers = await asyncio.gather(*tasks(storage, verbs))
    assert {type(answer) for answer in answers} == {Granted}
    assert storage.writer.statistics().healthy


async def test_nobody_waits_longer_for_a_locked_file_than_one_timeout(
    only_sqlite, storage
):
    """All that waits when the lock is given up on is answered, not one batch of it."""
    before = storage.writer.statistics().failures
    with held_up(storage.writer):
        waiting = await queued(storage, [nothing] * 900)
        other = open_writer(storage.engine.path, 1)
        taken = asyncio.ensure_future(
            asyncio.to_thread(lambda: other.execute("BEGIN IMMEDIATE"))
        )
        other.set_busy_timeout(10_000)
    # Whoever gets the lock first, the other side gets it or an answer.
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await taken
    other.execute("ROLLBACK")
    other.close()
    failed = [answer for answer in answers if answer is not None]
    assert all(isinstance(answer, LedgerUnavailable) for answer in failed)
    assert storage.writer.statistics().failures - before <= 1


async def test_the_loop_stays_free_while_the_file_is_locked(storage):
    with locked_elsewhere(storage):
        waiting = asyncio.ensure_future(storage.writer.run(nothing))
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0)
            turns += 1
    assert isinstance(waiting.exception(), LedgerUnavailable)
    assert turns > 10


def fill(storage):
    """Rows until the disk says no."""
    for _ in range(10_000):
        storage.writer.wait(
            lambda db: db.sql(BOOT_ROW, (db.ids.make("b"), "x" * 2000))
        )


def test_a_full_disk_is_unavailable_until_there_is_space(only_sqlite, teller, storage):
    caller = teller.caller()
    ((pages,),) = teller.sql("PRAGMA page_count")
    teller.sql(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(LedgerUnavailable, match="full"):
        fill(storage)
    with pytest.raises(LedgerUnavailable):
        fill(storage)
    assert teller.audit() == []
    teller.sql(f"PRAGMA max_page_count = {pages + 5000}")
    assert isinstance(teller.admit(caller, "r1", NANO), Granted)


@pytest.fixture
def disk():
    disk = FaultyDisk("faulty")
    yield disk
    disk.unregister()


@pytest.fixture
def on_faulty_disk(storage, clock, settings, disk):
    """A second writer on the storage's file, over a disk that can be broken."""
    writer = Writer(
        SqliteEngine(
            storage.engine.path, settings.busy_seconds, checkpoints=True, vfs=disk.name
        ),
        settings,
        clock,
        Ids(clock),
        storage.boot_id,
        on_keys_changed=lambda: None,
    )
    writer.start()
    yield writer
    disk.broken = False
    writer.close()


def test_a_commit_that_fails_can_be_repeated_by_the_same_id(
    only_sqlite, teller, on_faulty_disk, disk
):
    caller = teller.caller(0)
    args = (topup, caller.account_id, NANO, "test", "1")
    on_faulty_disk.wait(nothing)
    disk.broken = True
    with pytest.raises(LedgerUnavailable, match="dying"):
        on_faulty_disk.wait(*args)
    assert not on_faulty_disk.statistics().healthy
    with pytest.raises(LedgerUnavailable):
        on_faulty_disk.wait(*args)
    disk.broken = False
    on_faulty_disk.wait(*args)
    assert teller.available(caller) == NANO
    assert on_faulty_disk.statistics().healthy
    assert disk.failures


def test_only_a_real_write_shows_that_a_disk_is_well_again(
    only_sqlite, teller, on_faulty_disk, disk
):
    """An empty transaction commits on any disk."""
    teller.caller()
    on_faulty_disk.wait(nothing)
    disk.broken = True
    with pytest.raises(LedgerUnavailable):
        on_faulty_disk.wait(lambda db: set_account_status(db, 5, "blocked"))
    with pytest.raises(LedgerUnavailable):
        on_faulty_disk.wait(nothing)
    assert not on_faulty_disk.statistics().healthy
    disk.broken = False
    on_faulty_disk.wait(nothing)
    assert on_faulty_disk.statistics().healthy


def test_after_a_failed_commit_the_file_is_checked_before_it_is_used(
    only_sqlite, teller, on_faulty_disk, disk, storage
):
    teller.caller()
    on_faulty_disk.wait(nothing)
    disk.broken = True
    with pytest.raises(LedgerUnavailable):
        on_faulty_disk.wait(lambda db: set_account_status(db, 5, "blocked"))
    disk.broken = False
    # A schema that lies about its rows: what quick_check is for.
    teller.sql("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2) WHERE name = ?3"
    teller.sql(change, ("('user', 'house')", "('house')", "account"))
    with pytest.raises(LedgerUnavailable, match="damaged"):
        on_faulty_disk.wait(nothing)
    teller.sql(change, ("('house')", "('user', 'house')", "account"))
    teller.sql("PRAGMA writable_schema = RESET")
    assert on_faulty_disk.wait(nothing) is None


async def test_a_cancelled_caller_does_not_stop_its_verb(teller, storage):
    caller = teller.caller()
    with held_up(storage.writer):
        (waiting,) = await queued(
            storage, [lambda db: admit(db, ask(caller, "r1", NANO))]
        )
        waiting.cancel()
    await storage.writer.run(nothing)
    assert teller.count("hold") == 1


def test_answers_for_a_loop_that_is_gone_are_let_go(teller, storage):
    caller = teller.caller()
    loop = asyncio.new_event_loop()

    async def leave():
        asyncio.ensure_future(
            storage.writer.run(lambda db: admit(db, ask(caller, "r1", NANO)))
        )
        await asyncio.sleep(0)

    with held_up(storage.writer):
        loop.run_until_complete(leave())
        (left,) = asyncio.all_tasks(loop)
        left.cancel()
        loop.run_until_complete(asyncio.gather(left, return_exceptions=True))
        loop.close()
    assert storage.writer.wait(nothing) is None
    assert teller.count("hold") == 1


async def test_close_answers_what_waits_and_refuses_what_comes(open_ledger):
    storage = open_ledger()
    with held_up(storage.writer):
        waiting = await queued(storage, [nothing] * 10)
        closing = asyncio.ensure_future(asyncio.to_thread(storage.close))
    assert await asyncio.gather(*waiting) == [None] * 10
    await closing
    with pytest.raises(LedgerUnavailable, match="closed"):
        await storage.writer.run(nothing)


def wal_bytes(storage):
    return os.stat(f"{storage.engine.path}-wal").st_size


def write_pages(storage, pages):
    def write(db):
        for _ in range(50):
            text = "x" * 4000
            db.sql(BOOT_ROW, (db.ids.make("b"), text))

    for _ in range(pages // 50):
        storage.writer.wait(write)


def test_the_wal_does_not_grow_without_end(only_sqlite, storage):
    write_pages(storage, 10 * CHECKPOINT_PAGES)
    assert storage.writer.statistics().checkpoints >= 8
    assert wal_bytes(storage) < 3 * CHECKPOINT_PAGES * 4096


def test_an_old_snapshot_does_not_stop_the_writer(only_sqlite, storage):
    reader = open_reader(storage.engine.path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM boot").fetchall()
    write_pages(storage, 4 * CHECKPOINT_PAGES)
    # One try for each thousand pages, not one for each commit.
    assert storage.writer.statistics().checkpoints <= 8
    reader.close()
    write_pages(storage, 2 * CHECKPOINT_PAGES)
    assert storage.writer.statistics().wal_pages < 2 * CHECKPOINT_PAGES


def test_close_leaves_an_empty_wal(only_sqlite, open_ledger):
    storage = open_ledger()
    watcher = open_reader(storage.engine.path)
    watcher.execute("SELECT count(*) FROM boot").fetchall()
    write_pages(storage, 500)
    assert wal_bytes(storage) > 0
    storage.close()
    assert wal_bytes(storage) == 0
    watcher.close()


def test_changed_keys_are_told_after_the_commit(storage, clock, settings):
    told = []
    writer = Writer(
        storage.engine,
        LedgerSettings(),
        clock,
        storage.ids,
        storage.boot_id,
        on_keys_changed=lambda: told.append(storage.reader.revision()),
    )
    writer.start()
    before = storage.reader.revision()
    writer.wait(nothing)
    assert told == []

    def change(db):
        db.sql("UPDATE account SET status = 'open'")
        db.keys_changed()

    writer.wait(change)
    writer.close()
    assert len(told) == 1 and told[0] > before


def test_a_listener_that_fails_costs_nobody_an_answer(storage, clock, settings):
    def fail():
        raise Boom

    writer = Writer(
        storage.engine,
        settings,
        clock,
        storage.ids,
        storage.boot_id,
        on_keys_changed=fail,
    )
    writer.start()
    writer.wait(lambda db: db.keys_changed())
    assert writer.wait(lambda db: 7) == 7
    writer.close()


class Weary(SqliteEngine):
    """Its upkeep fails by something that is no fault of the file."""

    def connect(self, *, checked=False):
        return WearyConnection(open_writer(self.path, self.busy_seconds), self)


class WearyConnection(SqliteConnection):
    def idle(self):
        raise RuntimeError("can't start new thread")


def test_upkeep_that_fails_ends_no_thread(only_sqlite, storage, clock, settings):
    writer = Writer(
        Weary(storage.engine.path),
        settings,
        clock,
        storage.ids,
        storage.boot_id,
        on_keys_changed=lambda: None,
    )
    writer.start()
    for _ in range(2):
        assert writer.wait(lambda db: 7) == 7
    writer.close()


def test_a_file_that_cannot_even_be_opened_ends_no_thread(tmp_path, clock, settings):
    """Whatever opening raises, who asks is answered, and the next one is too."""
    path = tmp_path / "elsewhere" / "autolist.db"
    writer = Writer(
        SqliteEngine(path, vfs="no such file system"),
        settings,
        clock,
        Ids(clock),
        "boot_1",
        on_keys_changed=lambda: None,
    )
    writer.start()
    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            writer.wait(nothing)
    writer.close()
