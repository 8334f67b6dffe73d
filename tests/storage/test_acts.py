"""Acts: what is logged, with what, and that it stays."""

import json

import pytest

from storage.acts import DETAILS_CHARS_MAX, Act, acted, log_act
from storage.errors import IllegalMove
from tests.storage.teller import REFUSED

ROWS = "SELECT what, actor_id, user_id, target, address, details FROM act ORDER BY id"


@pytest.fixture
def act(teller):
    caller = teller.caller()
    return Act(
        "key_created", caller.user_id, caller.user_id, "tk_ab…", "192.0.2.1", {"n": 1}
    )


def test_who_did_what_to_whom_from_where(teller, act):
    teller.do(log_act, act)
    (row,) = teller.sql(ROWS)
    assert row[:5] == (act.what, act.actor_id, act.user_id, act.target, act.address)
    assert json.loads(row[5]) == {"n": 1}


def test_only_known_acts_are_logged(teller):
    with pytest.raises(IllegalMove, match="no act"):
        teller.do(log_act, Act("hacked", None, None))


def test_a_long_text_is_cut(teller, act):
    long = Act("signed_in", None, act.user_id, "t" * 999, "a" * 999, {"x": "y" * 9999})
    teller.do(log_act, long)
    ((_, _, _, target, address, details),) = teller.sql(ROWS)
    assert (len(target), len(address)) == (255, 64)
    assert len(details) <= DETAILS_CHARS_MAX and json.loads(details)


def test_an_act_belongs_to_its_change(teller, act):
    assert teller.do(acted, lambda made: act if made else None, lambda db: 1) == 1
    assert teller.do(acted, lambda made: act if made else None, lambda db: 0) == 0
    assert len(teller.sql(ROWS)) == 1

    def failing(db):
        log_act(db, act)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        teller.do(acted, lambda _: act, failing)
    assert len(teller.sql(ROWS)) == 1


@pytest.mark.parametrize("statement", ["UPDATE act SET what = 'x'", "DELETE FROM act"])
def test_an_act_never_changes(teller, act, statement):
    teller.do(log_act, act)
    with pytest.raises(REFUSED, match="an act never"):
        teller.sql(statement)
