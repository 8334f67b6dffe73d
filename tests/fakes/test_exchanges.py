"""The makers of records: honest by default, and different where they are told to be."""

from addons.exchange import Exchange
from tests.fakes import exchanges


def test_an_ask_is_a_checked_one() -> None:
    made = exchanges.ask(stream=True, max_tokens=5)
    assert (made.model, made.stream, made.output_limit) == ("gpt-4o", True, 5)


def test_a_leg_has_all_it_needs() -> None:
    leg = exchanges.leg("other", dialect="deepseek", weight=3)
    assert (leg.provider.name, leg.candidate.weight) == ("other", 3)
    assert (leg.dialect.name, leg.credential.secret) == ("deepseek", "sk-secret")


def test_a_leg_may_want_no_credential() -> None:
    assert exchanges.leg(credentials=()).credential is None


def test_a_flow_keeps_its_target_as_it_was_sent() -> None:
    flow = exchanges.flow("GET", "/a%2Fb?c=\udcff", headers={"x-a": "1"})
    assert flow.request.data.path == b"/a%2Fb?c=\xff"
    assert flow.request.headers["x-a"] == "1"


def test_an_exchange_travels_with_its_flow() -> None:
    record = exchanges.held(id="req_9")
    assert Exchange.of(exchanges.answered(record, 502)) is record
    assert (record.id, record.held, record.admitted) == ("req_9", True, False)


def test_an_exchange_for_images_is_held_for_what_they_cost() -> None:
    record = exchanges.image_held(ask=exchanges.image_ask(n=3))
    assert (record.held, record.quote.amount_nano) == (True, 3 * 4 * 10**7)
