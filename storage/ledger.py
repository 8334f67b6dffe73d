"""The ledger's verbs: admit, extend, settle, void, topup, promo, refund, adjust.

Money is a transfer of a positive amount from one account to another, in nano-dollars;
accounts keep cumulative counters that can be proved from the transfers. A request first
reserves its worst case (a hold) and later pays what it used (settle) or nothing (void).

Three ideas without which the code looks odd:

1. Every verb may be called twice with the same id and answers the same. That is how
   "did my commit happen?" is answered after a fault: by asking again.
2. A refusal writes nothing. Money is taken first, then the key's limits; if the key
   refuses, the money goes back in the same transaction.
3. A transfer's id says what caused it (`usage:req_…`, `topup:voucher:…`) and is unique,
   so one cause cannot be booked twice, whatever goes wrong around it.

What a provider takes for a request is a memo on the transfer that charges it: one row
moves the price from the user to `revenue` and our own cost from `cost` to `payable`.

A user never goes below zero. What a request cost above what was available is paid by
the house from `shortfall`, where an operator sees it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from config.prices import METERS
from storage import replays, tallies
from storage import statements as sql
from storage.caps import caps_of, days_of, tightest
from storage.chain import Value, digest, link
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.replays import Earlier, KeptAnswer, ReplayKey
from storage.states import Move, State, Step, step
from storage.trail import (
    ID_CHARS_MAX,
    NAME_CHARS_MAX,
    AttemptRecord,
    cleaned,
    trail_text,
)

CASH, REVENUE, SHORTFALL, PROMO = 1, 2, 3, 4
ADJUSTMENT, COST, PAYABLE = -1, -2, -3
REFERENCE_LENGTH_MAX = 255
CONDITIONS = "conditions"
"""Where usage.other keeps what is no meter."""
REFUNDABLE = ("topup", "promo", "usage", "late")
_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Admission:
    """What a request asks for. A limit of 0 is no limit; tokens count against tpm.

    `replay` is the name under which the request is to run once.
    """

    hold_id: str
    account_id: int
    key_id: int
    amount_nano: int
    price_id: str
    model: str
    tokens: int
    rpm: int
    tpm: int
    concurrency: int
    replay: ReplayKey | None = None


@dataclass(frozen=True, slots=True)
class RateState:
    """Where the key stands in its window; remaining is None where nothing limits."""

    requests_limit: int
    requests_remaining: int | None
    tokens_limit: int
    tokens_remaining: int | None
    reset_seconds: int


@dataclass(frozen=True, slots=True)
class Granted:
    hold_id: str
    available_nano: int
    rate: RateState


@dataclass(frozen=True, slots=True)
class Insufficient:
    needed_nano: int
    available_nano: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    limit: str
    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class Oversized:
    """More tokens than the key may use in a whole minute: waiting changes nothing."""

    needed_tokens: int
    limit_tokens: int


@dataclass(frozen=True, slots=True)
class OverBudget:
    """The key's own caps refuse: `limit` is the one that leaves least."""

    limit: str
    needed_nano: int
    available_nano: int


@dataclass(frozen=True, slots=True)
class Blocked:
    what: str


@dataclass(frozen=True, slots=True)
class Extended:
    amount_nano: int
    available_nano: int


@dataclass(frozen=True, slots=True)
class Closed:
    hold_id: str


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What a request used and how it ended; tokens replaces what tpm counted.

    `conditions` are the facts that its rates depended on, none for a flat price.
    `upstream_id` is what the provider calls the request, `finish` the reason it gave
    for the end, `trail` the attempts of which the last one led here.
    """

    model: str
    provider: str
    upstream_model: str
    evidence: str
    quantities: Mapping[str, int]
    outcome: str
    status: int
    attempts: int
    first_byte_ms: int | None
    total_ms: int
    tokens: int
    stream: bool
    conditions: Mapping[str, str | int] = field(default_factory=dict)
    upstream_id: str = ""
    finish: str = ""
    trail: tuple[AttemptRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a request cost the user, and what it cost us (buy).

    `answer` makes the answer that is kept of what was paid: that is known only here,
    and a function of nothing else.
    """

    hold_id: str
    cost_nano: int
    cost_pico: int
    record: UsageRecord
    buy_nano: int = 0
    buy_pico: int = 0
    answer: Callable[[int], KeptAnswer] | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    paid_nano: int
    shortfall_nano: int
    available_nano: int


@dataclass(frozen=True, slots=True)
class Voided:
    available_nano: int


@dataclass(frozen=True, slots=True)
class Created:
    transfer_id: str
    available_nano: int


@dataclass(frozen=True, slots=True)
class Exists:
    transfer_id: str


@dataclass(frozen=True, slots=True)
class Excessive:
    """More than what is left of the transfer that is to be refunded."""

    refundable_nano: int


@dataclass(frozen=True, slots=True)
class Adjusted:
    """`amount_nano` of it moved the user's balance; the rest is in shortfall."""

    transfer_id: str
    amount_nano: int
    shortfall_nano: int
    available_nano: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Who moves money by hand, and why; `ref` makes it happen once."""

    ref: str
    reason: str
    author: str


class _Hold(NamedTuple):
    """A closed hold: all columns, in the order in which its digest is made."""

    id: str
    account_id: int
    key_id: int
    amount_nano: int
    extended_nano: int
    price_id: str
    model: str
    tokens: int
    window_ns: int
    state: str
    reason: str | None
    boot_id: str
    opened_ns: int
    closed_ns: int


Admitted = (
    Granted | Insufficient | OverBudget | Oversized | RateLimited | Blocked | Earlier
)


def admit(db: Ledgerbase, ask: Admission) -> Admitted:
    """Reserve the money and enter the key's limits, or say why not.

    A request that runs or ran under the same name comes before both: sent again, it
    costs nothing and counts against nothing.
    """
    if ask.replay is not None:
        known = _known(db, ask, ask.replay)
        if known is not None:
            return known
    reserved = db.sql(
        sql.RESERVE_NEW, (ask.account_id, ask.amount_nano, ask.hold_id)
    )
    if not reserved:
        return _reserve_refusal(db, ask)
    entered = db.sql(
        sql.ENTER_KEY,
        (
            ask.key_id,
            db.now_ns,
            ask.tokens,
            ask.account_id,
            ask.rpm,
            ask.tpm,
            ask.concurrency,
            ask.amount_nano,
            *days_of(db.now_ns // sql.DAY_NS),
        ),
    )
    if not entered:
        db.sql(sql.RELEASE, (ask.account_id, ask.amount_nano))
        return _key_refusal(db, ask)
    window_ns, requests, tokens = entered[0]
    db.sql(
        sql.INSERT_HOLD,
        (
            ask.hold_id,
            ask.account_id,
            ask.key_id,
            ask.amount_nano,
            ask.price_id,
            ask.model,
            ask.tokens,
            window_ns,
            db.boot_id,
            db.now_ns,
        ),
    )
    if ask.replay is not None:
        replays.take(db, ask.account_id, ask.replay, ask.hold_id)
    rate = _rate_state(ask, db.now_ns, window_ns, requests, tokens)
    return Granted(ask.hold_id, reserved[0][0], rate)


def extend(
    db: Ledgerbase, hold_id: str, extra_nano: int
) -> Extended | Insufficient | OverBudget | Closed:
    """Reserve more for a running request.

    An account that was blocked meanwhile gets no more and is told so as Insufficient.
    This verb has no id of its own: repeated after a fault it may reserve twice, which
    the settle gives back.
    """
    if extra_nano <= 0:
        raise IllegalMove(f"cannot extend {hold_id} by {extra_nano}")
    state, row = _find_hold(db, hold_id)
    if step(state, Move.EXTEND, hold_id) is Step.REFUSE:
        return Closed(hold_id)
    account_id, key_id = row[1:3]
    reserved = db.sql(sql.RESERVE, (account_id, extra_nano))
    if not reserved:
        return Insufficient(extra_nano, _available(db, account_id))
    if not db.sql(sql.EXTEND_KEY, _capped(key_id, extra_nano, db.now_ns)):
        db.sql(sql.RELEASE, (account_id, extra_nano))
        refusal = _over_budget(db, key_id, extra_nano)
        if refusal is None:
            raise IllegalMove(f"cannot extend {hold_id}: key {key_id} is gone")
        return refusal
    ((amount_nano,),) = db.sql(sql.EXTEND_HOLD, (hold_id, extra_nano))
    return Extended(amount_nano, reserved[0][0])


def settle(db: Ledgerbase, settlement: Settlement) -> Settled:
    """Charge what a request cost and free what it held."""
    if min(settlement.cost_nano, settlement.buy_nano) < 0:
        raise IllegalMove(f"cannot settle {settlement.hold_id} at a negative cost")
    hold = _close(db, settlement.hold_id, State.SETTLED, None)
    if hold is None:
        return _settle_again(db, settlement)
    return _charge(db, hold, settlement, "usage", hold.amount_nano)


def void(
    db: Ledgerbase, hold_id: str, reason: str, record: UsageRecord | None
) -> Voided:
    """Give back all that was held; the request costs nothing."""
    hold = _close(db, hold_id, State.VOIDED, reason)
    if hold is None:
        state, row = _find_hold(db, hold_id)
        step(state, Move.VOID, hold_id)
        return Voided(_available(db, row[1]))
    record = record or _nothing_used(hold.model, reason)
    _leave_key(db, hold, record.tokens, 0)
    ((available,),) = db.sql(sql.RELEASE, (hold.account_id, hold.amount_nano))
    nothing = Settlement(hold_id, 0, 0, record)
    used = _usage_row(db, hold, nothing, 0)
    db.sql(sql.INSERT_USAGE, used)
    tallies.count(db, used, record.quantities)
    return Voided(available)


def topup(
    db: Ledgerbase, account_id: int, amount_nano: int, provider: str, object_id: str
) -> Created | Exists:
    """Outside money arrives; the provider's object is credited once, however often."""
    _check_reference(object_id)
    if not provider.isalnum():
        raise IllegalMove(f"{provider!r} is no provider of payments")
    transfer_id = f"topup:{provider}:{object_id}"
    return _credit(db, CASH, "topup", transfer_id, account_id, amount_nano, object_id)


def promo(
    db: Ledgerbase, account_id: int, amount_nano: int, ref: str
) -> Created | Exists:
    """The house gives money away; once for each ref."""
    _check_reference(ref)
    return _credit(db, PROMO, "promo", f"promo:{ref}", account_id, amount_nano, ref)


def refund(
    db: Ledgerbase, original_id: str, amount_nano: int, decision: Decision
) -> Created | Exists | Excessive | Insufficient:
    """Take back some or all of a transfer, never more than it moved.

    What a user paid comes back to the user; a top-up or a promo goes back where it
    came from, as far as the user still has it.
    """
    transfer_id = f"refund:{decision.ref}"
    _check_decision(decision, transfer_id)
    if amount_nano <= 0:
        raise IllegalMove(f"cannot book {transfer_id}: {amount_nano} is no amount")
    again = db.sql(sql.FIND_ORIGINAL, (transfer_id,))
    if again:
        if again[0][4:] != (amount_nano, original_id):
            raise IllegalMove(f"cannot book {transfer_id}: it was for something else")
        return Exists(transfer_id)
    found = db.sql(sql.FIND_ORIGINAL, (original_id,))
    if not found or found[0][0] not in REFUNDABLE:
        raise IllegalMove(f"cannot refund {original_id}")
    _, debit_id, credit_id, account_id, moved_nano, _ = found[0]
    ((reversed_nano,),) = db.sql(sql.REVERSED, (original_id,))
    if amount_nano > moved_nano - reversed_nano:
        return Excessive(moved_nano - reversed_nano)
    if credit_id == account_id:
        taken = db.sql(sql.DEBIT, (account_id, amount_nano))
        if not taken:
            return Insufficient(amount_nano, _available(db, account_id))
        available, posted = taken[0]
        db.sql(sql.CREDIT, (debit_id, amount_nano))
    else:
        db.sql(sql.DEBIT_HOUSE, (credit_id, amount_nano))
        ((available, posted),) = db.sql(sql.CREDIT, (account_id, amount_nano))
    _write_transfer(
        db,
        transfer_id,
        "refund",
        credit_id,
        debit_id,
        amount_nano,
        account_id,
        posted,
        ref=decision.ref,
        reverses=original_id,
        reason=decision.reason,
        author=decision.author,
    )
    return Created(transfer_id, available)


def adjust(
    db: Ledgerbase, account_id: int, amount_nano: int, decision: Decision
) -> Adjusted | Exists:
    """Correct a balance by hand. Less than nothing nobody can have: what a negative
    amount is above the available goes to shortfall."""
    transfer_id = f"adjustment:{decision.ref}"
    _check_decision(decision, transfer_id)
    if amount_nano == 0:
        raise IllegalMove(f"cannot book {transfer_id}: it changes nothing")
    again = db.sql(sql.FIND_ORIGINAL, (transfer_id,))
    if again:
        return _adjust_again(db, again[0], transfer_id, account_id, amount_nano)
    if not db.sql(sql.FIND_ACCOUNT, (account_id,)):
        raise IllegalMove(f"account {account_id} is no user's")
    if amount_nano > 0:
        ((available, posted),) = db.sql(sql.CREDIT, (account_id, amount_nano))
        db.sql(sql.DEBIT_HOUSE, (ADJUSTMENT, amount_nano))
        sides, moved, rest = (ADJUSTMENT, account_id), amount_nano, 0
    else:
        available, posted, moved = _take(db, account_id, -amount_nano)
        db.sql(sql.CREDIT, (ADJUSTMENT, -amount_nano))
        sides, rest = (account_id, ADJUSTMENT), -amount_nano - moved
    _write_transfer(
        db,
        transfer_id,
        "adjustment",
        *sides,
        moved,
        account_id,
        posted,
        ref=decision.ref,
        reason=decision.reason,
        author=decision.author,
    )
    if rest:
        _book_shortfall(db, transfer_id, rest, ADJUSTMENT, ref=decision.ref)
    return Adjusted(
        transfer_id, moved if amount_nano > 0 else -moved, rest, available
    )


# Admission.


def _known(db: Ledgerbase, ask: Admission, replay: ReplayKey) -> Admitted | None:
    """The answer to a request that came before, by its id or by its name."""
    found = db.sql(sql.FIND_HOLD, (ask.hold_id,))
    if found:
        return _admit_again(db, ask, found[0])
    earlier = replays.find(db, ask.account_id, replay)
    return None if earlier is None else _admit_earlier(db, ask, earlier)


def _reserve_refusal(
    db: Ledgerbase, ask: Admission
) -> Granted | Insufficient | Blocked:
    """Why nothing was reserved: it was before, or it cannot be."""
    found = db.sql(sql.FIND_HOLD, (ask.hold_id,))
    if found:
        return _admit_again(db, ask, found[0])
    return _account_refusal(db, ask.account_id, ask.amount_nano)


def _admit_again(db: Ledgerbase, ask: Admission, row: Row) -> Granted:
    state, account_id, key_id, amount, extended, price_id, model, tokens, _ = row
    step(State(state), Move.ADMIT, ask.hold_id)
    first = (account_id, key_id, amount - extended, price_id, model, tokens)
    again = (
        ask.account_id,
        ask.key_id,
        ask.amount_nano,
        ask.price_id,
        ask.model,
        ask.tokens,
    )
    if first != again:
        raise IllegalMove(f"cannot admit {ask.hold_id}: it holds something else")
    ((_, window_ns, requests, used, _),) = _key_state(db, ask)
    rate = _rate_state(ask, db.now_ns, window_ns, requests, used)
    return Granted(ask.hold_id, _available(db, account_id), rate)


def _admit_earlier(
    db: Ledgerbase, ask: Admission, earlier: Earlier
) -> Earlier | Blocked:
    """Who may ask nothing new learns nothing old: refused as for a first request."""
    ((account_status, _),) = db.sql(sql.FIND_ACCOUNT, (ask.account_id,))
    if account_status != "open":
        return Blocked("account")
    found = _key_state(db, ask)
    if not found:
        raise IllegalMove(f"key {ask.key_id} is not of account {ask.account_id}")
    return earlier if found[0][0] == "active" else Blocked("key")


def not_allowed(
    db: Ledgerbase, ask: Admission
) -> Blocked | Insufficient | OverBudget | None:
    """Why an ask would be refused that is no matter of how much goes on; None if there
    is no such reason. Reserves nothing."""
    found = db.sql(sql.FIND_ACCOUNT, (ask.account_id,))
    if not found or found[0][0] != "open" or found[0][1] < ask.amount_nano:
        return _account_refusal(db, ask.account_id, ask.amount_nano)
    key = _key_state(db, ask)
    if key and key[0][0] != "active":
        return Blocked("key")
    return _over_budget(db, ask.key_id, ask.amount_nano)


def _account_refusal(
    db: Ledgerbase, account_id: int, needed_nano: int
) -> Insufficient | Blocked:
    found = db.sql(sql.FIND_ACCOUNT, (account_id,))
    if not found:
        raise IllegalMove(f"account {account_id} is no user's")
    status, available = found[0]
    if status != "open":
        return Blocked("account")
    return Insufficient(needed_nano, available)


def _key_refusal(
    db: Ledgerbase, ask: Admission
) -> RateLimited | Blocked | OverBudget | Oversized:
    """Which limit it was; the one that takes longest to pass comes first."""
    found = _key_state(db, ask)
    if not found:
        raise IllegalMove(f"key {ask.key_id} is not of account {ask.account_id}")
    status, window_ns, requests, tokens, _ = found[0]
    if status != "active":
        return Blocked("key")
    if ask.tpm and ask.tokens > ask.tpm:
        return Oversized(ask.tokens, ask.tpm)
    over = _over_budget(db, ask.key_id, ask.amount_nano)
    if over is not None:
        return over
    live = 0 <= db.now_ns - window_ns < sql.WINDOW_NS
    if ask.rpm and live and requests >= ask.rpm:
        return RateLimited("rpm", _seconds_left(db.now_ns, window_ns))
    if ask.tpm and ask.tokens + (tokens if live else 0) > ask.tpm:
        start = window_ns if live else db.now_ns
        return RateLimited("tpm", _seconds_left(db.now_ns, start))
    return RateLimited("concurrency", 1)


def _over_budget(
    db: Ledgerbase, key_id: int, amount_nano: int
) -> OverBudget | None:
    """Which of the key's caps leaves least, if that is less than an amount."""
    found = db.sql(sql.FIND_CAPS, _capped(key_id, amount_nano, db.now_ns))
    if not found:
        return None
    pending, *figures = found[0]
    cap = tightest(caps_of(pending, figures))
    if cap is None or cap.left_nano is None or cap.left_nano >= amount_nano:
        return None
    return OverBudget(cap.name, amount_nano, cap.left_nano)


def _capped(
    key_id: int, amount_nano: int, now_ns: int
) -> tuple[int | None, ...]:
    """The parameters of the caps; what the limits take in between is not used."""
    unused = (None,) * 6
    return (key_id, *unused, amount_nano, *days_of(now_ns // sql.DAY_NS))


def _key_state(db: Ledgerbase, ask: Admission) -> list[Row]:
    return db.sql(sql.FIND_KEY_STATE, (ask.key_id, ask.account_id))


def _rate_state(
    ask: Admission, now_ns: int, window_ns: int, requests: int, tokens: int
) -> RateState:
    return RateState(
        ask.rpm,
        max(0, ask.rpm - requests) if ask.rpm else None,
        ask.tpm,
        max(0, ask.tpm - tokens) if ask.tpm else None,
        _seconds_left(now_ns, window_ns),
    )


def _seconds_left(now_ns: int, window_ns: int) -> int:
    """Whole seconds until the window ends, rounded up and within 1 to 60."""
    left = -((now_ns - window_ns - sql.WINDOW_NS) // _SECOND_NS)
    return min(60, max(1, left))


# Closing.


def _close(
    db: Ledgerbase, hold_id: str, state: State, reason: str | None
) -> _Hold | None:
    closed = db.sql(sql.CLOSE_HOLD, (hold_id, state.value, reason, db.now_ns))
    return _Hold(*closed[0]) if closed else None


def _leave_key(db: Ledgerbase, hold: _Hold, tokens: int, paid_nano: int) -> None:
    """What was paid counts against the caps; what was held no longer does."""
    correction = tokens - hold.tokens
    db.sql(
        sql.LEAVE_KEY,
        (hold.key_id, hold.window_ns, correction, hold.amount_nano, paid_nano),
    )


def _charge(
    db: Ledgerbase, hold: _Hold, settlement: Settlement, code: str, held_nano: int
) -> Settled:
    """Move the cost to revenue: from the user what there is, from the house the rest.

    A user's own hold always covers a cost up to its size, so the second path is only
    for an estimate that was too small.
    """
    cost = settlement.cost_nano
    paid = cost
    charged = db.sql(sql.CHARGE, (hold.account_id, held_nano, cost))
    if not charged:
        paid = _available(db, hold.account_id) + held_nano
        charged = db.sql(sql.CHARGE, (hold.account_id, held_nano, paid))
    available, posted = charged[0]
    db.sell(cost, settlement.buy_nano)
    used = _usage_row(db, hold, settlement, paid)
    _write_transfer(
        db,
        f"{code}:{hold.id}",
        code,
        hold.account_id,
        REVENUE,
        paid,
        hold.account_id,
        posted,
        hold_id=hold.id,
        buy_nano=settlement.buy_nano,
        request_hash=digest(hold + used),
    )
    if cost > paid:
        _book_shortfall(db, hold.id, cost - paid, REVENUE, hold_id=hold.id)
    if code == "usage":
        _leave_key(db, hold, settlement.record.tokens, paid)
        db.sql(sql.INSERT_USAGE, used)
    else:
        db.sql(sql.SPEND_LATE, (hold.key_id, paid))
        _forget_usage(db, hold.id)
        db.sql(sql.REPLACE_USAGE, used)
    tallies.count(db, used, settlement.record.quantities)
    if paid:
        db.sql(sql.SPEND, (hold.key_id, db.now_ns // sql.DAY_NS, paid))
    if settlement.answer is not None:
        replays.keep(db, hold.id, settlement.answer(paid))
    return Settled(paid, cost - paid, available)


def _take(db: Ledgerbase, account_id: int, amount_nano: int) -> tuple[int, int, int]:
    """An amount, or all that is available: available, posted, and what was taken."""
    taken = db.sql(sql.DEBIT, (account_id, amount_nano))
    if not taken:
        amount_nano = _available(db, account_id)
        taken = db.sql(sql.DEBIT, (account_id, amount_nano))
    return *taken[0], amount_nano


def _book_shortfall(
    db: Ledgerbase,
    cause: str,
    amount_nano: int,
    credit_id: int,
    hold_id: str | None = None,
    ref: str | None = None,
) -> None:
    db.sql(sql.DEBIT_HOUSE, (SHORTFALL, amount_nano))
    _write_transfer(
        db,
        f"shortfall:{cause}",
        "shortfall",
        SHORTFALL,
        credit_id,
        amount_nano,
        hold_id=hold_id,
        ref=ref,
    )


def _adjust_again(
    db: Ledgerbase, row: Row, transfer_id: str, account_id: int, amount_nano: int
) -> Exists:
    _, debit_id, _, adjusted_id, moved, _ = row
    if debit_id != ADJUSTMENT:
        rest = db.sql(sql.FIND_ORIGINAL, (f"shortfall:{transfer_id}",))
        moved = -moved - (rest[0][4] if rest else 0)
    if (adjusted_id, moved) != (account_id, amount_nano):
        raise IllegalMove(f"cannot book {transfer_id}: it was for something else")
    return Exists(transfer_id)


def _settle_again(db: Ledgerbase, settlement: Settlement) -> Settled:
    hold_id = settlement.hold_id
    state, row = _find_hold(db, hold_id)
    late = step(state, Move.SETTLE, hold_id) is Step.LATE
    if late and not db.sql(sql.FIND_TRANSFER, (f"late:{hold_id}",)):
        (closed,) = db.sql(sql.FIND_WHOLE_HOLD, (hold_id,))
        return _charge(db, _Hold(*closed), settlement, "late", 0)
    ((paid, shortfall),) = db.sql(sql.FIND_PAYMENT, (hold_id,))
    return Settled(paid, shortfall, _available(db, row[1]))


def _find_hold(db: Ledgerbase, hold_id: str) -> tuple[State, Row]:
    found = db.sql(sql.FIND_HOLD, (hold_id,))
    if not found:
        return State.ABSENT, ()
    return State(found[0][0]), found[0]


def _nothing_used(model: str, outcome: str) -> UsageRecord:
    return UsageRecord(model, "", "", "none", {}, outcome, 0, 0, None, 0, 0, False)


# Rows.


def _available(db: Ledgerbase, account_id: int) -> int:
    ((_, available),) = db.sql(sql.FIND_ACCOUNT, (account_id,))
    return int(available)


def _credit(
    db: Ledgerbase,
    source_id: int,
    code: str,
    transfer_id: str,
    account_id: int,
    amount_nano: int,
    ref: str,
) -> Created | Exists:
    if amount_nano <= 0:
        raise IllegalMove(f"cannot book {transfer_id}: {amount_nano} is no amount")
    found = db.sql(sql.FIND_TRANSFER, (transfer_id,))
    if found:
        if found[0] != (code, account_id, amount_nano):
            raise IllegalMove(f"cannot book {transfer_id}: it was for something else")
        return Exists(transfer_id)
    if not db.sql(sql.FIND_ACCOUNT, (account_id,)):
        raise IllegalMove(f"account {account_id} is no user's")
    ((available, posted),) = db.sql(sql.CREDIT, (account_id, amount_nano))
    db.sql(sql.DEBIT_HOUSE, (source_id, amount_nano))
    _write_transfer(
        db,
        transfer_id,
        code,
        source_id,
        account_id,
        amount_nano,
        account_id,
        posted,
        ref=ref,
    )
    return Created(transfer_id, available)


def _check_reference(text: str) -> None:
    if not 0 < len(text) <= REFERENCE_LENGTH_MAX:
        raise IllegalMove(
            f"a reference has 1 to {REFERENCE_LENGTH_MAX} characters, not {len(text)}"
        )


def _check_decision(decision: Decision, transfer_id: str) -> None:
    for text in (decision.ref, decision.reason, decision.author):
        _check_reference(text)
        if not text.strip():
            raise IllegalMove(f"cannot book {transfer_id}: say why and who you are")


def _write_transfer(
    db: Ledgerbase,
    transfer_id: str,
    code: str,
    debit_id: int,
    credit_id: int,
    amount_nano: int,
    account_id: int | None = None,
    balance_nano: int | None = None,
    *,
    hold_id: str | None = None,
    ref: str | None = None,
    buy_nano: int = 0,
    reverses: str | None = None,
    reason: str | None = None,
    author: str | None = None,
    request_hash: bytes | None = None,
) -> None:
    """The next link of the chain; dated later than all before it."""
    seq, at_ns, head = db.tip()
    seq, at_ns = seq + 1, max(at_ns + 1, db.now_ns)
    row = (
        seq,
        transfer_id,
        code,
        debit_id,
        credit_id,
        amount_nano,
        buy_nano,
        account_id,
        balance_nano,
        hold_id,
        reverses,
        ref,
        reason,
        author,
        at_ns,
    )
    hashed = link(head, row, request_hash)
    db.sql(sql.INSERT_TRANSFER, (*row, request_hash, head, hashed))
    db.grow(seq, at_ns, hashed)


def _usage_row(
    db: Ledgerbase, hold: _Hold, settlement: Settlement, paid_nano: int
) -> tuple[Value, ...]:
    """The model and price are the hold's: what was promised is what is charged."""
    record = settlement.record
    quantities = record.quantities
    return (
        hold.id,
        hold.account_id,
        hold.key_id,
        hold.price_id,
        hold.model,
        record.provider,
        record.upstream_model,
        record.evidence,
        *[quantities.get(meter, 0) for meter in METERS],
        _other(record),
        str(settlement.cost_pico),
        settlement.cost_nano,
        paid_nano,
        settlement.cost_nano - paid_nano,
        record.outcome,
        record.status,
        record.attempts,
        record.first_byte_ms,
        record.total_ms,
        record.tokens,
        int(record.stream),
        db.now_ns,
        str(settlement.buy_pico),
        settlement.buy_nano,
        cleaned(record.upstream_id, ID_CHARS_MAX),
        cleaned(record.finish, NAME_CHARS_MAX),
        trail_text(record.trail),
    )


def _forget_usage(db: Ledgerbase, hold_id: str) -> None:
    """What is about to be replaced counts no more."""
    (used,) = db.sql(sql.FIND_USAGE, (hold_id,))
    quantities = dict(zip(METERS, used[8:12], strict=True))
    if used[12] is not None:
        others = json.loads(used[12])
        others.pop(CONDITIONS, None)
        quantities.update(others)
    tallies.uncount(db, used, quantities)


def _other(record: UsageRecord) -> str | None:
    """What has no column: further meters, and the conditions under a name of their
    own. With the price they are all that rating again takes."""
    other: dict[str, object] = {
        meter: n for meter, n in record.quantities.items() if meter not in METERS
    }
    if record.conditions:
        other[CONDITIONS] = dict(record.conditions)
    return json.dumps(other, sort_keys=True) if other else None
