"""The programs by themselves; test_crashes.py kills them and lets them meet."""

from tests.storage.child import COST_NANO, HELD_NANO, earn


def test_what_is_spent_is_held_before():
    assert 0 < COST_NANO < HELD_NANO


def test_earn_pays_in_what_it_says(only_sqlite, teller, data):
    """Which ledger it pays into is told by the environment of its process."""
    caller = teller.caller(0)
    earn(data, caller.account_id, 5)
    assert teller.available(caller) == 5
