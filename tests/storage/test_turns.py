"""Turns: one at a time, in the order they came, and never behind the dead."""

import fcntl
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from storage.turns import Turns

ROOT = Path(__file__).parents[2]
LONG_SECONDS = 20.0
SHORT_SECONDS = 0.05

HOLDER = """
import sys
from pathlib import Path
from storage.turns import Turns
turns = Turns(Path(sys.argv[1]))
assert turns.take(20.0)
print("held", flush=True)
sys.stdin.readline()
turns.give()
print("given", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def join(tmp_path: Path, queue: ExitStack):
    """One more that writes; each has its own open files, as a process has."""

    def join() -> Turns:
        turns = Turns(tmp_path)
        queue.callback(turns.close)
        return turns

    return join


@contextmanager
def holder(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, whose turn it is."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str]) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def until_somebody_is_next(data: Path) -> None:
    """Returns when one who waits has the place that only one can have."""
    with (data / "next.lock").open() as file:
        free = True
        while free:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(file, fcntl.LOCK_UN)
            except BlockingIOError:
                free = False


def test_a_turn_is_had_by_one_at_a_time(join):
    first, second = join(), join()
    assert first.take(LONG_SECONDS)
    assert not second.take(SHORT_SECONDS)
    first.give()
    assert second.take(LONG_SECONDS)
    assert not first.take(0.0)


def test_giving_what_is_not_ours_changes_nothing(join):
    first, second = join(), join()
    assert first.take(LONG_SECONDS)
    second.give()
    assert not second.take(0.0)
    first.give()
    first.give()
    assert second.take(LONG_SECONDS)


def test_who_has_just_written_comes_after_who_waited(tmp_path: Path, join):
    eager, patient = join(), join()
    order: list[str] = []

    def wait() -> None:
        assert patient.take(LONG_SECONDS)
        order.append("patient")
        patient.give()

    for turn in range(1, 101):
        assert eager.take(LONG_SECONDS)
        waiting = threading.Thread(target=wait)
        waiting.start()
        until_somebody_is_next(tmp_path)
        eager.give()
        assert eager.take(LONG_SECONDS)
        order.append("eager")
        eager.give()
        waiting.join(LONG_SECONDS)
        assert order == ["patient", "eager"] * turn


def test_nobody_starves_among_four_that_are_never_content(join):
    """Each goes on until all have had enough; one that never has would fail it."""
    counts = dict.fromkeys(range(4), 0)

    def work(number: int, turns: Turns) -> None:
        while min(counts.values()) < 20:
            assert turns.take(LONG_SECONDS)
            counts[number] += 1
            turns.give()

    threads = [
        threading.Thread(target=work, args=(number, join())) for number in counts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_SECONDS)
        assert not thread.is_alive()


def test_a_killed_holder_blocks_nobody(tmp_path: Path, join):
    turns = join()
    with holder(tmp_path) as process:
        assert not turns.take(0.0)
        process.kill()
        assert turns.take(LONG_SECONDS)


def test_behind_a_stopped_holder_everybody_gives_up_and_comes_back(
    tmp_path: Path, join
):
    turns = join()
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        assert not turns.take(SHORT_SECONDS)
        assert not turns.take(SHORT_SECONDS)
        process.send_signal(signal.SIGCONT)
        tell(process)
        assert process.stdout.readline() == "given\n"
        assert turns.take(LONG_SECONDS)


def test_who_gave_up_keeps_the_turn_from_nobody(tmp_path: Path, join):
    gone, other = join(), join()
    with holder(tmp_path) as process:
        assert not gone.take(0.0)
        tell(process)
        assert other.take(LONG_SECONDS)


def test_it_can_be_closed_while_it_waits(tmp_path: Path, join):
    turns, other = join(), join()
    with holder(tmp_path) as process:
        assert not turns.take(0.0)
        turns.close()
        tell(process)
        assert other.take(LONG_SECONDS)
