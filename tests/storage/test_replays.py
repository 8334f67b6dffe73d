"""Replays: a name runs once, is kept a day, and never costs more than once."""

from dataclasses import replace
from functools import partial

import pytest

from storage.accounts import set_account_status
from storage.errors import IllegalMove
from storage.keys import revoke_key
from storage.ledger import (
    Blocked,
    Created,
    Granted,
    Insufficient,
    RateLimited,
    settle,
    topup,
)
from storage.recovery import void_holds_of
from storage.replays import (
    BODY_BYTES_MAX,
    PURGED_AT_ONCE_MAX,
    PURGED_WITH_EACH,
    InFlight,
    KeptAnswer,
    KeyReused,
    NotKept,
    Replayed,
    ReplayKey,
    fingerprint,
    is_name,
    once,
    purge,
)
from tests.storage.teller import NANO, USED, Teller, settlement

DAY = 24 * 3600
MEDIA = "application/json"
WHOLE = replace(USED, stream=False)
KEY = ReplayKey("order-1", b"what was asked")
OTHER = ReplayKey("order-1", b"something else")


def answer(paid_nano: int) -> KeptAnswer:
    return KeptAnswer(200, MEDIA, b"paid %d" % paid_nano)


def replayed(hold_id: str, paid_nano: int) -> Replayed:
    return Replayed(
        hold_id, answer(paid_nano), paid_nano, "openai", "gpt-4o-2024", 1
    )


def finish(teller: Teller, hold_id: str, cost_nano: int = 7, record=WHOLE, **kept):
    """Charge a request; its answer is kept unless the test says otherwise."""
    final = replace(
        settlement(hold_id, cost_nano, record), **{"answer": answer, **kept}
    )
    return teller.do(settle, final)


# Names.


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("a" * 255, True),
        ("a" * 256, False),
        ("", False),
        (" ~!\"'", True),
        ("7f0c8f0e-5d5b-4f0a-8a3a-000000000000", True),
        ("tab\t", False),
        ("line\n", False),
        ("line\nend", False),
        ("\x7f", False),
        ("\x00", False),
        ("é", False),
        ("密", False),
        ("\udce4", False),
    ],
)
def test_a_name_is_printable_ascii(name, good):
    assert is_name(name) is good


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("POST", "/a", b""), ("PUT", "/a", b"")),
        (("POST", "/a", b""), ("POST", "/b", b"")),
        (("POST", "/a", b"x"), ("POST", "/a", b"y")),
        (("POST", "/a", b"x"), ("POST", "/ax", b"")),
        (("POST", "/a", b"\n"), ("POST", "/a", b"")),
    ],
)
def test_a_fingerprint_tells_requests_apart(one, other):
    assert fingerprint(*one) == fingerprint(*one) != fingerprint(*other)
    assert len(fingerprint(*one)) == 32


def test_any_path_has_a_fingerprint():
    assert fingerprint("POST", "/\udce4", b"")


# What a second request with the same name is told, by what became of the first.


def runs(teller, caller):
    teller.admit(caller, "r1", NANO, replay=KEY)


def ended(teller, caller, **fields):
    runs(teller, caller)
    finish(teller, "r1", **fields)


def voided(teller, caller):
    runs(teller, caller)
    teller.void("r1")


def recovered(teller, caller):
    runs(teller, caller)
    teller.do(void_holds_of, teller.storage.boot_id)


def late(teller, caller, **fields):
    voided(teller, caller)
    finish(teller, "r1", **fields)


LARGE = KeptAnswer(200, MEDIA, b"x" * (BODY_BYTES_MAX + 1))
STREAM = {"record": USED, "answer": None}
TOO_LARGE = {"answer": lambda paid: LARGE}
GRANTED = "granted"

SECOND = [
    (runs, KEY, InFlight("r1")),
    (ended, KEY, replayed("r1", 7)),
    (partial(ended, cost_nano=0), KEY, replayed("r1", 0)),
    (partial(ended, **STREAM), KEY, NotKept("r1", streamed=True)),
    (partial(ended, **TOO_LARGE), KEY, NotKept("r1", streamed=False)),
    (voided, KEY, GRANTED),
    (recovered, KEY, GRANTED),
    (late, KEY, replayed("r1", 7)),
    (partial(late, **STREAM), KEY, NotKept("r1", streamed=True)),
    (runs, OTHER, KeyReused("r1")),
    (ended, OTHER, KeyReused("r1")),
    (partial(ended, **STREAM), OTHER, KeyReused("r1")),
    (late, OTHER, KeyReused("r1")),
    (voided, OTHER, GRANTED),
    (recovered, OTHER, GRANTED),
]


@pytest.mark.parametrize(("first", "key", "said"), SECOND)
def test_a_second_request_is_told_what_became_of_the_first(teller, first, key, said):
    caller = teller.caller()
    first(teller, caller)
    before = teller.available(caller), counters(teller)
    found = teller.admit(caller, "r2", NANO, replay=key)
    if said is GRANTED:
        assert isinstance(found, Granted)
        assert finish(teller, "r2").paid_nano == 7
        assert teller.admit(caller, "r3", NANO, replay=key) == replayed("r2", 7)
        return
    assert found == said
    # It cost nothing, counts against nothing and left nothing behind.
    assert (teller.available(caller), counters(teller)) == before
    assert teller.sql("SELECT id FROM hold") == [("r1",)]


def counters(teller):
    return teller.sql(
        "SELECT open_holds, window_requests, window_tokens, pending_nano FROM key"
    )


@pytest.mark.parametrize(
    ("first", "key", "said"),
    [
        (runs, KEY, InFlight("r1")),
        (ended, KEY, GRANTED),
        (ended, OTHER, GRANTED),
        (partial(ended, **STREAM), KEY, GRANTED),
    ],
)
@pytest.mark.parametrize(("seconds", "expired"), [(DAY - 1, False), (DAY, True)])
def test_a_name_is_kept_for_a_day_or_for_as_long_as_it_runs(
    teller, clock, first, key, said, seconds, expired
):
    caller = teller.caller()
    first(teller, caller)
    clock.advance(seconds)
    found = teller.admit(caller, "r2", NANO, replay=key)
    assert isinstance(found, Granted) is (expired and said is GRANTED)
    if said is not GRANTED:
        assert found == said


def test_a_clock_that_was_set_back_keeps_the_name(teller, clock):
    caller = teller.caller()
    ended(teller, caller)
    clock.jump(-DAY * 30)
    assert teller.admit(caller, "r2", NANO, replay=KEY) == replayed("r1", 7)


@pytest.mark.parametrize(
    ("size", "kept"), [(BODY_BYTES_MAX, True), (BODY_BYTES_MAX + 1, False)]
)
def test_an_answer_is_kept_up_to_its_limit(teller, size, kept):
    caller = teller.caller()
    whole = KeptAnswer(200, MEDIA, b"x" * size)
    ended(teller, caller, answer=lambda paid: whole)
    found = teller.admit(caller, "r2", NANO, replay=KEY)
    assert (found == replace(replayed("r1", 7), answer=whole)) is kept
    assert isinstance(found, NotKept) is not kept


def test_what_is_kept_says_what_was_paid_not_what_it_cost(teller):
    caller = teller.caller(NANO)
    ended(teller, caller, cost_nano=NANO + 5)
    assert teller.admit(caller, "r2", 1, replay=KEY) == replayed("r1", NANO)


def test_the_same_request_asking_again_is_still_granted(teller):
    caller = teller.caller()
    first = teller.admit(caller, "r1", NANO, replay=KEY)
    assert teller.admit(caller, "r1", NANO, replay=KEY) == first


def test_a_settle_that_is_repeated_keeps_the_first_answer(teller):
    caller = teller.caller()
    ended(teller, caller)
    finish(teller, "r1", answer=lambda paid: KeptAnswer(200, MEDIA, b"another"))
    assert teller.admit(caller, "r2", NANO, replay=KEY) == replayed("r1", 7)


def test_what_comes_late_does_not_touch_who_has_the_name_now(teller):
    caller = teller.caller()
    voided(teller, caller)
    teller.admit(caller, "r2", NANO, replay=OTHER)
    finish(teller, "r1", 3)
    assert teller.admit(caller, "r3", NANO, replay=OTHER) == InFlight("r2")
    finish(teller, "r2", 5)
    assert teller.admit(caller, "r3", NANO, replay=OTHER) == replayed("r2", 5)


def test_a_name_that_is_free_again_forgets_the_answer_of_before(teller, clock):
    caller = teller.caller()
    ended(teller, caller)
    clock.advance(DAY)
    teller.admit(caller, "r2", NANO, replay=KEY)
    rows = teller.sql("SELECT request_id, status, media, body FROM replay")
    assert rows == [("r2", None, None, None)]


def test_names_are_an_accounts_own(teller):
    ada, bob = teller.caller(), teller.caller(email="bob@example.com")
    ended(teller, ada)
    assert isinstance(teller.admit(bob, "r2", NANO, replay=KEY), Granted)
    assert teller.admit(ada, "r3", NANO, replay=KEY) == replayed("r1", 7)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [({"amount_nano": 11 * NANO}, Insufficient), ({"rpm": 1}, RateLimited)],
)
def test_a_refusal_leaves_the_name_free(teller, fields, refusal):
    caller = teller.caller()
    teller.admit(caller, "r0", 1)
    asked = {"amount_nano": NANO, **fields}
    amount_nano = asked.pop("amount_nano")
    refused = teller.admit(caller, "r1", amount_nano, replay=KEY, **asked)
    assert isinstance(refused, refusal)
    assert teller.count("replay") == 0
    assert isinstance(teller.admit(caller, "r1", 1, replay=OTHER), Granted)


def test_who_has_no_money_left_still_gets_the_answer_that_was_paid_for(teller):
    caller = teller.caller(NANO)
    ended(teller, caller, cost_nano=NANO)
    again = teller.admit(caller, "r2", NANO, replay=KEY, rpm=1)
    assert again == replayed("r1", NANO)


def block(teller, caller):
    teller.do(set_account_status, caller.account_id, "blocked")


def revoke(teller, caller):
    teller.do(revoke_key, caller.key_id)


@pytest.mark.parametrize(("stop", "what"), [(block, "account"), (revoke, "key")])
@pytest.mark.parametrize("first", [runs, ended])
def test_who_may_ask_nothing_new_learns_nothing_old(teller, first, stop, what):
    caller = teller.caller()
    first(teller, caller)
    stop(teller, caller)
    assert teller.admit(caller, "r2", NANO, replay=KEY) == Blocked(what)


def test_a_key_of_another_account_is_a_mistake_also_under_a_name(teller):
    ada, bob = teller.caller(), teller.caller(email="bob@example.com")
    ended(teller, ada)
    with pytest.raises(IllegalMove, match="is not of account"):
        teller.admit(replace(ada, key_id=bob.key_id), "r2", 1, replay=KEY)


def test_twenty_at_once_are_one(teller):
    caller = teller.caller()
    found = [teller.admit(caller, f"r{n}", NANO, replay=KEY) for n in range(20)]
    assert isinstance(found[0], Granted)
    assert found[1:] == [InFlight("r0")] * 19
    assert teller.count("hold") == 1


# What has no hold: it ends in the transaction it begins in.


def credit(teller: Teller, caller, key=KEY, ref="a", kept=True, request_id=""):
    def write(made):
        return answer(made.available_nano) if kept else None

    return teller.do(
        once,
        caller.account_id,
        key,
        request_id or f"charge_{ref}",
        lambda db: topup(db, caller.account_id, NANO, "test", ref),
        write,
    )


def test_a_charge_is_made_once_and_answered_the_same(teller):
    caller = teller.caller(NANO)
    assert isinstance(credit(teller, caller, ref="a"), Created)
    again = credit(teller, caller, ref="b")
    assert (again.request_id, again.answer) == ("charge_a", answer(2 * NANO))
    assert teller.available(caller) == 2 * NANO


def test_a_charge_of_something_else_is_refused(teller):
    caller = teller.caller(NANO)
    credit(teller, caller, ref="a")
    assert credit(teller, caller, OTHER, ref="b") == KeyReused("charge_a")
    assert teller.available(caller) == 2 * NANO


def test_a_charge_that_did_not_happen_leaves_the_name_free(teller):
    caller = teller.caller(NANO)
    credit(teller, caller, ref="a", kept=False)
    assert teller.count("replay") == 0
    assert isinstance(credit(teller, caller, OTHER, ref="b"), Created)


def test_a_blocked_account_is_not_credited_twice_either(teller):
    caller = teller.caller(NANO)
    credit(teller, caller, ref="a")
    block(teller, caller)
    assert isinstance(credit(teller, caller, ref="b"), Replayed)
    assert teller.available(caller) == 2 * NANO


def test_a_charge_and_a_request_share_their_names(teller):
    caller = teller.caller()
    credit(teller, caller, OTHER)
    assert teller.admit(caller, "r1", NANO, replay=KEY) == KeyReused("charge_a")


def test_a_charge_cannot_be_in_flight(teller):
    caller = teller.caller()
    runs(teller, caller)
    with pytest.raises(IllegalMove, match="r1 has no answer"):
        credit(teller, caller)


def test_a_charge_is_forgotten_after_a_day(teller, clock):
    caller = teller.caller(NANO)
    credit(teller, caller, ref="a")
    clock.advance(DAY)
    assert isinstance(credit(teller, caller, ref="b"), Created)


# Forgetting.


def fill(teller, caller, count):
    for number in range(count):
        key = ReplayKey(f"old-{number}", b"")
        credit(teller, caller, key, ref=f"old{number}")


def names(teller):
    return {name for (name,) in teller.sql("SELECT name FROM replay")}


@pytest.mark.parametrize(("seconds", "gone"), [(DAY - 1, 0), (DAY, PURGED_WITH_EACH)])
def test_each_new_name_takes_some_old_ones_away(teller, clock, seconds, gone):
    caller = teller.caller()
    count = PURGED_WITH_EACH + 2
    fill(teller, caller, count)
    clock.advance(seconds)
    teller.admit(caller, "r1", NANO, replay=KEY)
    assert len(names(teller)) == count - gone + 1


def test_the_oldest_go_first(teller, clock):
    caller = teller.caller()
    credit(teller, caller, ReplayKey("oldest", b""), ref="oldest")
    clock.advance(1)
    fill(teller, caller, PURGED_WITH_EACH)
    clock.advance(DAY)
    teller.admit(caller, "r1", NANO, replay=KEY)
    assert names(teller) == {f"old-{PURGED_WITH_EACH - 1}", KEY.name}


def test_a_purge_is_bounded_and_ends(teller, clock):
    caller = teller.caller()
    fill(teller, caller, PURGED_AT_ONCE_MAX + 1)
    clock.advance(DAY)
    assert [teller.do(purge) for _ in range(3)] == [PURGED_AT_ONCE_MAX, 1, 0]
    credit(teller, caller, ReplayKey("fresh", b""), ref="fresh")
    assert (teller.do(purge), names(teller)) == (0, {"fresh"})


def test_what_still_runs_is_not_forgotten(teller, clock):
    caller = teller.caller()
    runs(teller, caller)
    clock.jump(DAY * 400)
    assert teller.do(purge) == 0
    finish(teller, "r1")
    assert teller.do(purge) == 1


def test_names_are_no_part_of_the_books(teller):
    """The audit after this test finds nothing missing."""
    caller = teller.caller()
    ended(teller, caller)
    teller.sql("DELETE FROM replay")
    assert isinstance(teller.admit(caller, "r2", NANO, replay=KEY), Granted)


def test_two_processes_agree_on_a_name(teller, open_ledger):
    other = Teller(open_ledger(gateway=False))
    caller = teller.caller()
    runs(teller, caller)
    assert other.admit(caller, "r2", NANO, replay=KEY) == InFlight("r1")
    finish(teller, "r1")
    assert other.admit(caller, "r3", NANO, replay=KEY) == replayed("r1", 7)
