"""The audit: the proof that the ledger is what its transfers say.

One small function for each invariant, each a stream over one snapshot of the file, so
the audit runs beside a living gateway and needs memory for its findings only. A finding
names the row, because "something is wrong with the money" helps nobody.

I1  all debits equal all credits
I2  each account's counters are the sums of its transfers, and each transfer's balance
    follows from the one before
I3  what is pending is the sum of the open holds; a key's counter is their number
I4  no user is below zero
I5  a settled hold has exactly one usage transfer, of what its usage row says was paid;
    a voided one has none, unless it was charged late; the rest is in shortfall
I10 each closed hold has a usage row, and nothing else has
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import apsw

FINDINGS_MAX = 100
"""How many rows one check names; a ledger that broken needs no longer list."""


@dataclass(frozen=True, slots=True)
class Finding:
    invariant: str
    row: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.row}: {self.text}"


Check = Callable[[apsw.Connection], Iterator[Finding]]


def audit(connection: apsw.Connection) -> list[Finding]:
    """What is wrong; an empty list is the proof that nothing is."""
    findings: list[Finding] = []
    connection.execute("BEGIN")
    try:
        for check in CHECKS:
            findings.extend(islice(check(connection), FINDINGS_MAX))
    finally:
        connection.execute("ROLLBACK")
    return findings


def debits_equal_credits(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        SELECT coalesce(sum(debits_posted), 0), coalesce(sum(credits_posted), 0)
        FROM account
    """
    for debits, credits in connection.execute(statement):
        if debits != credits:
            yield Finding("I1", "account", f"debits {debits} ≠ credits {credits}")


def counters_are_sums(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        WITH debit AS (
            SELECT debit_id AS id, sum(amount_nano) AS total FROM transfer GROUP BY 1
        ), credit AS (
            SELECT credit_id AS id, sum(amount_nano) AS total FROM transfer GROUP BY 1
        )
        SELECT a.id, a.debits_posted, coalesce(debit.total, 0),
               a.credits_posted, coalesce(credit.total, 0)
        FROM account a
        LEFT JOIN debit ON debit.id = a.id
        LEFT JOIN credit ON credit.id = a.id
        WHERE a.debits_posted <> coalesce(debit.total, 0)
           OR a.credits_posted <> coalesce(credit.total, 0)
    """
    for account_id, debits, debit_sum, credits, credit_sum in connection.execute(
        statement
    ):
        text = (
            f"debits {debits}, transfers say {debit_sum}; "
            f"credits {credits}, transfers say {credit_sum}"
        )
        yield Finding("I2", f"account {account_id}", text)


def balances_follow(connection: apsw.Connection) -> Iterator[Finding]:
    """Names the very transfer that was changed, where the sums name its account.

    The index on (account_id, seq) gives the order, so nothing is sorted.
    """
    statement = """
        SELECT seq, id, balance_nano, expected FROM (
            SELECT seq, id, balance_nano,
                lag(balance_nano, 1, 0) OVER each_account
                + iif(credit_id = account_id, amount_nano, -amount_nano) AS expected
            FROM transfer WHERE account_id IS NOT NULL
            WINDOW each_account AS (PARTITION BY account_id ORDER BY seq)
        )
        WHERE balance_nano <> expected
    """
    for seq, transfer_id, balance, expected in connection.execute(statement):
        text = f"the balance after it is {balance}, its account's story says {expected}"
        yield Finding("I2", f"transfer {seq} ({transfer_id})", text)


def accounts_exist(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        SELECT seq, id FROM transfer
        WHERE debit_id NOT IN (SELECT id FROM account)
           OR credit_id NOT IN (SELECT id FROM account)
    """
    for seq, transfer_id in connection.execute(statement):
        text = "an account it names does not exist"
        yield Finding("I2", f"transfer {seq} ({transfer_id})", text)


def pending_is_held(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        WITH held AS (
            SELECT account_id AS id, sum(amount_nano) AS total
            FROM hold WHERE state = 'open' GROUP BY 1
        )
        SELECT a.id, a.debits_pending, coalesce(held.total, 0)
        FROM account a LEFT JOIN held ON held.id = a.id
        WHERE a.debits_pending <> coalesce(held.total, 0)
    """
    for account_id, pending, held in connection.execute(statement):
        text = f"pending {pending}, open holds say {held}"
        yield Finding("I3", f"account {account_id}", text)


def keys_count_holds(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        WITH held AS (
            SELECT key_id AS id, count(*) AS number
            FROM hold WHERE state = 'open' GROUP BY 1
        )
        SELECT k.id, k.open_holds, coalesce(held.number, 0)
        FROM "key" k LEFT JOIN held ON held.id = k.id
        WHERE k.open_holds <> coalesce(held.number, 0)
    """
    for key_id, counted, held in connection.execute(statement):
        text = f"it counts {counted} open holds, there are {held}"
        yield Finding("I3", f"key {key_id}", text)


def nobody_owes(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        SELECT id, credits_posted - debits_posted - debits_pending
        FROM account
        WHERE kind = 'user' AND debits_posted + debits_pending > credits_posted
    """
    for account_id, available in connection.execute(statement):
        yield Finding("I4", f"account {account_id}", f"available is {available}")


def settled_is_paid(connection: apsw.Connection) -> Iterator[Finding]:
    """Each hold against the one transfer its state asks for."""
    statement = """
        SELECT h.id, h.state, t.id, t.amount_nano, u.paid_nano
        FROM hold h
        LEFT JOIN transfer t ON t.id = 'usage:' || h.id
        LEFT JOIN usage u ON u.request_id = h.id
        WHERE (h.state = 'settled') <> (t.id IS NOT NULL)
           OR (t.id IS NOT NULL AND (
                t.amount_nano IS NOT u.paid_nano OR t.hold_id IS NOT h.id
                OR t.code <> 'usage' OR t.account_id IS NOT h.account_id
                OR t.debit_id <> h.account_id))
    """
    for hold_id, state, transfer_id, amount, paid in connection.execute(statement):
        if transfer_id is None:
            text = "it is settled and no usage transfer charged it"
        elif state != "settled":
            text = f"it is {state} and {transfer_id} charged it"
        else:
            text = f"{transfer_id} moved {amount}, its usage row says {paid}"
        yield Finding("I5", f"hold {hold_id}", text)


def late_is_voided(connection: apsw.Connection) -> Iterator[Finding]:
    """A voided hold costs nothing, or what its late transfer says."""
    statement = """
        SELECT h.id, t.amount_nano, u.paid_nano
        FROM hold h
        LEFT JOIN transfer t ON t.id = 'late:' || h.id
        LEFT JOIN usage u ON u.request_id = h.id
        WHERE CASE h.state
            WHEN 'voided' THEN coalesce(t.amount_nano, 0) <> coalesce(u.paid_nano, 0)
            ELSE t.id IS NOT NULL END
    """
    for hold_id, amount, paid in connection.execute(statement):
        text = f"a late transfer of {amount}, its usage row says {paid} was paid"
        yield Finding("I5", f"hold {hold_id}", text)


def shortfall_is_booked(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        SELECT u.request_id, u.shortfall_nano, coalesce(t.amount_nano, 0)
        FROM usage u LEFT JOIN transfer t ON t.id = 'shortfall:' || u.request_id
        WHERE u.shortfall_nano <> coalesce(t.amount_nano, 0)
           OR u.paid_nano + u.shortfall_nano <> u.cost_nano
    """
    for request_id, shortfall, booked in connection.execute(statement):
        text = f"a shortfall of {shortfall}, of which {booked} was booked"
        yield Finding("I5", f"usage {request_id}", text)


def charges_have_holds(connection: apsw.Connection) -> Iterator[Finding]:
    """A transfer for a request is named after its hold, and that hold exists."""
    statement = """
        SELECT t.seq, t.id, t.hold_id
        FROM transfer t LEFT JOIN hold h ON h.id = t.hold_id
        WHERE t.code IN ('usage', 'late', 'shortfall')
          AND (h.id IS NULL OR t.id <> t.code || ':' || t.hold_id)
    """
    for seq, transfer_id, hold_id in connection.execute(statement):
        text = f"hold {hold_id} is missing or not the one it is named after"
        yield Finding("I5", f"transfer {seq} ({transfer_id})", text)


def closed_has_usage(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        SELECT h.id, h.state, u.request_id, u.account_id
        FROM hold h LEFT JOIN usage u ON u.request_id = h.id
        WHERE (h.state = 'open') <> (u.request_id IS NULL)
           OR u.account_id <> h.account_id OR u.key_id <> h.key_id
           OR u.price_id <> h.price_id
    """
    for hold_id, state, request_id, _ in connection.execute(statement):
        if request_id is None:
            text = f"it is {state} without a usage row"
        else:
            text = f"it is {state} and its usage row is not its own"
        yield Finding("I10", f"hold {hold_id}", text)


def usage_has_hold(connection: apsw.Connection) -> Iterator[Finding]:
    statement = """
        SELECT u.request_id FROM usage u LEFT JOIN hold h ON h.id = u.request_id
        WHERE h.id IS NULL
    """
    for (request_id,) in connection.execute(statement):
        yield Finding("I10", f"usage {request_id}", "there is no such hold")


CHECKS: tuple[Check, ...] = (
    debits_equal_credits,
    counters_are_sums,
    balances_follow,
    accounts_exist,
    pending_is_held,
    keys_count_holds,
    nobody_owes,
    settled_is_paid,
    late_is_voided,
    shortfall_is_booked,
    charges_have_holds,
    closed_has_usage,
    usage_has_hold,
)
