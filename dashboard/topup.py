"""Top-up: money comes in, by a method that somebody really offers.

Methods are a table. A voucher carries its own amount; `test` invents money and exists
only in a demo; the others place an order that is paid elsewhere. Each reads what was
sent and gives a payment: a verb that moves the money, or says why it does not. With an
Idempotency-Key the verb and its answer are one transaction, so a payment sent twice is
one credit and one answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from config.money import dollars, parse_nano
from config.payments import Terms
from dashboard.fields import amount_field, text_field
from dashboard.messages import say
from dashboard.ordering import read_epay, read_stripe, terms_shape
from dashboard.refusals import BadInput, Conflict, KeyReused, Refusal
from dashboard.services import Services
from dashboard.shapes import JSON_TYPE, balance_shape, envelope, number
from dashboard.visit import Answer, Visit
from storage.database import Ledgerbase
from storage.ledger import Created, topup
from storage.replays import KeptAnswer, Replayed, once
from storage.replays import KeyReused as Reused
from storage.vouchers import Redeemed, VoucherSpent, redeem

TEST_NANO_MIN = parse_nano("0.01")
TEST_NANO_MAX = parse_nano("1000.00")


Payment = Callable[[Ledgerbase], Answer | Refusal]


def always(services: Services) -> bool:
    return True


def in_demo(services: Services) -> bool:
    return services.demo


@dataclass(frozen=True, slots=True)
class Method:
    """How to pay in, where that is offered, and what may be paid."""

    read: Callable[[Services, Visit], Payment]
    terms: Callable[[Services], Mapping[str, object]]
    offered: Callable[[Services], bool] = always


def charge(services: Services, visit: Visit) -> Answer:
    method = METHODS.get(text_field(visit.fields, "method"))
    if method is None or not method.offered(services):
        offered = [name for name, one in METHODS.items() if one.offered(services)]
        raise BadInput("bad_method_of_payment", methods=", ".join(offered))
    paid = pay(services, visit, method.read(services, visit))
    if isinstance(paid, Refusal):
        raise paid
    return paid


def pay(services: Services, visit: Visit, payment: Payment) -> Answer | Refusal:
    """Carry a payment out, unless it was under the same name before."""
    storage = services.storage
    if visit.replay is None:
        return storage.writer.wait(payment)
    paid = storage.writer.wait(
        once,
        visit.user.account_id,
        visit.replay,
        storage.ids.make("charge"),
        payment,
        partial(kept, visit.language),
    )
    if isinstance(paid, Reused):
        return KeyReused()
    return Answer(kept=paid.answer) if isinstance(paid, Replayed) else paid


def kept(language: str, paid: Answer | Refusal) -> KeptAnswer | None:
    """The answer as it is kept; nothing of a payment that did not happen."""
    if isinstance(paid, Refusal):
        return None
    body = envelope(True, say(paid.word, language), paid.data)
    return KeptAnswer(200, JSON_TYPE, body)


def read_voucher(services: Services, visit: Visit) -> Payment:
    code = text_field(visit.fields, "code").strip()
    if not code:
        raise BadInput("missing_code")
    return partial(pay_by_voucher, account_id=visit.user.account_id, code=code)


def pay_by_voucher(db: Ledgerbase, account_id: int, code: str) -> Answer | Refusal:
    redeemed = redeem(db, account_id, code)
    if isinstance(redeemed, VoucherSpent):
        return Conflict("voucher_own" if redeemed.own else "voucher_spent")
    if not isinstance(redeemed, Redeemed):
        return BadInput("voucher_unknown")
    return credited(
        redeemed.transfer_id, redeemed.amount_nano, redeemed.available_nano
    )


def read_test(services: Services, visit: Visit) -> Payment:
    return partial(
        pay_by_test,
        account_id=visit.user.account_id,
        amount_nano=read_test_amount(visit),
        object_id=services.storage.ids.make("test"),
    )


def pay_by_test(
    db: Ledgerbase, account_id: int, amount_nano: int, object_id: str
) -> Answer:
    created = topup(db, account_id, amount_nano, "test", object_id)
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


def payment_methods(services: Services, visit: Visit) -> Answer:
    """What can be paid by here, and how much of what."""
    methods = [
        {"method": name, **one.terms(services)}
        for name, one in METHODS.items()
        if one.offered(services)
    ]
    return Answer(data={"methods": methods})


def no_terms(services: Services) -> Mapping[str, object]:
    """The amount is not the user's choice."""
    return {"currency": None, "minimum": None, "maximum": None, "rate": None}


def demo_terms(services: Services) -> Mapping[str, object]:
    return terms_shape(Terms("usd", None, TEST_NANO_MIN, TEST_NANO_MAX))


METHODS = {
    "voucher": Method(read_voucher, no_terms),
    "stripe": Method(
        read_stripe,
        lambda services: terms_shape(services.settings.payments.stripe.terms),
        lambda services: services.settings.payments.stripe.ready,
    ),
    "epay": Method(
        read_epay,
        lambda services: terms_shape(
            services.settings.payments.epay.terms, services.settings.payments.epay.types
        ),
        lambda services: services.settings.payments.epay.ready,
    ),
    "test": Method(read_test, demo_terms, in_demo),
}
