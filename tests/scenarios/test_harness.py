"""The harness itself: it serves, and its proof finds what is wrong."""

import pytest

from addons.wire.errors import InternalError, error_body
from storage import ledger
from storage.ledger import Admission
from tests.scenarios.dial import Dial, chat
from tests.scenarios.harness import Caller, Gateway, with_limits


def test_it_serves_and_stops(start) -> None:
    gateway = start(change=with_limits(rpm=7))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(gateway.caller().key))
    assert reply.status == 200
    assert reply.headers["x-ratelimit-limit-requests"] == "7"
    gateway.stop()
    with pytest.raises(ConnectionRefusedError):
        Dial(gateway.port)


def test_an_addon_can_be_replaced(start) -> None:
    def wrap(chain) -> None:
        def fail(flow) -> None:
            raise RuntimeError("on purpose")

        chain[0].requestheaders = fail

    gateway = start(wrap=wrap)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(gateway.caller().key))
    assert (reply.status, reply.body) == (500, error_body(InternalError()))


def test_an_open_hold_is_no_proof(gateway: Gateway, caller: Caller) -> None:
    storage = gateway.storage
    (key,) = storage.reader.keys(caller.account_id)
    price = next(iter(gateway.settings.prices))
    ask = Admission(
        "req_left", caller.account_id, key.id, 1, price.id, price.model, 1, 0, 0, 0
    )
    storage.writer.wait(ledger.admit, ask)
    with pytest.raises(AssertionError, match="req_left is held"):
        gateway.prove()
    storage.writer.wait(ledger.void, "req_left", "test", None)
