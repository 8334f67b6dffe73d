"""Real processes: killed under load, and several on one file."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.gateway import LedgerSettings
from storage import open_storage
from storage.errors import DatabaseInUse
from storage.ledger import Granted, admit
from storage.recovery import REASON
from tests.storage.child import COST_NANO, HELD_NANO
from tests.storage.teller import NANO, PRICE, Teller, ask

ROOT = Path(__file__).parents[2]
SETTINGS = LedgerSettings(busy_seconds=10.0)
START_NANO = 10**6 * NANO


def start(*args):
    command = [sys.executable, "-m", "tests.storage.child", *map(str, args)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def opened(data, gateway=True):
    return open_storage(data, SETTINGS, gateway=gateway, prices=[PRICE])


def run_and_kill(data, caller, lines):
    """What a gateway acknowledged until it was killed after so many lines."""
    acknowledged = {"admitted": set(), "settled": set()}
    with start("spend", data, caller.account_id, caller.key_id) as child:
        for number, line in enumerate(child.stdout):
            # The pipe may end inside a line that was never said in full.
            if line.endswith(b"\n"):
                word, hold_id = line.decode().split()
                acknowledged[word].add(hold_id)
            if number == lines:
                child.kill()
    return acknowledged


def check_round(teller, caller, acknowledged):
    states = dict(teller.sql("SELECT id, state FROM hold"))
    assert acknowledged["admitted"] <= set(states)
    settled = {hold_id for hold_id, state in states.items() if state == "settled"}
    assert acknowledged["settled"] <= settled
    assert teller.audit() == []
    balance = teller.storage.reader.balance(caller.account_id)
    assert balance.posted_nano == START_NANO - COST_NANO * len(settled)


def kill_rounds(data, rounds):
    storage = opened(data)
    caller = Teller(storage).caller(START_NANO)
    storage.close()
    acknowledged = {"admitted": set(), "settled": set()}
    recovered = 0
    for number in range(rounds):
        for word, ids in run_and_kill(data, caller, 50 + 37 * number).items():
            acknowledged[word] |= ids
        # First as a command sees it, whose opening repairs nothing.
        beside = opened(data, gateway=False)
        check_round(Teller(beside), caller, acknowledged)
        left = len(beside.reader.open_holds())
        beside.close()
        storage = opened(data)
        assert storage.recovered == left
        recovered += left
        teller = Teller(storage)
        check_round(teller, caller, acknowledged)
        assert storage.reader.open_holds() == []
        assert storage.reader.balance(caller.account_id).pending_nano == 0
        assert teller.sql("SELECT open_holds FROM key") == [(0,)]
        outcomes = teller.sql(
            "SELECT count(*) FROM usage WHERE outcome = ?1", (REASON,)
        )
        assert outcomes == [(recovered,)]
        storage.close()
    # A run in which nothing was open when it was killed would have proved little.
    assert recovered > 0
    assert HELD_NANO > COST_NANO


def test_nothing_acknowledged_is_lost_to_a_kill(data):
    kill_rounds(data, 2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_to_many_kills(data):
    kill_rounds(data, 25)


def test_several_processes_write_one_file(data):
    storage = opened(data)
    teller = Teller(storage)
    caller = teller.caller(0)
    spender = teller.caller(NANO, "bob@example.com")
    children = [start("earn", data, caller.account_id, 200) for _ in range(2)]
    grants = 0
    while any(child.poll() is None for child in children):
        answer = storage.writer.wait(admit, ask(spender, f"r{grants}", 1))
        assert isinstance(answer, Granted)
        grants += 1
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert teller.available(caller) == 400
    assert teller.available(spender) == NANO - grants
    assert teller.audit() == []
    storage.close()


def test_a_second_gateway_is_refused_while_the_first_lives(data):
    storage = opened(data)
    caller = Teller(storage).caller(START_NANO)
    storage.close()
    with start("spend", data, caller.account_id, caller.key_id) as child:
        child.stdout.readline()
        with pytest.raises(DatabaseInUse, match="another gateway"):
            opened(data)
        # Nor does anything that may run beside it take its holds for a dead one's.
        beside = opened(data, gateway=False)
        assert beside.recovered == 0
        beside.close()
        child.kill()
    opened(data).close()
