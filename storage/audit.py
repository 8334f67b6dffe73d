"""The audit: the proof that the ledger is what its transfers say.

One small function for each invariant, each a stream over one snapshot of the file, so
the audit runs beside a living gateway and needs memory for its findings only. A finding
names the row, because "something is wrong with the money" helps nobody.

An audit may continue from a checkpoint, an earlier proof: then it looks at the
transfers since and at what they touch, and at what is small in any case (balances,
keys, open holds). What nobody touched is not proved again; that takes a whole audit.

I1  all debits equal all credits
I2  each account's counters are the sums of its transfers, and each transfer's balance
    follows from the one before
I3  what is pending is the sum of the open holds; a key's counter is their number
I4  no user is below zero
I5  a settled hold has exactly one usage transfer, of what its usage row says was paid;
    a voided one has none, unless it was charged late; the rest is in shortfall
I6  seq has no gaps, dates rise, and each transfer's hash follows from the one before
I7  rating usage again with its price gives what was charged, and what it cost us
I8  one payment is one top-up, and no refund is more than its original
I9  no boot that is dead holds anything
I10 each closed hold has a usage row, and nothing else has
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from config.money import charge_nano_rounded_up
from config.price_text import price_of_texts
from config.prices import METERS, Price, buy_pico, sell_pico
from config.situations import Situation
from storage.chain import COLUMNS, link
from storage.checkpoint import BEGINNING, Checkpoint, newest
from storage.engine import Row, Snapshot
from storage.ledger import CONDITIONS
from storage.statements import HOUSE, OPEN_HOLDS_BY_BOOT

FINDINGS_MAX = 100
"""How many rows one check names; a ledger that broken needs no longer list."""


@dataclass(frozen=True, slots=True)
class Finding:
    invariant: str
    row: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.row}: {self.text}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an audit looks at: all rows, or what the transfers after a checkpoint
    touch. The tables below drive a check; what it looks up is always the whole."""

    since: Checkpoint

    @property
    def whole(self) -> bool:
        return self.since.seq == 0

    @property
    def transfer(self) -> str:
        after = f"(SELECT * FROM transfer WHERE seq > {self.since.seq})"
        return "transfer" if self.whole else after

    @property
    def hold(self) -> str:
        return "hold" if self.whole else self._touched("hold", "id")

    @property
    def usage(self) -> str:
        return "usage" if self.whole else self._touched("usage", "request_id")

    def _touched(self, table: str, column: str) -> str:
        holds = f"SELECT hold_id FROM transfer WHERE seq > {self.since.seq}"
        return f"(SELECT * FROM {table} WHERE {column} IN ({holds}))"


Progress = Callable[[int, int], None]
Check = Callable[[Snapshot, Scope], Iterator[Finding]]


def audit(
    snapshot: Snapshot,
    since: Checkpoint = BEGINNING,
    progress: Progress = lambda done, total: None,
) -> list[Finding]:
    """What is wrong; an empty list is the proof that nothing is."""
    return prove(snapshot, since, progress)[0]


def prove(
    snapshot: Snapshot,
    since: Checkpoint = BEGINNING,
    progress: Progress = lambda done, total: None,
) -> tuple[list[Finding], Checkpoint]:
    """The findings, and how far the proof reaches if there are none."""
    findings: list[Finding] = []
    scope = Scope(since)
    for done, check in enumerate(CHECKS):
        progress(done, len(CHECKS))
        findings.extend(islice(check(snapshot, scope), FINDINGS_MAX))
    progress(len(CHECKS), len(CHECKS))
    return findings, newest(snapshot)


def debits_equal_credits(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = """
        SELECT coalesce(sum(debits_posted), 0), coalesce(sum(credits_posted), 0)
        FROM account
    """
    for debits, credits in snapshot.rows(statement):
        if debits != credits:
            yield Finding("I1", "account", f"debits {debits} ≠ credits {credits}")


def counters_are_sums(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    if not scope.whole:
        return
    statement = """
        WITH memo AS (SELECT sum(buy_nano) AS total FROM transfer), debit AS (
            SELECT debit_id AS id, sum(amount_nano) AS total FROM transfer GROUP BY 1
            UNION ALL SELECT -2, total FROM memo
        ), credit AS (
            SELECT credit_id AS id, sum(amount_nano) AS total FROM transfer GROUP BY 1
            UNION ALL SELECT -3, total FROM memo
        )
        SELECT a.id, a.debits_posted, coalesce(debit.total, 0),
               a.credits_posted, coalesce(credit.total, 0)
        FROM account a
        LEFT JOIN debit ON debit.id = a.id
        LEFT JOIN credit ON credit.id = a.id
        WHERE a.debits_posted <> coalesce(debit.total, 0)
           OR a.credits_posted <> coalesce(credit.total, 0)
    """
    for account_id, debits, debit_sum, credits, credit_sum in snapshot.rows(
        statement
    ):
        text = (
            f"debits {debits}, transfers say {debit_sum}; "
            f"credits {credits}, transfers say {credit_sum}"
        )
        yield Finding("I2", f"account {account_id}", text)


def house_sums_go_on(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """From the checkpoint's sums, as all of them would have to be added up."""
    if scope.whole:
        return
    statement = f"""
        SELECT coalesce(sum(amount_nano) FILTER (WHERE debit_id = ?1), 0)
             + coalesce(sum(buy_nano) FILTER (WHERE ?1 = -2), 0),
               coalesce(sum(amount_nano) FILTER (WHERE credit_id = ?1), 0)
             + coalesce(sum(buy_nano) FILTER (WHERE ?1 = -3), 0)
        FROM {scope.transfer} new
    """
    for house_id, debits, credits in snapshot.rows(HOUSE):
        ((debited, credited),) = snapshot.rows(statement, (house_id,))
        before = scope.since.house.get(house_id, (0, 0))
        if (debits, credits) != (before[0] + debited, before[1] + credited):
            text = (
                f"debits {debits}, transfers say {before[0] + debited}; "
                f"credits {credits}, transfers say {before[1] + credited}"
            )
            yield Finding("I2", f"account {house_id}", text)


def balance_is_last(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """What a user has is what the newest transfer of the account says."""
    if scope.whole:
        return
    statement = """
        SELECT id, posted, said FROM (
            SELECT a.id, a.credits_posted - a.debits_posted AS posted,
                coalesce((SELECT t.balance_nano FROM transfer t
                    WHERE t.account_id = a.id ORDER BY t.seq DESC LIMIT 1), 0) AS said
            FROM account a WHERE a.kind = 'user') balance
        WHERE posted <> said
    """
    for account_id, posted, said in snapshot.rows(statement):
        text = f"it has {posted}, its newest transfer says {said}"
        yield Finding("I2", f"account {account_id}", text)


def balances_follow(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """Names the very transfer that was changed, where the sums name its account.

    The index on (account_id, seq) gives the order, so nothing is sorted.
    """
    before = """coalesce((SELECT p.balance_nano FROM transfer p
        WHERE p.account_id = t.account_id AND p.seq < t.seq
        ORDER BY p.seq DESC LIMIT 1), 0)"""
    before = "0" if scope.whole else before
    statement = f"""
        SELECT seq, id, balance_nano, expected FROM (
            SELECT seq, id, balance_nano,
                lag(balance_nano, 1, {before}) OVER each_account
                + CASE account_id WHEN credit_id THEN amount_nano ELSE -amount_nano END
                AS expected
            FROM {scope.transfer} t WHERE account_id IS NOT NULL
            WINDOW each_account AS (PARTITION BY account_id ORDER BY seq)
        ) story
        WHERE balance_nano <> expected
    """
    for seq, transfer_id, balance, expected in snapshot.rows(statement):
        text = f"the balance after it is {balance}, its account's story says {expected}"
        yield Finding("I2", f"transfer {seq} ({transfer_id})", text)


def accounts_exist(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = f"""
        SELECT seq, id FROM {scope.transfer} t
        WHERE debit_id NOT IN (SELECT id FROM account)
           OR credit_id NOT IN (SELECT id FROM account)
    """
    for seq, transfer_id in snapshot.rows(statement):
        text = "an account it names does not exist"
        yield Finding("I2", f"transfer {seq} ({transfer_id})", text)


def pending_is_held(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = """
        WITH held AS (
            SELECT account_id AS id, sum(amount_nano) AS total
            FROM hold WHERE state = 'open' GROUP BY 1
        )
        SELECT a.id, a.debits_pending, coalesce(held.total, 0)
        FROM account a LEFT JOIN held ON held.id = a.id
        WHERE a.debits_pending <> coalesce(held.total, 0)
    """
    for account_id, pending, held in snapshot.rows(statement):
        text = f"pending {pending}, open holds say {held}"
        yield Finding("I3", f"account {account_id}", text)


def keys_count_holds(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = """
        WITH held AS (
            SELECT key_id AS id, count(*) AS number, sum(amount_nano) AS total
            FROM hold WHERE state = 'open' GROUP BY 1
        )
        SELECT k.id, k.open_holds, coalesce(held.number, 0),
               k.pending_nano, coalesce(held.total, 0)
        FROM "key" k LEFT JOIN held ON held.id = k.id
        WHERE k.open_holds <> coalesce(held.number, 0)
           OR k.pending_nano <> coalesce(held.total, 0)
    """
    for key_id, counted, held, pending, total in snapshot.rows(statement):
        text = f"it counts {counted} open holds, there are {held}"
        if counted == held:
            text = f"pending {pending}, its open holds say {total}"
        yield Finding("I3", f"key {key_id}", text)


def keys_count_spending(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """Total and days of each key are sums of its usage; the keys are few."""
    if not scope.whole:
        return
    statement = """
        WITH used AS (
            SELECT key_id, at_ns / 86400000000000 AS day, sum(paid_nano) AS total
            FROM usage GROUP BY 1, 2
        ), days AS (
            SELECT key_id, day, total FROM used WHERE total > 0
            UNION ALL SELECT key_id, day, -spent_nano FROM spending
            UNION ALL SELECT key_id, NULL, total FROM used
            UNION ALL SELECT id, NULL, -spent_nano FROM "key"
        )
        SELECT key_id, day, sum(total) FROM days GROUP BY 1, 2 HAVING sum(total) <> 0
    """
    for key_id, day, difference in snapshot.rows(statement):
        when = "in all" if day is None else f"on day {day}"
        text = f"its usage {when} is {difference} more than it counts"
        yield Finding("I3", f"key {key_id}", text)


def nobody_owes(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = """
        SELECT id, credits_posted - debits_posted - debits_pending
        FROM account
        WHERE kind = 'user' AND debits_posted + debits_pending > credits_posted
    """
    for account_id, available in snapshot.rows(statement):
        yield Finding("I4", f"account {account_id}", f"available is {available}")


def settled_is_paid(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """Each hold against the one transfer its state asks for."""
    statement = f"""
        SELECT h.id, h.state, t.id, t.amount_nano, u.paid_nano
        FROM {scope.hold} h
        LEFT JOIN transfer t ON t.id = 'usage:' || h.id
        LEFT JOIN usage u ON u.request_id = h.id
        WHERE (h.state = 'settled') <> (t.id IS NOT NULL)
           OR (t.id IS NOT NULL AND (
                t.amount_nano IS DISTINCT FROM u.paid_nano
                OR t.hold_id IS DISTINCT FROM h.id
                OR t.code <> 'usage' OR t.account_id IS DISTINCT FROM h.account_id
                OR t.debit_id <> h.account_id))
    """
    for hold_id, state, transfer_id, amount, paid in snapshot.rows(statement):
        if transfer_id is None:
            text = "it is settled and no usage transfer charged it"
        elif state != "settled":
            text = f"it is {state} and {transfer_id} charged it"
        else:
            text = f"{transfer_id} moved {amount}, its usage row says {paid}"
        yield Finding("I5", f"hold {hold_id}", text)


def late_is_voided(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """A voided hold costs nothing, or what its late transfer says."""
    statement = f"""
        SELECT h.id, t.amount_nano, u.paid_nano
        FROM {scope.hold} h
        LEFT JOIN transfer t ON t.id = 'late:' || h.id
        LEFT JOIN usage u ON u.request_id = h.id
        WHERE CASE h.state
            WHEN 'voided' THEN coalesce(t.amount_nano, 0) <> coalesce(u.paid_nano, 0)
            ELSE t.id IS NOT NULL END
    """
    for hold_id, amount, paid in snapshot.rows(statement):
        text = f"a late transfer of {amount}, its usage row says {paid} was paid"
        yield Finding("I5", f"hold {hold_id}", text)


def shortfall_is_booked(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = f"""
        SELECT u.request_id, u.shortfall_nano, coalesce(t.amount_nano, 0)
        FROM {scope.usage} u LEFT JOIN transfer t ON t.id = 'shortfall:' || u.request_id
        WHERE u.shortfall_nano <> coalesce(t.amount_nano, 0)
           OR u.paid_nano + u.shortfall_nano <> u.cost_nano
    """
    for request_id, shortfall, booked in snapshot.rows(statement):
        text = f"a shortfall of {shortfall}, of which {booked} was booked"
        yield Finding("I5", f"usage {request_id}", text)


def charges_have_holds(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """A transfer for a request is named after its hold, and that hold exists."""
    statement = f"""
        SELECT t.seq, t.id, t.hold_id
        FROM {scope.transfer} t LEFT JOIN hold h ON h.id = t.hold_id
        WHERE t.code IN ('usage', 'late', 'shortfall')
          AND (t.code <> 'shortfall' OR t.ref IS NULL)
          AND (h.id IS NULL OR t.id <> t.code || ':' || t.hold_id)
    """
    for seq, transfer_id, hold_id in snapshot.rows(statement):
        text = f"hold {hold_id} is missing or not the one it is named after"
        yield Finding("I5", f"transfer {seq} ({transfer_id})", text)


def closed_has_usage(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = f"""
        SELECT h.id, h.state, u.request_id, u.account_id
        FROM {scope.hold} h LEFT JOIN usage u ON u.request_id = h.id
        WHERE (h.state = 'open') <> (u.request_id IS NULL)
           OR u.account_id <> h.account_id OR u.key_id <> h.key_id
           OR u.price_id <> h.price_id
    """
    for hold_id, state, request_id, _ in snapshot.rows(statement):
        if request_id is None:
            text = f"it is {state} without a usage row"
        else:
            text = f"it is {state} and its usage row is not its own"
        yield Finding("I10", f"hold {hold_id}", text)


def usage_has_hold(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    statement = f"""
        SELECT u.request_id FROM {scope.usage} u LEFT JOIN hold h ON h.id = u.request_id
        WHERE h.id IS NULL
    """
    for (request_id,) in snapshot.rows(statement):
        yield Finding("I10", f"usage {request_id}", "there is no such hold")


def chain_holds(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """Each row against the one before; after a broken link it goes on from there."""
    since = scope.since
    if not scope.whole:
        yield from _still_there(snapshot, since)
    seq, at_ns, head = since.seq, since.at_ns, since.hash
    statement = f"""
        SELECT {", ".join(COLUMNS)}, prev_hash, hash FROM transfer
        WHERE seq > ?1 ORDER BY seq
    """
    for *row, previous, hashed in snapshot.rows(statement, (since.seq,)):
        if row[0] != seq + 1:
            text = f"it follows transfer {seq}"
        elif row[-1] <= at_ns:
            text = "it is not later than the one before"
        elif previous != head:
            text = "it does not continue the chain"
        elif link(previous, row) != hashed:
            text = "its hash is not that of its content"
        else:
            text = ""
        if text:
            yield Finding("I6", f"transfer {row[0]} ({row[1]})", text)
        seq, at_ns, head = row[0], row[-1], hashed


def _still_there(
    snapshot: Snapshot, since: Checkpoint
) -> Iterator[Finding]:
    found = snapshot.rows("SELECT hash FROM transfer WHERE seq = ?1", (since.seq,))
    if list(found) != [(since.hash,)]:
        text = "it is not what it was at the last checkpoint"
        yield Finding("I6", f"transfer {since.seq}", text)


def usage_rates_again(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """Quantities and pinned price give what was charged, and what it cost us."""
    prices = dict(_prices(snapshot))
    statement = f"""
        SELECT u.request_id, u.price_id, h.state, u.cost_pico, u.cost_nano, u.buy_pico,
               u.buy_nano, u.other, {", ".join("u." + meter for meter in METERS)}
        FROM {scope.usage} u JOIN hold h ON h.id = u.request_id
    """
    for request_id, price_id, state, *charged in snapshot.rows(statement):
        if state == "voided" and tuple(charged[1::2][:2]) == (0, 0):
            continue
        if price_id not in prices:
            text = f"its price {price_id} is not there, or not as it was"
        else:
            text = _rated_otherwise(prices[price_id], tuple(charged))
        if text:
            yield Finding("I7", f"usage {request_id}", text)


def _prices(snapshot: Snapshot) -> Iterator[tuple[str, Price]]:
    """The prices whose content is still what their id is the digest of."""
    rows = snapshot.rows(
        "SELECT id, model, effective_from_ns, sell, buy FROM price"
    )
    for price_id, model, effective_from_ns, sell, buy in rows:
        try:
            price = price_of_texts(model, effective_from_ns, sell, buy)
        except (ValueError, LookupError, TypeError):
            continue
        if price.id == price_id:
            yield price_id, price


def _rated_otherwise(price: Price, charged: Row) -> str:
    cost_text, cost_nano, buy_text, buy_nano, stored, *counts = charged
    quantities = dict(zip(METERS, counts, strict=True))
    try:
        other = json.loads(stored) if stored else {}
        situation = Situation.of_facts(other.pop(CONDITIONS, {}))
        quantities |= other
        cost = sell_pico(price, quantities, situation)
        bought = buy_pico(price, quantities, situation)
    except (ValueError, TypeError, AttributeError) as error:
        return f"it cannot be rated: {error}"
    if (str(cost), charge_nano_rounded_up(cost)) != (cost_text, cost_nano):
        return f"it was charged {cost_nano}, its price gives {cost} pico"
    # Of usage from before the margin was booked the text is empty.
    if buy_text and (str(bought), charge_nano_rounded_up(bought)) != (
        buy_text,
        buy_nano,
    ):
        return f"it cost us {buy_nano}, its price gives {bought} pico"
    return ""


def margin_is_booked(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """The memo on a transfer is what its usage row says it cost us."""
    statement = f"""
        SELECT t.seq, t.id, t.buy_nano, u.buy_nano
        FROM {scope.transfer} t JOIN usage u ON u.request_id = t.hold_id
        WHERE t.code IN ('usage', 'late') AND t.buy_nano <> u.buy_nano
    """
    for seq, transfer_id, memo, bought in snapshot.rows(statement):
        text = f"its memo is {memo}, its usage row says {bought}"
        yield Finding("I7", f"transfer {seq} ({transfer_id})", text)


def topups_are_single(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """The id names the provider's object, and no two transfers share one."""
    statement = f"""
        SELECT t.seq, t.id FROM {scope.transfer} t
        WHERE t.code = 'topup' AND (
            t.id NOT LIKE 'topup:%:%' OR substr(t.id, 1, 6) <> 'topup:'
            OR t.debit_id <> 1
            OR substr(t.id, length(t.id) - length(t.ref)) <> ':' || t.ref
            OR EXISTS (SELECT 1 FROM transfer o WHERE o.id = t.id AND o.seq < t.seq))
    """
    for seq, transfer_id in snapshot.rows(statement):
        text = "it is not the one top-up of its payment"
        yield Finding("I8", f"transfer {seq} ({transfer_id})", text)


def vouchers_are_paid(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """A spent voucher is one top-up of its amount, to who spent it."""
    statement = """
        SELECT v.code_hash, v.transfer_id, v.amount_nano = t.amount_nano
            AND v.spent_by = t.account_id
        FROM voucher v LEFT JOIN transfer t ON t.id = v.transfer_id
        WHERE v.transfer_id IS NOT NULL
    """
    for code_hash, transfer_id, agrees in snapshot.rows(statement):
        if not agrees or transfer_id != f"topup:voucher:{code_hash.hex()}":
            text = f"{transfer_id} is not the top-up that it paid"
            yield Finding("I8", f"voucher {code_hash.hex()}", text)


def refunds_are_bounded(snapshot: Snapshot, scope: Scope) -> Iterator[Finding]:
    """All refunds of a transfer together are no more than it moved."""
    statement = f"""
        SELECT r.seq, r.id, r.reverses
        FROM {scope.transfer} r LEFT JOIN transfer o ON o.id = r.reverses
        WHERE r.code = 'refund' AND (o.id IS NULL
            OR r.debit_id <> o.credit_id OR r.credit_id <> o.debit_id
            OR o.amount_nano < (SELECT sum(a.amount_nano) FROM transfer a
                                WHERE a.reverses = r.reverses))
    """
    for seq, transfer_id, original in snapshot.rows(statement):
        text = f"it gives back what {original} did not move"
        yield Finding("I8", f"transfer {seq} ({transfer_id})", text)


def dead_boots_hold_nothing(
    snapshot: Snapshot, is_dead: Callable[[str], bool]
) -> Iterator[Finding]:
    """For a gateway that has recovered: a boot's file is looked at, so it is asked."""
    for boot_id, number in snapshot.rows(OPEN_HOLDS_BY_BOOT):
        if is_dead(boot_id):
            yield Finding("I9", f"boot {boot_id}", f"dead, it has {number} open holds")


CHECKS: tuple[Check, ...] = (
    debits_equal_credits,
    counters_are_sums,
    house_sums_go_on,
    balance_is_last,
    balances_follow,
    accounts_exist,
    pending_is_held,
    keys_count_holds,
    keys_count_spending,
    nobody_owes,
    settled_is_paid,
    late_is_voided,
    shortfall_is_booked,
    charges_have_holds,
    closed_has_usage,
    usage_has_hold,
    chain_holds,
    usage_rates_again,
    margin_is_booked,
    topups_are_single,
    vouchers_are_paid,
    refunds_are_bounded,
)
