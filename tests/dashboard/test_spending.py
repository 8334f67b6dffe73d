"""The tests' own spending is what the ledger says it is."""

from storage import Storage
from tests.dashboard.spending import hold, spend
from tests.dashboard.visitor import Visitor


def test_a_call_costs_what_it_is_told(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    spend(storage, user.id, price_id, 421_300)
    assert user.balance() == "9.9995787"


def test_a_running_call_is_reserved(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    hold(storage, user.id, price_id, 2_000_000_000)
    assert user.balance() == "8.00"
