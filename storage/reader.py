"""The reader: what pages, commands and caches ask of the ledger.

Every call is a short transaction of its own, on a connection that cannot write,
and blocks, so it belongs in a thread, not on an event loop. Lists are bounded and
paged by position, never by counting rows: page a thousand costs what page one costs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.money import MAX_INTEGER
from config.price_text import price_of_texts
from config.prices import METERS, Price
from storage import statements as sql
from storage.accounts import UserRecord, user_record
from storage.caps import days_of, monday_of
from storage.engine import Engine, Row
from storage.errors import LedgerBroken
from storage.job_reads import JobReads
from storage.keys import KeyRecord, key_record
from storage.ledger import CONDITIONS, UsageRecord
from storage.models import Account, Transfer, Usage, User
from storage.orders import Order, order_of
from storage.oversight import Oversight
from storage.reports import Reports
from storage.standing import Spending, Standing, spending_of, standing_of
from storage.trail import attempts_of

ROWS_MAX = 500

_DEFAULT_KEY = f"""
    SELECT {sql.KEY_FIELDS}, k.sealed FROM {sql.KEY_TABLES}
    WHERE k.account_id = ?1 AND k.is_default = 1 AND k.status <> 'revoked'
"""
_KEYS = f"""
    SELECT {sql.KEY_FIELDS} FROM {sql.KEY_TABLES}
    WHERE k.account_id = ?1 ORDER BY k.id DESC LIMIT ?2
"""
_BALANCE = f"""
    SELECT {sql.POSTED}, debits_pending, {sql.AVAILABLE} FROM account WHERE id = ?1
"""
_SESSION_USER = f"""
    SELECT {sql.USER_FIELDS}, s.seen_ns FROM {sql.USER_TABLES}
    JOIN session s ON s.user_id = u.id
    WHERE s.token_hash = ?1 AND s.expires_ns > ?2
"""
_OPEN_HOLDS = """
    SELECT id, account_id, key_id, model, amount_nano, boot_id, opened_ns
    FROM hold WHERE state = 'open' ORDER BY id
"""
_REVISION = "SELECT number FROM revision"
_USAGE = ", ".join(f"u.{name}" for name in Usage._meta.columns)
_RECEIPT = f"""
    SELECT {_USAGE}, a.owner, h.state, h.amount_nano, h.opened_ns, h.closed_ns,
           p.model, p.effective_from_ns, p.sell, p.buy,
           t.seq, t.id, t.amount_nano, t.balance_nano, t.at_ns, t.hash
    FROM usage u
    JOIN account a ON a.id = u.account_id
    JOIN hold h ON h.id = u.request_id
    JOIN price p ON p.id = u.price_id
    LEFT JOIN transfer t
        ON t.id = CASE h.state WHEN 'settled' THEN 'usage:' ELSE 'late:' END || h.id
    WHERE u.request_id = ?1
"""

_HELD_PRICE = """
    SELECT h.price_id, p.model, p.effective_from_ns, p.sell, p.buy
    FROM hold h JOIN price p ON p.id = h.price_id WHERE h.id = ?1
"""

_OWN_ORDER = f"{sql.FIND_ORDER} AND account_id = ?2"
_ORDERS = f"""
    SELECT {sql.ORDER_COLUMNS} FROM payment_order
    WHERE (?1 = 0 OR account_id = ?1) AND (?2 = '' OR id < ?2)
    ORDER BY id DESC LIMIT ?3
"""
_OWN_ORDERS = f"""
    SELECT {sql.ORDER_COLUMNS} FROM payment_order
    WHERE account_id = ?1 AND (?2 = '' OR id < ?2) ORDER BY id DESC LIMIT ?3
"""
_EVENTS = """
    SELECT e.method, e.id, e.type, e.order_id, o.account_id, e.outcome, e.detail,
           e.problem, e.deliveries, e.received_ns, e.resolution, e.resolved_by
    FROM payment_event e LEFT JOIN payment_order o ON o.id = e.order_id
    WHERE e.received_ns < ?1 AND (?2 = '' OR e.order_id = ?2)
    ORDER BY e.received_ns DESC, e.id LIMIT ?3
"""
_PROBLEMS = _EVENTS.replace(
    "ORDER BY", "AND e.problem = 1 AND e.resolution IS NULL ORDER BY"
)


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A callback: what it was about, what came of it, and what an operator said."""

    method: str
    id: str
    type: str
    order_id: str | None
    account_id: int | None
    outcome: str
    detail: str
    problem: int
    deliveries: int
    received_ns: int
    resolution: str | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Balance:
    posted_nano: int
    pending_nano: int
    available_nano: int


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transfer as its user sees it: the amount is negative when it was paid."""

    seq: int
    id: str
    kind: str
    amount_nano: int
    balance_nano: int
    at_ns: int
    model: str | None
    request_id: str | None
    quantities: Mapping[str, int]
    ref: str | None
    provider: str | None
    evidence: str | None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What one request used and cost."""

    request_id: str
    account_id: int
    key_id: int
    price_id: str
    record: UsageRecord
    cost_pico: int
    cost_nano: int
    paid_nano: int
    shortfall_nano: int
    at_ns: int
    buy_pico: int
    buy_nano: int


@dataclass(frozen=True, slots=True)
class ChargeTransfer:
    """The transfer that charged a request."""

    seq: int
    id: str
    amount_nano: int
    balance_nano: int
    at_ns: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """All rows about one request; `state` is settled, voided, or late, which is
    settled after it had been voided. `transfer` is None when nothing was charged."""

    report: UsageReport
    owner: str
    state: str
    held_nano: int
    opened_ns: int
    closed_ns: int
    price: Price
    transfer: ChargeTransfer | None


@dataclass(frozen=True, slots=True)
class OpenHold:
    id: str
    account_id: int
    key_id: int
    model: str
    amount_nano: int
    boot_id: str
    opened_ns: int


class Reader:
    def __init__(self, engine: Engine) -> None:
        self._reads = engine.reads()
        self._rows = self._reads.rows
        self._query = self._reads.query
        self.jobs = JobReads(self._reads)
        self.reports = Reports(self._reads)
        self.oversight = Oversight(self._reads)

    def close(self) -> None:
        """Closes the connections of all threads; nobody may be reading any more."""
        self._reads.close()

    # Users.

    def user(self, user_id: str) -> UserRecord | None:
        return _one(user_record, self._rows(sql.FIND_USER, (user_id,)))

    def user_by_email(self, email: str) -> UserRecord | None:
        """The address as `normalise_email` spells it."""
        return _one(user_record, self._rows(sql.FIND_USER_BY_EMAIL, (email,)))

    def users(
        self, search: str = "", after: str = "", limit: int = ROWS_MAX
    ) -> list[UserRecord]:
        """In the order of their addresses, beginning after one of them."""
        query = (
            User.select(
                User.id,
                User.email,
                User.account_id,
                User.role,
                User.password_hash,
                Account.status,
                User.created_ns,
                User.language,
            )
            .join(Account, on=(Account.id == User.account_id))
            .where(User.email > after)
            .order_by(User.email)
            .limit(_bounded(limit))
        )
        if search:
            query = query.where(User.email.contains(search.lower()))
        return [user_record(row) for row in self._query(query)]

    def session_user(
        self, token_hash: bytes, now_ns: int
    ) -> tuple[UserRecord, int] | None:
        """Whose session it is, and when its user was seen last."""
        rows = self._rows(_SESSION_USER, (token_hash, now_ns))
        return (user_record(rows[0][:-1]), rows[0][-1]) if rows else None

    # Keys.

    def key_by_hash(self, key_hash: bytes) -> KeyRecord | None:
        return _one(key_record, self._rows(sql.FIND_KEY_BY_HASH, (key_hash,)))

    def default_key(self, account_id: int) -> tuple[KeyRecord, bytes] | None:
        """The key and its sealed text."""
        rows = self._rows(_DEFAULT_KEY, (account_id,))
        return (key_record(rows[0][:-1]), rows[0][-1]) if rows else None

    def keys(self, account_id: int) -> list[KeyRecord]:
        """The newest first, revoked ones included."""
        return [key_record(row) for row in self._rows(_KEYS, (account_id, ROWS_MAX))]

    def standing(self, key_id: int, now_ns: int) -> Standing | None:
        """What a key may still spend now, and its account's money."""
        rows = self._rows(sql.KEY_STANDING, (key_id, *_calendar(now_ns)))
        return _one(standing_of, rows)

    def spending(self, account_id: int, now_ns: int) -> list[Spending]:
        """What each key of an account spent until now, in the order of `keys`."""
        params = (account_id, *_calendar(now_ns), ROWS_MAX)
        return [spending_of(row) for row in self._rows(sql.KEY_SPENDING, params)]

    def revision(self) -> int:
        """Changes whenever a key or an account's status does, in any process."""
        return int(self._rows(_REVISION)[0][0])

    # Money.

    def balance(self, account_id: int) -> Balance:
        return Balance(*self._rows(_BALANCE, (account_id,))[0])

    def transactions(
        self, account_id: int, before_seq: int | None = None, limit: int = 50
    ) -> list[TransactionRecord]:
        """The newest first, beginning before one of them."""
        query = (
            Transfer.select(
                Transfer.seq,
                Transfer.id,
                Transfer.code,
                Transfer.debit_id,
                Transfer.amount_nano,
                Transfer.balance_nano,
                Transfer.at_ns,
                Transfer.hold_id,
                Transfer.ref,
                Usage.model,
                Usage.provider,
                Usage.evidence,
                Usage.other,
                *[getattr(Usage, meter) for meter in METERS],
            )
            .left_outer_join(Usage, on=(Usage.request_id == Transfer.hold_id))
            .where(Transfer.account_id == account_id)
            .order_by(Transfer.seq.desc())
            .limit(_bounded(limit))
        )
        if before_seq is not None:
            query = query.where(Transfer.seq < before_seq)
        return [transaction_of(account_id, row) for row in self._query(query)]

    def usage(self, request_id: str) -> UsageReport | None:
        query = Usage.select().where(Usage.request_id == request_id)
        return _one(_usage_report, self._query(query))

    def receipt(self, request_id: str) -> ReceiptRecord | None:
        """What a request's receipt is made of; None while it runs. LedgerBroken if its
        price is not what it was."""
        return _one(_receipt_record, self._rows(_RECEIPT, (request_id,)))

    def held_price(self, request_id: str) -> Price:
        """The price that a request was admitted at. LedgerBroken if it is not what it
        was, or there is no such request."""
        rows = self._rows(_HELD_PRICE, (request_id,))
        if not rows:
            raise LedgerBroken(f"{request_id} was never held for")
        return _price(*rows[0])
    # Orders.

    def order(self, order_id: str, account_id: int) -> Order | None:
        """One of an account's own."""
        rows = self._rows(_OWN_ORDER, (order_id, account_id))
        return _one(order_of, rows)

    def orders(
        self, account_id: int = 0, before: str = "", limit: int = 50
    ) -> list[Order]:
        """The newest first, of one account or (0) of all; beginning before one."""
        params = (account_id, before, _bounded(limit))
        return [order_of(row) for row in self._rows(_ORDERS, params)]

    def own_orders(self, account_id: int, before: str, limit: int) -> list[Order]:
        """An account's, the newest first, by its index; beginning before one."""
        params = (account_id, before, _bounded(limit))
        return [order_of(row) for row in self._rows(_OWN_ORDERS, params)]

    def payment_events(
        self,
        problems: bool = False,
        before_ns: int = MAX_INTEGER,
        order_id: str = "",
        limit: int = 50,
    ) -> list[PaymentEvent]:
        """Callbacks that were received, the newest first; or only those that an
        operator has to look at."""
        rows = self._rows(
            _PROBLEMS if problems else _EVENTS, (before_ns, order_id, _bounded(limit))
        )
        return [PaymentEvent(*row) for row in rows]

    def open_holds(self) -> list[OpenHold]:
        """What runs now, or waits for recovery; as many as flows and jobs may be."""
        return [OpenHold(*row) for row in self._rows(_OPEN_HOLDS)]


def _calendar(now_ns: int) -> tuple[int, int, int, int]:
    """The day, its week's first day, and its month's first and last."""
    day, first, last = days_of(now_ns // sql.DAY_NS)
    return day, monday_of(day), first, last


def _bounded(limit: int) -> int:
    return max(1, min(limit, ROWS_MAX))


def _one[R](make: Callable[[Row], R], rows: list[Row]) -> R | None:
    return make(rows[0]) if rows else None


def _quantities(meters: Row, other: str | None) -> dict[str, int]:
    found = {meter: n for meter, n in zip(METERS, meters, strict=True) if n}
    others = json.loads(other) if other else {}
    return found | {meter: n for meter, n in others.items() if meter != CONDITIONS}


def _conditions(other: str | None) -> dict[str, str | int]:
    found: dict[str, str | int] = json.loads(other).get(CONDITIONS, {}) if other else {}
    return found


def transaction_of(account_id: int, row: Row) -> TransactionRecord:
    """From transfer and usage side by side, as `Reader.transactions` reads them."""
    seq, transfer_id, code, debit_id, amount, balance, at_ns, hold_id, ref = row[:9]
    model, provider, evidence, other, *meters = row[9:]
    return TransactionRecord(
        seq,
        transfer_id,
        code,
        -amount if debit_id == account_id else amount,
        balance,
        at_ns,
        model,
        hold_id,
        {} if hold_id is None else _quantities(tuple(meters), other),
        ref,
        provider,
        evidence,
    )


def _receipt_record(row: Row) -> ReceiptRecord:
    columns = len(Usage._meta.columns)
    report, row = _usage_report(row[:columns]), row[columns:]
    owner, state, held_nano, opened_ns, closed_ns = row[:5]
    transfer = ChargeTransfer(*row[9:]) if row[9] is not None else None
    if state == "voided" and transfer is not None:
        state = "late"
    return ReceiptRecord(
        report,
        owner,
        state,
        held_nano,
        opened_ns,
        closed_ns,
        _price(report.price_id, *row[5:9]),
        transfer,
    )


def _price(
    price_id: str, model: str, effective_from_ns: int, sell: str, buy: str
) -> Price:
    try:
        price = price_of_texts(model, effective_from_ns, sell, buy)
    except (ValueError, LookupError, TypeError) as error:
        raise LedgerBroken(f"price {price_id} is none: {error}") from None
    if price.id != price_id:
        raise LedgerBroken(f"price {price_id} is not what it was")
    return price


def _usage_report(row: Row) -> UsageReport:
    request_id, account_id, key_id, price_id, model, provider, upstream = row[:7]
    evidence, input_, cache_read, cache_write, output, other, pico = row[7:14]
    cost, paid, shortfall, outcome, status, attempts = row[14:20]
    first_byte_ms, total_ms, tokens, stream, at_ns, buy_pico, buy_nano = row[20:27]
    upstream_id, finish, trail = row[27:30]
    quantities = _quantities((input_, cache_read, cache_write, output), other)
    record = UsageRecord(
        model,
        provider,
        upstream,
        evidence,
        quantities,
        outcome,
        status,
        attempts,
        first_byte_ms,
        total_ms,
        tokens,
        bool(stream),
        _conditions(other),
        upstream_id,
        finish,
        attempts_of(trail),
    )
    return UsageReport(
        request_id,
        account_id,
        key_id,
        price_id,
        record,
        int(pico),
        cost,
        paid,
        shortfall,
        at_ns,
        int(buy_pico or 0),
        buy_nano,
    )
