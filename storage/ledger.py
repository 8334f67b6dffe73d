"""The ledger's verbs: admit, extend, settle, void, topup, promo.

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

A user never goes below zero. What a request cost above what was available is paid by
the house from `shortfall`, where an operator sees it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.prices import METERS
from storage import statements as sql
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.states import Move, State, Step, step

CASH, REVENUE, SHORTFALL, PROMO = 1, 2, 3, 4
REFERENCE_LENGTH_MAX = 255
CONDITIONS = "conditions"
"""Where usage.other keeps what is no meter."""
_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Admission:
    """What a request asks for. A limit of 0 is no limit; tokens count against tpm."""

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


@dataclass(frozen=True, slots=True)
class Settlement:
    hold_id: str
    cost_nano: int
    cost_pico: int
    record: UsageRecord


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
class _Hold:
    """A hold as a settle or void finds it."""

    id: str
    account_id: int
    key_id: int
    amount_nano: int
    price_id: str
    model: str
    tokens: int
    window_ns: int


@dataclass(frozen=True, slots=True)
class _Transfer:
    id: str
    code: str
    debit_id: int
    credit_id: int
    amount_nano: int
    account_id: int | None = None
    balance_nano: int | None = None
    hold_id: str | None = None
    ref: str | None = None


Admitted = Granted | Insufficient | RateLimited | Blocked


def admit(db: Ledgerbase, ask: Admission) -> Admitted:
    """Reserve the money and enter the key's limits, or say why not."""
    found = db.sql(sql.FIND_HOLD, (ask.hold_id,))
    if found:
        return _admit_again(db, ask, found[0])
    reserved = db.sql(sql.RESERVE, (ask.account_id, ask.amount_nano))
    if not reserved:
        return _account_refusal(db, ask.account_id, ask.amount_nano)
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
    rate = _rate_state(ask, db.now_ns, window_ns, requests, tokens)
    return Granted(ask.hold_id, reserved[0][0], rate)


def extend(
    db: Ledgerbase, hold_id: str, extra_nano: int
) -> Extended | Insufficient | Closed:
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
    account_id = row[1]
    reserved = db.sql(sql.RESERVE, (account_id, extra_nano))
    if not reserved:
        return Insufficient(extra_nano, _available(db, account_id))
    ((amount_nano,),) = db.sql(sql.EXTEND_HOLD, (hold_id, extra_nano))
    return Extended(amount_nano, reserved[0][0])


def settle(db: Ledgerbase, settlement: Settlement) -> Settled:
    """Charge what a request cost and free what it held."""
    if settlement.cost_nano < 0 or settlement.cost_pico < 0:
        raise IllegalMove(f"cannot settle {settlement.hold_id} at a negative cost")
    hold = _close(db, settlement.hold_id, State.SETTLED, None)
    if hold is None:
        return _settle_again(db, settlement)
    _leave_key(db, hold, settlement.record.tokens)
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
    _leave_key(db, hold, record.tokens)
    ((available,),) = db.sql(sql.RELEASE, (hold.account_id, hold.amount_nano))
    _write_usage(db, sql.INSERT_USAGE, hold, Settlement(hold_id, 0, 0, record), 0)
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


# Admission.


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


def _key_refusal(db: Ledgerbase, ask: Admission) -> RateLimited | Blocked:
    """Which limit it was; the one that takes longest to pass comes first."""
    found = _key_state(db, ask)
    if not found:
        raise IllegalMove(f"key {ask.key_id} is not of account {ask.account_id}")
    status, window_ns, requests, tokens, _ = found[0]
    if status != "active":
        return Blocked("key")
    live = 0 <= db.now_ns - window_ns < sql.WINDOW_NS
    if ask.rpm and live and requests >= ask.rpm:
        return RateLimited("rpm", _seconds_left(db.now_ns, window_ns))
    if ask.tpm and ask.tokens + (tokens if live else 0) > ask.tpm:
        start = window_ns if live else db.now_ns
        return RateLimited("tpm", _seconds_left(db.now_ns, start))
    return RateLimited("concurrency", 1)


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
    return _Hold(hold_id, *closed[0]) if closed else None


def _leave_key(db: Ledgerbase, hold: _Hold, tokens: int) -> None:
    correction = tokens - hold.tokens
    db.sql(sql.LEAVE_KEY, (hold.key_id, hold.window_ns, correction))


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
    db.sql(sql.CREDIT, (REVENUE, cost))
    _write_transfer(
        db,
        _Transfer(
            f"{code}:{hold.id}",
            code,
            hold.account_id,
            REVENUE,
            paid,
            hold.account_id,
            posted,
            hold.id,
        ),
    )
    if cost > paid:
        _book_shortfall(db, hold.id, cost - paid)
    write = sql.INSERT_USAGE if code == "usage" else sql.REPLACE_USAGE
    _write_usage(db, write, hold, settlement, paid)
    return Settled(paid, cost - paid, available)


def _book_shortfall(db: Ledgerbase, hold_id: str, amount_nano: int) -> None:
    db.sql(sql.DEBIT_HOUSE, (SHORTFALL, amount_nano))
    _write_transfer(
        db,
        _Transfer(
            f"shortfall:{hold_id}",
            "shortfall",
            SHORTFALL,
            REVENUE,
            amount_nano,
            hold_id=hold_id,
        ),
    )


def _settle_again(db: Ledgerbase, settlement: Settlement) -> Settled:
    hold_id = settlement.hold_id
    state, row = _find_hold(db, hold_id)
    late = step(state, Move.SETTLE, hold_id) is Step.LATE
    _, account_id, key_id, amount, _, price_id, model, tokens, window_ns = row
    if late and not db.sql(sql.FIND_TRANSFER, (f"late:{hold_id}",)):
        hold = _Hold(
            hold_id, account_id, key_id, amount, price_id, model, tokens, window_ns
        )
        return _charge(db, hold, settlement, "late", 0)
    ((paid, shortfall),) = db.sql(sql.FIND_PAYMENT, (hold_id,))
    return Settled(paid, shortfall, _available(db, account_id))


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
        _Transfer(
            transfer_id,
            code,
            source_id,
            account_id,
            amount_nano,
            account_id,
            posted,
            ref=ref,
        ),
    )
    return Created(transfer_id, available)


def _check_reference(text: str) -> None:
    if not 0 < len(text) <= REFERENCE_LENGTH_MAX:
        raise IllegalMove(
            f"a reference has 1 to {REFERENCE_LENGTH_MAX} characters, not {len(text)}"
        )


def _write_transfer(db: Ledgerbase, transfer: _Transfer) -> None:
    db.sql(
        sql.INSERT_TRANSFER,
        (
            transfer.id,
            transfer.code,
            transfer.debit_id,
            transfer.credit_id,
            transfer.amount_nano,
            transfer.account_id,
            transfer.balance_nano,
            transfer.hold_id,
            transfer.ref,
            db.rise(),
        ),
    )


def _write_usage(
    db: Ledgerbase, statement: str, hold: _Hold, settlement: Settlement, paid_nano: int
) -> None:
    """The model and price are the hold's: what was promised is what is charged."""
    record = settlement.record
    quantities = record.quantities
    db.sql(
        statement,
        (
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
        ),
    )


def _other(record: UsageRecord) -> str | None:
    """What has no column: further meters, and the conditions under a name of their
    own. With the price they are all that rating again takes."""
    other: dict[str, object] = {
        meter: n for meter, n in record.quantities.items() if meter not in METERS
    }
    if record.conditions:
        other[CONDITIONS] = dict(record.conditions)
    return json.dumps(other, sort_keys=True) if other else None
