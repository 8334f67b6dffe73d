"""20–21: money that is announced twice, too early, or by nobody.

Announced by vouchers and by the verb itself here; by Stripe and epay over real sockets
in test_callbacks.py.
"""

from collections import Counter

import httpx
import pytest

from storage.ledger import topup
from storage.vouchers import create_vouchers, new_code
from tests.faults.books import read
from tests.faults.conftest import GIVEN_NANO, Lab, Start
from tests.faults.marked import REDEEM
from tests.faults.marks import AFTER, BEFORE, TORN
from tests.faults.neighbour import Neighbour
from tests.scenarios.harness import Caller, Gateway
from tests.storage.teller import NANO

AT_ONCE = 5
CHARGE = "/api/user.php?action=charge"


def test_20_one_payment_announced_five_times_at_once_is_one_top_up(
    gateway: Gateway, caller: Caller
) -> None:
    """Five processes on one file, and the gateway's own is a sixth."""
    url = gateway.settings.storage
    args = (gateway.data, caller.account_id, NANO, "pi_1", url)
    callers = [Neighbour("pay", *args) for _ in range(AT_ONCE)]
    for one in callers:
        one.ready()
    for one in callers:
        one.go()
    ours = gateway.storage.writer.wait(topup, caller.account_id, NANO, "test", "pi_1")
    answers = Counter(one.end() for one in callers) + Counter([type(ours).__name__])
    assert answers == {"Created": 1, "Exists": AT_ONCE}
    assert gateway.available_nano(caller) == 11 * NANO


def redeem(visitor: httpx.Client, code: str) -> httpx.Response:
    return visitor.post(CHARGE, json={"method": "voucher", "code": code})


def sign_up(visitor: httpx.Client, email: str) -> None:
    who = {"email": email, "password": "password"}
    visitor.post("/api/auth.php?action=register", json=who).raise_for_status()
    visitor.post("/api/auth.php?action=login", json=who).raise_for_status()


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("moment", "again"), [(BEFORE, 200), (TORN, 200), (AFTER, 409)]
)
def test_20_a_crash_before_the_answer_leaves_one_top_up_or_none(
    lab: Lab, moment: str, again: int
) -> None:
    code = new_code()
    with lab.storage() as storage:
        storage.writer.wait(create_vouchers, [code], NANO, "test")
    with lab.marked(moment, REDEEM) as child, child.visitor() as visitor:
        sign_up(visitor, "payer@example.com")
        with pytest.raises(httpx.TransportError):
            redeem(visitor, code)
        child.died()
        cookies = visitor.cookies
    assert len(lab.read().topups) == (again == 409)
    with lab.serve() as child, child.visitor() as visitor:
        visitor.cookies = cookies
        assert redeem(visitor, code).status_code == again
        assert redeem(visitor, code).status_code == 409
        assert child.stop() == 0
    ((who, nano),) = lab.read().topups.values()
    assert nano == NANO
    assert lab.read().available[who] == GIVEN_NANO + NANO
    lab.prove()


def test_21_a_code_that_nobody_made_moves_nothing(start: Start) -> None:
    gateway = start()
    real, other = new_code(), new_code()
    gateway.storage.writer.wait(create_vouchers, [real], NANO, "test")
    forged = [other, real[:-1], real + "0", real[::-1], "", "%", "0" * 10_000]
    with httpx.Client(base_url=gateway.url, trust_env=False) as visitor:
        sign_up(visitor, "forger@example.com")
        for code in forged:
            assert redeem(visitor, code).status_code == 400
        assert redeem(visitor, real).status_code == 200
        assert redeem(visitor, real).status_code == 409
    gateway.stop()
    books = read(gateway.data, url=gateway.settings.storage)
    assert [nano for _, nano in books.topups.values()] == [NANO]
