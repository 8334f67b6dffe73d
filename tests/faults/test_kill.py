"""1–6: kill -9, at each point of a request's life, and under load.

A mark stands at the exact point (see marks.py); that it was reached is asserted each
time. What a client holds in its hands decides what must be in the file, and the next
start leaves nothing open.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage.job_states import JobState
from storage.recovery import REASON
from tests.faults.books import Books
from tests.faults.conftest import GIVEN_NANO, Lab
from tests.faults.killing import Killing
from tests.faults.marked import ADMIT, SETTLE
from tests.faults.marks import AFTER, BEFORE, TORN
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.runway_server import FakeRunway
from tests.scenarios.child import Child
from tests.scenarios.dial import Dial, chat

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

# Six tokens in, five out.
COST_NANO = 65_000
DONE = b"data: [DONE]\n\n"
WAIT_SECONDS = 20

whole_or_stream = pytest.mark.parametrize("stream", [False, True])


@pytest.fixture
def runway() -> Iterator[FakeRunway]:
    with FakeRunway() as fake:
        yield fake


def ask_and_lose(child: Child, asked: bytes) -> bytes:
    """What a client heard before the gateway died in the middle of it."""
    with Dial(child.port) as dial:
        dial.send(asked)
        with suppress(OSError):
            while dial.fill():
                pass
        return dial.buffer


def asked(key: str, stream: bool) -> bytes:
    return chat(key, stream=stream, max_tokens=1000)


def only_available(books: Books) -> int:
    (available_nano,) = books.available.values()
    return available_nano


def restart(lab: Lab) -> Books:
    """What the next gateway left, which says so, serves, and charges what it serves."""
    opened = len(lab.read().in_state("open"))
    with lab.serve() as child, Dial(child.port) as dial:
        left = lab.read()
        assert left.in_state("open") == set()
        said = f"{opened} holds of a crashed gateway were voided"
        assert (said in child.log) is (opened > 0)
        assert dial.ask(chat(lab.key)).status == 200
        assert child.stop() == 0
    lab.prove()
    assert only_available(lab.read()) == only_available(left) - COST_NANO
    return left


def voided_for_free(books: Books) -> None:
    ((id, state),) = books.holds.items()
    assert state == "voided"
    charge = books.charges[id]
    assert (charge.paid_nano, charge.evidence, charge.outcome) == (0, "none", REASON)
    assert only_available(books) == GIVEN_NANO


@whole_or_stream
@pytest.mark.parametrize("moment", [BEFORE, TORN])
def test_01_before_the_hold_commits_nothing_happened(
    lab: Lab, moment: str, stream: bool
) -> None:
    with lab.marked(moment, ADMIT) as child:
        assert ask_and_lose(child, asked(lab.key, stream)) == b""
        child.died()
    assert lab.fake.requests == []
    dead = lab.read()
    assert dead.holds == dead.charges == {}
    assert only_available(dead) == GIVEN_NANO
    assert restart(lab) == dead


@whole_or_stream
def test_02_after_the_hold_nobody_is_asked_and_all_is_given_back(
    lab: Lab, stream: bool
) -> None:
    with lab.marked(AFTER, ADMIT) as child:
        assert ask_and_lose(child, asked(lab.key, stream)) == b""
        child.died()
    assert lab.fake.requests == []
    dead = lab.read()
    assert list(dead.holds.values()) == ["open"]
    assert 0 <= only_available(dead) < GIVEN_NANO
    voided_for_free(restart(lab))


def test_03_in_the_middle_of_a_stream_the_house_pays(lab: Lab) -> None:
    gate = Gate()
    lab.fake.script(Answer("one two three ", edits=[after(3, gate)]))
    with lab.serve() as child, Dial(child.port) as dial:
        dial.send(chat(lab.key, stream=True))
        assert dial.head()[0] == 200
        heard = b""
        while b"two" not in heard:
            heard += dial.piece()
        child.kill()
        with pytest.raises((EOFError, ConnectionError)):
            dial.pieces()
    gate.open()
    assert list(lab.read().holds.values()) == ["open"]
    voided_for_free(restart(lab))


@whole_or_stream
@pytest.mark.parametrize("moment", [BEFORE, TORN])
def test_04_after_the_last_chunk_what_is_not_committed_is_free(
    lab: Lab, moment: str, stream: bool
) -> None:
    with lab.marked(moment, SETTLE) as child:
        heard = ask_and_lose(child, asked(lab.key, stream))
        child.died()
    (received,) = lab.fake.requests
    assert received.finished.wait(WAIT_SECONDS)
    # The last word was passed on; what says that it was the last was not.
    assert (b'"there"' in heard) is stream
    assert DONE not in heard
    assert list(lab.read().holds.values()) == ["open"]
    voided_for_free(restart(lab))


@whole_or_stream
def test_05_after_the_settle_the_charge_stands_and_is_not_repeated(
    lab: Lab, stream: bool
) -> None:
    with lab.marked(AFTER, SETTLE) as child:
        heard = ask_and_lose(child, asked(lab.key, stream))
        child.died()
    assert DONE not in heard
    dead = lab.read()
    assert list(dead.holds.values()) == ["settled"]
    assert only_available(dead) == GIVEN_NANO - COST_NANO
    assert restart(lab) == dead


@pytest.mark.parametrize("moment", [BEFORE, TORN, AFTER])
def test_06_a_batch_is_in_the_file_as_a_whole_or_not_at_all(
    fake: FakeOpenAI, runway: FakeRunway, tmp_path: Path, moment: str
) -> None:
    with Killing(tmp_path, fake, runway, seed=6) as killing:
        killing.strike(moment, SETTLE, 40)
        killing.strike(moment, ADMIT, 40)
    assert killing.tally.lost == 0
    assert killing.tally.acknowledged > 50


@pytest.mark.timeout(300)
def test_06_nothing_acknowledged_is_lost_to_25_kills_under_load(
    fake: FakeOpenAI, runway: FakeRunway, tmp_path: Path, url: str
) -> None:
    with Killing(tmp_path, fake, runway, seed=25, url=url) as killing:
        for _ in range(25):
            killing.kill()
    assert killing.tally.lost == 0
    # A run in which nothing was open when it was killed would have proved little.
    assert killing.tally.voided > 0
    assert killing.tally.films[JobState.COMPLETED.value] > 0


@pytest.mark.timeout(300)
def test_06_nothing_acknowledged_is_lost_when_workers_are_killed_one_by_one_and_all(
    fake: FakeOpenAI, runway: FakeRunway, tmp_path: Path, url: str
) -> None:
    with Killing(tmp_path, fake, runway, seed=6, workers=3, url=url) as killing:
        for _ in range(5):
            killing.kill()
    assert killing.tally.lost == 0
