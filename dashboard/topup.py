"""Top-up: money comes in, by a method that somebody really offers.

Methods are a table. A voucher carries its own amount; `test` invents money and exists
only in a demo.
"""

from collections.abc import Callable
from dataclasses import dataclass

from config.money import dollars, parse_nano
from dashboard.fields import amount_field, text_field
from dashboard.refusals import BadInput, Conflict
from dashboard.services import Services
from dashboard.shapes import balance_shape, number
from dashboard.visit import Answer, Visit
from storage.ledger import Created, topup
from storage.vouchers import Redeemed, VoucherSpent, redeem

TEST_NANO_MIN = parse_nano("0.01")
TEST_NANO_MAX = parse_nano("1000.00")


@dataclass(frozen=True, slots=True)
class Method:
    pay: Callable[[Services, Visit], Answer]
    demo_only: bool = False

    def offered(self, services: Services) -> bool:
        return services.demo or not self.demo_only


def charge(services: Services, visit: Visit) -> Answer:
    method = METHODS.get(text_field(visit.fields, "method"))
    if method is None or not method.offered(services):
        offered = [name for name, one in METHODS.items() if one.offered(services)]
        raise BadInput("bad_method_of_payment", methods=", ".join(offered))
    return method.pay(services, visit)


def pay_by_voucher(services: Services, visit: Visit) -> Answer:
    code = text_field(visit.fields, "code").strip()
    if not code:
        raise BadInput("missing_code")
    account_id = visit.user.account_id
    redeemed = services.storage.writer.wait(redeem, account_id, code)
    if isinstance(redeemed, VoucherSpent):
        raise Conflict("voucher_own" if redeemed.own else "voucher_spent")
    if not isinstance(redeemed, Redeemed):
        raise BadInput("voucher_unknown")
    return credited(
        redeemed.transfer_id, redeemed.amount_nano, redeemed.available_nano
    )


def pay_by_test(services: Services, visit: Visit) -> Answer:
    amount_nano = read_test_amount(visit)
    storage, account_id = services.storage, visit.user.account_id
    created = storage.writer.wait(
        topup, account_id, amount_nano, "test", storage.ids.make("test")
    )
    # The id is new each time, so it cannot have been credited before.
    assert isinstance(created, Created)
    return credited(created.transfer_id, amount_nano, created.available_nano)


def read_test_amount(visit: Visit) -> int:
    try:
        amount_nano = parse_nano(amount_field(visit.fields, "amount"))
    except ValueError:
        amount_nano = 0
    if not TEST_NANO_MIN <= amount_nano <= TEST_NANO_MAX:
        raise BadInput(
            "bad_amount",
            minimum=dollars(TEST_NANO_MIN),
            maximum=dollars(TEST_NANO_MAX),
        )
    return amount_nano


def credited(transfer_id: str, amount_nano: int, available_nano: int) -> Answer:
    data = {
        "transaction_id": transfer_id,
        "amount": number(dollars(amount_nano)),
        "amount_exact": dollars(amount_nano),
        **balance_shape(available_nano),
    }
    return Answer("topped_up", data)


METHODS = {
    "voucher": Method(pay_by_voucher),
    "test": Method(pay_by_test, demo_only=True),
}
