"""`order`: what an operator sees of orders, and how a problem is taken away."""

from types import SimpleNamespace

import pytest

from tests.storage.ordering import Till, new_order, paid
from tests.storage.teller import Teller


@pytest.fixture
def told(ada, open_ledger):
    """One order, paid, and a callback with a wrong amount before."""
    storage = open_ledger(gateway=False)
    teller = Teller(storage)
    till = Till(teller)
    account_id = storage.reader.user(ada["id"]).account_id
    till.place(new_order(SimpleNamespace(account_id=account_id)))
    till.hear(paid(minor=1), "evt_wrong")
    till.hear(paid(), "evt_right")
    storage.close()
    return account_id


def test_orders_are_listed(told, run, run_json):
    (order,) = run_json("order", "list")
    assert (order["order"], order["state"], order["amount"]) == (
        "order_1", "paid", "10.00",
    )
    assert order["charged"] == "10.00 usd"
    assert run_json("order", "list", "--account", str(told)) == [order]
    assert run_json("order", "list", "--account", str(told + 1)) == []
    assert "order_1" in run("order", "list").stdout


def test_problems_are_listed_until_they_are_resolved(told, run, run_json, refused):
    (problem,) = run_json("order", "list", "--problems")
    assert (problem["event"], problem["outcome"], problem["order"]) == (
        "stripe:evt_wrong", "wrong_amount", "order_1",
    )
    said = ["--resolution", "sent back", "--author", "grace"]
    assert run("order", "resolve", "stripe:evt_wrong", *said).exit_code == 0
    assert run_json("order", "list", "--problems") == []
    refused("no such problem", "order", "resolve", "stripe:evt_wrong", *said)
    refused("no such problem", "order", "resolve", "stripe:evt_right", *said)
    refused("--author", "order", "resolve", "x:y", "--resolution", "z")


def test_the_callbacks_of_an_order_are_listed(told, run_json):
    found = run_json("order", "events", "order_1")
    assert {one["event"] for one in found} == {"stripe:evt_wrong", "stripe:evt_right"}
    assert run_json("order", "events", "order_2") == []
