"""Holds: the worst case is reserved, lowered where it must be, and closed once."""

import asyncio
from dataclasses import replace
import logging

import pytest

from addons.counting import count_input
from addons.exchange import Charge, Exchange, KeyLimits
from addons.holds import TRIES, Holds
from addons.plan import Plans
from addons.quoting import quote_of, with_margin, worst_case
from addons.wire.errors import UnknownKey
from config import Price, PriceBook
from config.money import dollars
from config.prices import Case, Situation, When, moment_ns
from config.settings import Policies
from storage.accounts import set_account_status
from storage.errors import LedgerBusy
from storage.keys import Caps, revoke_key, set_caps
from storage.ledger import (
    Granted,
    Insufficient,
    OverBudget,
    RateState,
    Settled,
    UsageRecord,
)
from storage.recovery import register_prices
from storage.replays import KeptAnswer, ReplayKey
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.loop import leap
from tests.fakes.plans import plans
from tests.fakes.writers import FailingWriter, ScriptedWriter

FLOOR = 256
PRICES = PriceBook([exchanges.PRICE])
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
RATE = RateState(0, None, 0, None, 60)


def holds(writer, prices: PriceBook = PRICES, retry_seconds: float = 0) -> Holds:
    return Holds(writer, priced(prices), FakeClock(), retry_seconds)


def priced(prices: PriceBook) -> Plans:
    return plans(prices=prices, policies=Policies(output_floor_tokens=FLOOR))


def asking(caller=None, id: str = "req_1", **fields) -> Exchange:
    """An exchange on its way to the till: nothing is held yet."""
    return exchanges.held(
        id=id,
        held=False,
        quote=None,
        ask=exchanges.ask(**fields),
        caller=caller.key if caller else exchanges.CALLER,
    )


async def request(addon: Holds, record: Exchange) -> Exchange:
    await addon.request(exchanges.travelling(record))
    return record


def balance(storage, caller):
    return storage.reader.balance(caller.key.account_id)


# Admission at the till.


async def test_the_moment_of_the_hold_decides_its_rates() -> None:
    clock = FakeClock(moment_ns("2026-11-23T01:00Z"))
    peak = Case(When.of_facts({"hours": ["Mon 01:00-02:00"]}), {"output": 10**9}, {})
    price = Price.of("gpt-4o", 0, exchanges.SELL, exchanges.SELL, [peak])
    writer = ScriptedWriter([Granted("req_1", 5, RATE), Granted("req_2", 5, RATE)])
    addon = Holds(writer, priced(PriceBook([price])), clock, 0)
    dear = await request(addon, asking(max_tokens=1000))
    clock.advance(3600)
    cheap = await request(addon, asking(id="req_2", max_tokens=1000))
    assert dear.quote.situation == Situation(moment_ns("2026-11-23T01:00Z"))
    spent = dear.quote.amount_nano - cheap.quote.amount_nano
    assert spent == 1000 * (10**9 - 10_000_000) // 1000


async def test_a_caller_with_money_is_held_for_the_worst_case(storage, caller) -> None:
    record = await request(holds(storage.writer), asking(caller, max_tokens=100))
    assert record.refusal is None
    assert (record.held, record.quote.lowered) == (True, False)
    held = balance(storage, caller)
    assert held.pending_nano == record.quote.amount_nano
    assert record.available_nano == held.available_nano
    assert record.rate.requests_remaining is None


async def test_a_key_for_other_models_holds_nothing(storage, caller) -> None:
    key = replace(caller.key, models=frozenset({"gpt-4o-mini"}))
    record = asking(caller)
    record.caller = key
    await request(holds(storage.writer), record)
    assert (record.refusal.status, record.refusal.code) == (403, "model_not_allowed")
    assert (record.held, balance(storage, caller).pending_nano) == (False, 0)


async def cost_of(record: Exchange, output_tokens: int) -> int:
    """What a hold of so much output comes to with the input counted."""
    counted = with_margin(await count_input(record.ask, exchanges.MODEL))
    tokens = min(counted, record.ask.input_tokens_max)
    return quote_of(exchanges.PRICE, tokens, output_tokens, record.ask.n).amount_nano


@pytest.mark.parametrize(
    ("fields", "affords", "short_nano", "output", "is_lowered"),
    [
        ({}, 1000, 0, 1000, True),
        ({}, 1000, 1, 999, True),
        ({}, FLOOR, 0, FLOOR, True),
        ({}, FLOOR, 1, None, None),
        ({"max_tokens": 1000}, 999, 0, 999, True),
        ({"max_tokens": 1000}, 1000, 0, 1000, False),
        ({"max_tokens": 10}, 10, 0, 10, False),
        ({"max_tokens": 10}, 10, 1, None, None),
        ({"max_tokens": FLOOR}, FLOOR, 0, FLOOR, False),
        ({"max_tokens": FLOOR}, FLOOR, 1, None, None),
        ({"n": 2}, FLOOR, 0, FLOOR, True),
        ({"n": 2}, FLOOR, 1, None, None),
    ],
)
async def test_the_output_is_lowered_to_the_balance_but_not_below_the_floor(
    storage, caller_with, fields, affords, short_nano, output, is_lowered
) -> None:
    # Much text, so that its count is well below its bytes.
    text = [{"role": "user", "content": "the quick brown fox jumps over " * 20}]
    nano = await cost_of(asking(messages=text, **fields), affords) - short_nano
    caller = caller_with(nano)
    record = await request(
        holds(storage.writer), asking(caller, messages=text, **fields)
    )
    if output is None:
        assert (record.refusal.code, record.held) == ("insufficient_balance", False)
        assert balance(storage, caller).pending_nano == 0
        return
    assert record.refusal is None
    assert (record.quote.output_tokens, record.quote.lowered) == (output, is_lowered)
    assert balance(storage, caller).pending_nano == record.quote.amount_nano <= nano


async def test_who_has_no_money_is_told_what_was_needed(storage, caller_with) -> None:
    caller = caller_with(2)
    record = await request(holds(storage.writer), asking(caller))
    needed = worst_case(record.ask, exchanges.MODEL, exchanges.PRICE).amount_nano
    assert record.refusal.status == 402
    assert record.refusal.extra == {
        "needed": dollars(needed),
        "available": "0.000000002",
    }


def insufficient(available_nano: int) -> Insufficient:
    return Insufficient(10**9, available_nano)


def over(available_nano: int) -> OverBudget:
    return OverBudget("day", 10**9, available_nano)


@pytest.mark.parametrize(
    ("answers", "tries", "refused"),
    [
        ([Granted("req_1", 5, RATE)], 1, False),
        ([insufficient(10**7), Granted("req_1", 0, RATE)], 2, False),
        ([insufficient(10**7 - step) for step in range(9)], 1 + TRIES, True),
        ([insufficient(10**7), insufficient(10**6)], 2, True),
        ([insufficient(0)], 1, True),
        ([insufficient(10**7), over(10**7 - 1), Granted("req_1", 0, RATE)], 3, False),
        ([over(10**7), insufficient(10**7 - 1), Granted("req_1", 0, RATE)], 3, False),
        ([over(10**7 - step) for step in range(9)], 1 + TRIES, True),
    ],
)
async def test_a_balance_that_shrinks_meanwhile_is_followed_for_a_while(
    answers, tries: int, refused: bool
) -> None:
    writer = ScriptedWriter(answers)
    record = await request(holds(writer), asking())
    assert (len(writer.asked), record.refusal is not None) == (tries, refused)
    amounts = [admission.amount_nano for _, admission in writer.asked]
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (KeyLimits(1, 0, 0), "rpm"),
        (KeyLimits(0, 20_000, 0), "tpm"),
        (KeyLimits(0, 0, 1), "concurrency"),
    ],
)
async def test_the_keys_limits_are_kept(storage, caller, limits, limit: str) -> None:
    addon = holds(storage.writer)
    for number in range(4):
        record = asking(caller, id=f"req_{number}")
        record.limits = limits
        await request(addon, record)
    assert record.refusal.status == 429
    assert record.refusal.extra == {"limit": limit}
    assert 1 <= record.refusal.retry_after <= 60
    assert not record.held


async def test_an_account_that_was_blocked_meanwhile_is_refused(
    storage, caller
) -> None:
    await storage.writer.run(set_account_status, caller.key.account_id, "blocked")
    record = await request(holds(storage.writer), asking(caller))
    assert record.refusal.code == "account_disabled"


async def test_a_key_that_was_revoked_meanwhile_is_unknown(storage, caller) -> None:
    await storage.writer.run(revoke_key, caller.key.id)
    record = await request(holds(storage.writer), asking(caller))
    assert record.refusal.code == "invalid_api_key"


async def test_a_model_without_a_price_is_never_free() -> None:
    writer = ScriptedWriter([])
    record = await request(holds(writer, PriceBook()), asking())
    assert record.refusal.code == "price_unknown"
    assert writer.asked == []


async def test_a_price_of_something_else_is_none() -> None:
    writer = ScriptedWriter([])
    images = Price.of("gpt-4o", 0, {"image": 1}, {"image": 1})
    record = await request(holds(writer, PriceBook([images])), asking())
    assert record.refusal.code == "price_unknown"
    assert (writer.asked, record.held) == ([], False)


@pytest.mark.parametrize("parts", [{"ask": None}, {"refusal": UnknownKey()}])
async def test_nothing_is_held_for_what_is_not_asked_or_refused(parts) -> None:
    writer = ScriptedWriter([])
    record = exchanges.held(held=False, **parts)
    await request(holds(writer), record)
    assert (writer.asked, record.held) == ([], False)


@pytest.mark.parametrize("missing", ["caller", "limits", "model"])
async def test_a_record_with_a_gap_is_our_fault_and_not_admitted(missing) -> None:
    writer = ScriptedWriter([])
    record = asking()
    setattr(record, missing, None)
    await request(holds(writer), record)
    assert (record.refusal.status, record.held, writer.asked) == (500, False, [])


async def test_a_ledger_that_does_not_add_up_holds_nothing() -> None:
    writer = ScriptedWriter([])
    addon = holds(writer)
    addon.broken = lambda: True
    record = await request(addon, asking())
    assert (record.refusal.code, writer.asked) == ("ledger_unavailable", [])


def capped(storage, caller_with, nano: int, **caps: int):
    caller = caller_with(nano)
    storage.writer.wait(set_caps, caller.key.id, Caps(**caps))
    return caller


async def tokens_of(record: Exchange, output_tokens: int) -> int:
    """What a request with so much output takes with the input counted."""
    counted = with_margin(await count_input(record.ask, exchanges.MODEL))
    return counted + output_tokens * record.ask.n


@pytest.mark.parametrize(
    ("fields", "room", "missing", "output"),
    [
        ({}, 1000, 0, 1000),
        ({}, 1000, 1, 999),
        ({}, FLOOR, 0, FLOOR),
        ({}, FLOOR, 1, None),
        ({"max_tokens": 10}, 10, 0, 10),
        ({"max_tokens": 10}, 10, 1, None),
        ({"n": 2}, FLOOR, 0, FLOOR),
        ({"n": 2}, FLOOR, 1, None),
    ],
)
async def test_the_output_is_lowered_to_the_tokens_of_a_minute_or_never_admitted(
    storage, caller, fields, room, missing, output
) -> None:
    text = [{"role": "user", "content": "the quick brown fox jumps over " * 20}]
    record = asking(caller, messages=text, **fields)
    tpm = await tokens_of(record, room) - missing
    record.limits = KeyLimits(0, tpm, 0)
    await request(holds(storage.writer), record)
    if output is None:
        first = worst_case(record.ask, exchanges.MODEL, exchanges.PRICE)
        refusal = record.refusal
        assert (refusal.code, refusal.should_retry, refusal.retry_after) == (
            "tokens_over_limit",
            False,
            None,
        )
        assert refusal.extra == {
            "limit": "tpm",
            "needed": str(first.tokens),
            "available": str(tpm),
        }
        assert not record.held
        return
    assert record.refusal is None
    assert (record.quote.output_tokens, record.rate.tokens_limit) == (output, tpm)
    assert record.quote.tokens <= tpm


async def test_what_fits_no_minute_is_refused_as_such_for_who_is_poor_too(
    storage, caller_with
) -> None:
    """Or somebody would pay in for a request that is refused all the same."""
    record = asking(caller_with(1))
    record.limits = KeyLimits(0, FLOOR, 0)
    await request(holds(storage.writer), record)
    assert record.refusal.code == "tokens_over_limit"


async def test_a_minute_that_others_filled_is_waited_for(storage, caller) -> None:
    """Lowered to what fits a minute, it is told when the next one begins."""
    addon, tpm = holds(storage.writer), await tokens_of(asking(), 1000)
    records = [asking(caller, id="req_1"), asking(caller, id="req_2")]
    for record in records:
        record.limits = KeyLimits(0, tpm, 0)
        await request(addon, record)
    assert records[0].quote.lowered_to == 1000
    assert (records[1].refusal.status, records[1].refusal.retry_after) == (429, 60)


@pytest.mark.parametrize("cap", ["total_nano", "day_nano", "month_nano"])
@pytest.mark.parametrize(
    ("affords", "short_nano", "output", "is_lowered"),
    [(1000, 0, 1000, False), (1000, 1, 999, True), (FLOOR, 0, FLOOR, True)],
)
async def test_the_output_is_lowered_to_what_a_cap_leaves(
    storage, caller_with, cap, affords, short_nano, output, is_lowered
) -> None:
    room = await cost_of(asking(max_tokens=1000), affords) - short_nano
    caller = capped(storage, caller_with, 10**10, **{cap: room})
    record = await request(holds(storage.writer), asking(caller, max_tokens=1000))
    assert record.refusal is None
    assert (record.quote.output_tokens, record.quote.lowered) == (output, is_lowered)
    assert balance(storage, caller).pending_nano == record.quote.amount_nano <= room


@pytest.mark.parametrize(
    ("money", "total", "day", "output", "limit"),
    [
        (700, 600, 500, 500, None),
        (700, 500, 600, 500, None),
        (500, 700, 600, 500, None),
        (700, 600, FLOOR, FLOOR, None),
        (700, 600, FLOOR - 1, None, "day"),
        (700, FLOOR - 1, 600, None, "total"),
        (700, FLOOR - 2, FLOOR - 1, None, "total"),
        (FLOOR, FLOOR - 1, 600, None, "total"),
        (FLOOR - 1, 700, 600, None, "balance"),
        (FLOOR - 1, 1, 1, None, "balance"),
    ],
)
async def test_the_smallest_of_balance_and_caps_decides(
    storage, caller_with, money, total, day, output, limit
) -> None:
    cost = [await cost_of(asking(), tokens) for tokens in (money, total, day)]
    caller = capped(
        storage, caller_with, cost[0], total_nano=cost[1], day_nano=cost[2]
    )
    record = await request(holds(storage.writer), asking(caller))
    if output is not None:
        assert record.refusal is None
        assert (record.quote.output_tokens, record.quote.lowered) == (output, True)
        return
    assert balance(storage, caller).pending_nano == 0
    code = "insufficient_balance" if limit == "balance" else "key_budget_exceeded"
    assert (record.refusal.status, record.refusal.code) == (402, code)
    needed = worst_case(record.ask, exchanges.MODEL, exchanges.PRICE).amount_nano
    left = {"balance": cost[0], "total": cost[1], "day": cost[2]}[limit]
    said = {"needed": dollars(needed), "available": dollars(left)}
    named = {} if limit == "balance" else {"limit": limit}
    assert record.refusal.extra == said | named


@pytest.mark.parametrize("cap", ["total_nano", "day_nano", "month_nano"])
async def test_a_cap_is_used_up_to_the_last_nano_dollar(
    storage, caller_with, cap: str
) -> None:
    """Exactly what is left is admitted; the smallest of asks afterwards is not."""
    ask = exchanges.ask(max_tokens=300)
    first = worst_case(ask, exchanges.MODEL, exchanges.PRICE).amount_nano
    caller = capped(storage, caller_with, 10**10, **{cap: 2 * first})
    addon = holds(storage.writer)
    for number in (1, 2):
        record = asking(caller, id=f"req_{number}", max_tokens=300)
        await request(addon, record)
        assert (record.held, record.quote.output_tokens) == (True, 300)
        assert not record.quote.lowered
        await addon.settle(record, charge(record.quote.amount_nano))
    budget = storage.writer.wait(set_caps, caller.key.id, Caps())
    assert budget.spent_nano == 2 * first
    record = await request(addon, asking(caller, id="req_3", max_tokens=1))
    assert record.refusal.code == "key_budget_exceeded"
    assert record.refusal.extra["available"] == "0.00"


async def test_a_key_over_its_cap_is_told_what_is_left(storage, caller) -> None:
    storage.writer.wait(set_caps, caller.key.id, Caps(day_nano=5))
    record = await request(holds(storage.writer), asking(caller, max_tokens=100))
    refusal = record.refusal
    assert (refusal.status, refusal.code) == (402, "key_budget_exceeded")
    assert refusal.extra["available"] == "0.000000005"
    assert refusal.extra["limit"] == "day"


# A request under a name.

NAME = ReplayKey("order-1", b"what was asked")
KEPT = KeptAnswer(200, "application/json", b'{"id":"req_1"}')


async def named(addon: Holds, caller, id: str, key: ReplayKey = NAME):
    """An ask under a name, and its flow."""
    record = asking(caller, id=id, max_tokens=100)
    record.replay = key
    flow = exchanges.travelling(record)
    await addon.request(flow)
    return record, flow


async def test_a_name_runs_once_at_a_time(storage, caller) -> None:
    addon = holds(storage.writer)
    first, _ = await named(addon, caller, "req_1")
    second, flow = await named(addon, caller, "req_2")
    assert (first.held, second.held, flow.response) == (True, False, None)
    assert second.refusal.code == "idempotency_key_in_use"
    assert second.refusal.extra == {"request_id": "req_1"}
    await addon.release(first)
    third, _ = await named(addon, caller, "req_3")
    assert third.held
    await addon.release(third)


async def test_what_ran_before_is_answered_with_what_was_kept(storage, caller) -> None:
    addon = holds(storage.writer)
    first, _ = await named(addon, caller, "req_1")
    await addon.settle(first, charge(1000), lambda paid_nano: KEPT)
    again, flow = await named(addon, caller, "req_2")
    assert (again.held, again.refusal, again.quote) == (False, None, None)
    assert flow.response.raw_content == KEPT.body
    assert (again.replayed.request_id, again.replayed.paid_nano) == ("req_1", 1000)
    assert balance(storage, caller).available_nano == 10**10 - 1000


async def test_what_ran_before_and_was_not_kept_says_so(storage, caller) -> None:
    addon = holds(storage.writer)
    first, _ = await named(addon, caller, "req_1")
    await addon.settle(first, charge(1000))
    again, flow = await named(addon, caller, "req_2")
    assert (again.refusal.code, flow.response) == ("idempotency_answer_not_kept", None)


async def test_a_name_is_not_lent_to_another_ask(storage, caller) -> None:
    addon = holds(storage.writer)
    first, _ = await named(addon, caller, "req_1")
    other, _ = await named(addon, caller, "req_2", ReplayKey("order-1", b"other"))
    assert other.refusal.code == "idempotency_key_reused"
    await addon.release(first)


async def test_an_ask_that_is_lowered_keeps_its_name(storage, caller_with) -> None:
    caller = caller_with(4_000_000)
    addon = holds(storage.writer)
    record = asking(caller, id="req_1")
    record.replay = NAME
    await request(addon, record)
    assert record.quote.lowered
    second, _ = await named(addon, caller, "req_2")
    assert second.refusal.code == "idempotency_key_in_use"
    await addon.release(record)


@pytest.mark.parametrize("written_anyway", [False, True])
async def test_a_settle_that_is_tried_again_keeps_its_answer(
    storage, caller, written_anyway: bool
) -> None:
    addon = holds(storage.writer)
    first, _ = await named(addon, caller, "req_1")
    addon.writer = FailingWriter(storage.writer, 2, written=written_anyway)
    await addon.settle(first, charge(1000), lambda paid_nano: KEPT)
    await written(addon)
    again, _ = await named(addon, caller, "req_2")
    assert again.replayed.answer == KEPT


# Closing.


def usage(nano: int, outcome: str) -> UsageRecord:
    return UsageRecord(
        model="gpt-4o",
        provider="openai",
        upstream_model="gpt-4o-2024",
        evidence="reported",
        quantities={"cache_write": nano},
        outcome=outcome,
        status=200,
        attempts=1,
        first_byte_ms=1,
        total_ms=2,
        tokens=15,
        stream=False,
    )


def charge(nano: int = 1000, outcome: str = "complete") -> Charge:
    record = usage(nano, outcome)
    pico = nano * 1000
    return Charge(nano, pico, record.quantities, outcome, record, nano, pico)


async def admitted(addon: Holds, caller) -> Exchange:
    record = await request(addon, asking(caller, max_tokens=100))
    assert record.held
    return record


async def written(addon: Holds) -> None:
    """What was kept for later is in the ledger."""
    await asyncio.gather(*addon.unwritten)


async def test_a_settle_charges_the_cost_and_frees_the_rest(storage, caller) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    await addon.settle(record, charge(1000))
    assert (record.held, record.paid_nano) == (False, 1000)
    after = balance(storage, caller)
    assert (after.pending_nano, after.available_nano) == (0, 10**10 - 1000)
    assert record.available_nano == after.available_nano


async def test_a_void_gives_all_back_and_says_why(storage, caller) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    await addon.void(record, charge(0, outcome="upstream_error"))
    assert (record.held, record.paid_nano) == (False, 0)
    assert record.available_nano == 10**10
    assert storage.reader.usage(record.id).record.outcome == "upstream_error"


async def test_a_failed_hook_leaves_nothing_held(storage, caller) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    await addon.release(record)
    await addon.release(record)
    assert balance(storage, caller).pending_nano == 0
    assert storage.reader.usage(record.id).record.outcome == "internal_error"


async def test_a_cost_above_the_balance_is_the_houses_and_is_logged(
    storage, caller, caplog: pytest.LogCaptureFixture
) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    with caplog.at_level(logging.WARNING):
        await addon.settle(record, charge(10**10 + 5))
    assert (record.paid_nano, record.available_nano) == (10**10, 0)
    assert "shortfall of $0.000000005" in caplog.text


# A ledger that cannot be written.


@pytest.mark.parametrize("written_anyway", [False, True])
@pytest.mark.parametrize("failures", [1, 2, 5])
async def test_a_settle_is_tried_until_it_is_written_and_charges_once(
    storage, caller, failures: int, written_anyway: bool
) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    addon.writer = FailingWriter(storage.writer, failures, written=written_anyway)
    await addon.settle(record, charge(1000))
    assert (record.held, record.paid_nano) == (False, 1000)
    await written(addon)
    after = balance(storage, caller)
    assert (after.pending_nano, after.available_nano) == (0, 10**10 - 1000)
    assert addon.unwritten == set()


@pytest.mark.parametrize("written_anyway", [False, True])
async def test_a_void_is_tried_until_it_is_written(
    storage, caller, written_anyway: bool
) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    addon.writer = FailingWriter(storage.writer, 3, written=written_anyway)
    await addon.void(record, None)
    assert record.paid_nano == 0
    await written(addon)
    assert balance(storage, caller).available_nano == 10**10


@pytest.mark.parametrize("written_anyway", [False, True])
async def test_an_admit_that_may_have_been_written_is_refused_and_voided(
    storage, caller, written_anyway: bool
) -> None:
    addon = holds(FailingWriter(storage.writer, 2, written=written_anyway))
    record = await request(addon, asking(caller))
    assert (record.refusal.code, record.held) == ("ledger_unavailable", False)
    await written(addon)
    assert balance(storage, caller).pending_nano == 0


async def test_a_full_queue_refuses_and_has_nothing_to_void(caller, storage) -> None:
    addon = holds(FailingWriter(storage.writer, 1, error=LedgerBusy))
    record = await request(addon, asking(caller))
    assert (record.refusal.status, record.refusal.retry_after) == (503, 1)
    assert addon.unwritten == set()


async def test_a_full_queue_delays_a_settle_like_any_fault(caller, storage) -> None:
    addon = holds(storage.writer)
    record = await admitted(addon, caller)
    addon.writer = FailingWriter(storage.writer, 2, error=LedgerBusy)
    await addon.settle(record, charge(1000))
    await written(addon)
    assert balance(storage, caller).available_nano == 10**10 - 1000


class Poisoned:
    """A writer whose verbs raise what nobody expects."""

    async def run(self, verb, *args: object) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("close", ["settle", "void"])
async def test_what_could_not_be_closed_is_still_held(close: str) -> None:
    addon, record = holds(Poisoned()), exchanges.held()
    with pytest.raises(ZeroDivisionError):
        await getattr(addon, close)(record, charge())
    assert record.held, "so that it is released"


async def test_a_verb_that_fails_for_ever_is_not_tried_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    addon = holds(FailingWriter(Poisoned(), 2))
    await addon.settle(exchanges.held(), charge())
    await written(addon)
    assert "settle cannot be written" in caplog.text


async def test_a_long_text_that_cannot_be_paid_is_refused_at_the_first_look() -> None:
    text = [{"role": "user", "content": "x" * 10**6}]
    record = asking(messages=text)
    # Enough for an input of a token for each sixteen bytes, and not for output.
    tokens = record.ask.input_tokens_max // 16
    writer = ScriptedWriter([insufficient(tokens * 2_500)])
    assert (await request(holds(writer), record)).refusal.status == 402
    assert len(writer.asked) == 1


async def settle_and_stop(failures: int) -> tuple[int, float]:
    """How many settles reached the ledger, and how long the end took."""
    till = ScriptedWriter([Settled(1000, 0, 0)])
    addon = holds(FailingWriter(till, failures), retry_seconds=2)
    await addon.settle(exchanges.held(), charge())
    await addon.done()
    await asyncio.sleep(0)
    return len(till.asked), asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("failures", "settled", "seconds"), [(0, 1, 0), (1, 1, 2), (3, 1, 6), (99, 0, 10)]
)
def test_the_end_waits_for_what_is_unwritten_but_not_for_ever(
    failures: int, settled: int, seconds: float
) -> None:
    assert leap(settle_and_stop(failures)) == (settled, pytest.approx(seconds))


IMAGE_PRICES = PriceBook([exchanges.IMAGE_PRICE])


def painting(caller, **fields) -> Exchange:
    """An exchange for images on its way to the till."""
    return exchanges.image_held(
        held=False, quote=None, ask=exchanges.image_ask(**fields), caller=caller.key
    )


async def test_images_are_held_for_what_they_cost(storage, caller) -> None:
    addon = holds(storage.writer, IMAGE_PRICES)
    storage.writer.wait(register_prices, [exchanges.IMAGE_PRICE])
    record = await request(addon, painting(caller, n=3))
    assert record.held
    assert balance(storage, caller).pending_nano == 12 * 10**7


@pytest.mark.parametrize(("nano", "held"), [(8 * 10**7, True), (8 * 10**7 - 1, False)])
async def test_fewer_images_than_asked_for_are_not_offered(
    storage, caller_with, nano: int, held: bool
) -> None:
    storage.writer.wait(register_prices, [exchanges.IMAGE_PRICE])
    addon = holds(storage.writer, IMAGE_PRICES)
    record = await request(addon, painting(caller_with(nano), n=2))
    assert record.held is held
    assert (record.refusal is None) is held
    if not held:
        assert record.refusal.code == "insufficient_balance"
        assert record.refusal.extra["needed"] == "0.08"


async def test_images_at_a_price_of_tokens_are_refused(caller) -> None:
    price = Price.of("dall-e-3", 0, exchanges.SELL, exchanges.SELL)
    record = await request(holds(None, PriceBook([price])), painting(caller))
    assert record.refusal.code == "price_unknown"
