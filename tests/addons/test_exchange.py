"""The record of a request: nothing on it is a permission by default."""

import pytest

from addons.exchange import Exchange, Quote
from addons.wire.errors import (
    Draining,
    InternalError,
    UnknownKey,
    UpstreamFailed,
    UpstreamThrottled,
)
from storage.replays import ReplayKey
from tests.fakes import exchanges

NAMED = ReplayKey("order-1", b"fingerprint")


def test_a_flow_without_a_record_has_none() -> None:
    flow = exchanges.flow()
    assert Exchange.find(flow) is None
    with pytest.raises(KeyError):
        Exchange.of(flow)


def test_a_record_is_found_on_its_flow() -> None:
    record = exchanges.exchange()
    flow = exchanges.travelling(record)
    assert Exchange.find(flow) is Exchange.of(flow) is record


def test_the_first_reason_to_refuse_stands() -> None:
    record = exchanges.exchange()
    first = UnknownKey()
    record.refuse(first)
    record.refuse(Draining())
    assert record.refusal is first


@pytest.mark.parametrize(
    ("make", "contacted_ns", "retry"),
    [
        (exchanges.image_held, 5, False),
        # Nobody was told, or said that it would not.
        (exchanges.image_held, None, None),
        # What a chat began is worth another try.
        (exchanges.held, 5, None),
    ],
)
@pytest.mark.parametrize("error", [InternalError, Draining, UpstreamFailed])
def test_images_that_may_be_made_are_not_asked_for_again(
    make, contacted_ns, retry, error
) -> None:
    record = make(contacted_ns=contacted_ns)
    record.refuse(error())
    assert record.refusal.should_retry is retry


@pytest.mark.parametrize(
    ("ordered", "error", "retry"),
    [
        (True, InternalError, False),
        (False, InternalError, None),
        # Of a job it is known whether anything was begun, and said with the error.
        (True, UpstreamThrottled, None),
    ],
)
def test_a_video_is_not_ordered_again_after_a_fault_of_ours(
    ordered, error, retry
) -> None:
    record = exchanges.exchange(ask=exchanges.video_ask(), ordered=ordered)
    record.refuse(error())
    assert record.refusal.should_retry is retry


@pytest.mark.parametrize(
    ("held", "routed", "refused", "admitted"),
    [
        (True, True, False, True),
        (True, True, True, False),
        (True, False, False, False),
        (False, True, False, False),
        (False, False, False, False),
    ],
)
def test_only_held_money_and_a_route_let_a_request_out(
    held: bool, routed: bool, refused: bool, admitted: bool
) -> None:
    record = exchanges.exchange(held=held)
    record.route = (exchanges.leg(),) if routed else ()
    if refused:
        record.refuse(UnknownKey())
    assert record.admitted is admitted


@pytest.mark.parametrize(
    ("parts", "goes_on"),
    [
        ({"replay": NAMED, "ask": exchanges.ask()}, True),
        ({"replay": NAMED, "ask": exchanges.ask(stream=True)}, False),
        ({"replay": NAMED}, False),
        ({"ask": exchanges.ask()}, False),
    ],
)
def test_only_a_whole_answer_under_a_name_outlives_its_client(parts, goes_on) -> None:
    assert exchanges.exchange(**parts).goes_on is goes_on


def test_a_fresh_record_is_not_admitted() -> None:
    assert not exchanges.exchange().admitted


def test_a_quote_counts_the_output_of_every_choice() -> None:
    quote = Quote(exchanges.PRICE, 10, 20, choices=3, amount_nano=1)
    assert quote.tokens == 10 + 3 * 20


def test_images_are_finished_for_nobody_but_kept_for_who_named_them() -> None:
    record = exchanges.image_held()
    assert (record.goes_on, record.is_kept) == (True, False)
    named = exchanges.image_held(replay=NAMED)
    assert (named.goes_on, named.is_kept) == (True, True)


def test_pieces_use_up_no_tokens_and_are_never_lowered() -> None:
    quote = exchanges.image_held().quote
    assert (quote.tokens, quote.lowered_to) == (0, None)


@pytest.mark.parametrize(("lowered", "limit"), [(True, 20), (False, None)])
def test_a_quote_tells_the_limit_it_was_lowered_to(lowered: bool, limit) -> None:
    quote = Quote(exchanges.PRICE, 10, 20, 1, 1, lowered=lowered)
    assert quote.lowered_to == limit


def test_what_was_turned_away_was_told_to_nobody() -> None:
    record = exchanges.exchange()
    record.contact(7)
    record.turned_away()
    assert record.contacted_ns is None
    record.contact(9)
    assert record.contacted_ns == 9


def test_a_leg_is_named_by_account_and_model() -> None:
    assert exchanges.leg("openai", model="m").name == ("openai", "KEY", "m")
    open_to_all = exchanges.leg("open", model="m", credentials=())
    assert open_to_all.name == ("open", "", "m")
