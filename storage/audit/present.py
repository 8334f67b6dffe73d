"""The present: balances, keys, days, prices, vouchers, orders and refunds, as they
are now.

These are small beside the transfers and are proved in full each time, also after a
checkpoint.
"""

from collections.abc import Callable, Iterator

from storage.audit.findings import Finding
from storage.audit.holds import wrong_live_jobs, wrong_open_holds
from storage.audit.rating import read_price
from storage.checkpoint import Checkpoint
from storage.engine import Snapshot
from storage.statements import OPEN_HOLDS_BY_BOOT

ORDERED = ("stripe", "epay")
"""The methods whose money comes in by orders only."""


def debits_equal_credits(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I1: what one account gave another one has."""
    statement = """
        SELECT coalesce(sum(debits_posted), 0), coalesce(sum(credits_posted), 0)
        FROM account
    """
    for debits, credits in snapshot.rows(statement):
        if debits != credits:
            yield Finding("I1", "account", f"debits {debits} ≠ credits {credits}")


def balance_is_last(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I2: what a user has is what the newest transfer of the account says."""
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


def accounts_are_owned(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I2: an account is a user's, or it is the house's and no user's."""
    statement = """
        SELECT a.id, a.kind, a.owner FROM account a
        LEFT JOIN "user" u ON u.account_id = a.id
        WHERE a.owner <> CASE WHEN u.id IS NOT NULL THEN 'user:' || u.id
            ELSE CASE a.id WHEN 1 THEN 'cash' WHEN 2 THEN 'revenue'
                WHEN 3 THEN 'shortfall' WHEN 4 THEN 'promo' WHEN -1 THEN 'adjustment'
                WHEN -2 THEN 'cost' WHEN -3 THEN 'payable' ELSE '' END END
           OR (a.kind = 'user') <> (u.id IS NOT NULL)
    """
    for account_id, kind, owner in snapshot.rows(statement):
        text = f"it is a {kind} account of {owner}, which nobody opened"
        yield Finding("I2", f"account {account_id}", text)


def users_have_accounts(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I2: the account that a user's money is on is there."""
    statement = """
        SELECT u.id, u.account_id FROM "user" u
        LEFT JOIN account a ON a.id = u.account_id WHERE a.id IS NULL
    """
    for user_id, account_id in snapshot.rows(statement):
        text = f"its account {account_id} does not exist"
        yield Finding("I2", f"user {user_id}", text)


def pending_is_held(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I3: what an account has pending are its open holds."""
    statement = """
        WITH held AS (
            SELECT account_id AS id, sum(amount_nano) AS total
            FROM hold WHERE state = 'open' GROUP BY account_id
        )
        SELECT a.id, a.debits_pending, coalesce(held.total, 0)
        FROM account a LEFT JOIN held ON held.id = a.id
        WHERE a.debits_pending <> coalesce(held.total, 0)
    """
    for account_id, pending, held in snapshot.rows(statement):
        text = f"pending {pending}, open holds say {held}"
        yield Finding("I3", f"account {account_id}", text)


def keys_count_holds(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I3: number and sum of a key's open holds."""
    statement = """
        WITH held AS (
            SELECT key_id AS id, count(*) AS number, sum(amount_nano) AS total
            FROM hold WHERE state = 'open' GROUP BY key_id
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


def keys_add_up_their_days(
    snapshot: Snapshot, since: Checkpoint
) -> Iterator[Finding]:
    """I3: what a key spent in all is what it spent on each day. The days themselves
    are proved with the whole."""
    statement = """
        WITH days AS (
            SELECT key_id AS id, sum(spent_nano) AS total FROM spending GROUP BY key_id
        )
        SELECT k.id, k.spent_nano, coalesce(days.total, 0)
        FROM "key" k LEFT JOIN days ON days.id = k.id
        WHERE k.spent_nano <> coalesce(days.total, 0)
    """
    for key_id, spent, total in snapshot.rows(statement):
        text = f"it spent {spent} in all, its days say {total}"
        yield Finding("I3", f"key {key_id}", text)


def days_are_what_keys_spent(
    snapshot: Snapshot, since: Checkpoint
) -> Iterator[Finding]:
    """I12: what pages say of a day, by account and model, adds up to what its keys
    spent on it. That this is what their usage says is proved with the whole."""
    statement = """
        WITH days AS (
            SELECT account_id, key_id, day, paid_nano AS total FROM usage_day
            UNION ALL
            SELECT k.account_id, s.key_id, s.day, -s.spent_nano
            FROM spending s JOIN "key" k ON k.id = s.key_id
        )
        SELECT account_id, key_id, day, sum(total) FROM days
        GROUP BY account_id, key_id, day HAVING sum(total) <> 0
    """
    for account_id, key_id, day, difference in snapshot.rows(statement):
        text = f"day {day} of account {account_id} says {difference} more than it spent"
        yield Finding("I12", f"key {key_id}", text)


def days_cost_what_was_bought(
    snapshot: Snapshot, since: Checkpoint
) -> Iterator[Finding]:
    """I12: what all days cost us is what providers were to get for it, and each day's
    sums are possible: no more failed than were asked, no more paid than it cost."""
    statement = """
        SELECT coalesce(sum(d.buy_nano), 0),
            (SELECT a.debits_posted FROM account a WHERE a.id = -2)
        FROM usage_day d
    """
    for bought, booked in snapshot.rows(statement):
        if bought != booked:
            text = f"its debits are {booked}, the days say {bought}"
            yield Finding("I12", "account -2", text)
    statement = """
        SELECT account_id, day, key_id FROM usage_day
        WHERE failed < 0 OR failed > requests OR paid_nano > cost_nano
    """
    for account_id, day, key_id in snapshot.rows(statement):
        text = f"day {day} of account {account_id} cannot have been so"
        yield Finding("I12", f"key {key_id}", text)


def days_count_requests(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I12: an account's days have as many requests as it has usage rows. They are
    counted in an index, with the whole only."""
    if since.seq:
        return
    statement = """
        WITH counted AS (
            SELECT account_id, sum(requests) AS total FROM usage_day
            GROUP BY account_id
            UNION ALL
            SELECT account_id, -count(*) FROM usage GROUP BY account_id
        )
        SELECT account_id, sum(total) FROM counted
        GROUP BY account_id HAVING sum(total) <> 0
    """
    for account_id, difference in snapshot.rows(statement):
        text = f"its days have {difference} more requests than there are"
        yield Finding("I12", f"account {account_id}", text)


def nobody_owes(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I4: no user is below zero."""
    statement = """
        SELECT id, credits_posted - debits_posted - debits_pending
        FROM account
        WHERE kind = 'user' AND debits_pending > credits_posted - debits_posted
    """
    for account_id, available in snapshot.rows(statement):
        yield Finding("I4", f"account {account_id}", f"available is {available}")


def prices_are_as_they_were(
    snapshot: Snapshot, since: Checkpoint
) -> Iterator[Finding]:
    """I7: a price's id is the digest of its content."""
    statement = "SELECT id, model, effective_from_ns, sell, buy FROM price"
    for price_id, *content in snapshot.rows(statement):
        price = read_price(*content)
        if price is None or price.id != price_id:
            yield Finding("I7", f"price {price_id}", "it is not what its id says")


def vouchers_are_paid(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I8: a spent voucher is one top-up of its amount, to who spent it."""
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


def orders_are_paid(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I8: a paid order is one top-up of its amount, to who placed it."""
    statement = """
        SELECT o.id, o.transfer_id FROM payment_order o
        LEFT JOIN transfer t ON t.id = o.transfer_id
        WHERE (o.state = 'paid') <> (o.transfer_id IS NOT NULL)
           OR o.transfer_id IS NOT NULL AND (t.id IS NULL OR o.object_id IS NULL
               OR t.id <> 'topup:' || o.method || ':' || o.object_id
               OR t.amount_nano <> o.amount_nano OR t.account_id <> o.account_id)
    """
    for order_id, transfer_id in snapshot.rows(statement):
        text = f"{transfer_id} is not the top-up that paid it"
        yield Finding("I8", f"order {order_id}", text)


def topups_are_ordered(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I8: what came in through others is what somebody ordered."""
    statement = """
        SELECT t.seq, t.id FROM transfer t
        WHERE t.id > ?1 AND t.id < ?2 AND NOT EXISTS (
            SELECT 1 FROM payment_order o WHERE o.transfer_id = t.id)
    """
    for method in ORDERED:
        # A semicolon is what follows a colon.
        between = (f"topup:{method}:", f"topup:{method};")
        for seq, transfer_id in snapshot.rows(statement, between):
            text = "nobody ordered it"
            yield Finding("I8", f"transfer {seq} ({transfer_id})", text)


def reversals_are_taken(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I8: what an order's user had taken is what its adjustments moved."""
    statement = """
        SELECT id, taken_nano, moved_nano FROM (
            SELECT o.id, o.taken_nano, coalesce((
                SELECT sum(CASE t.debit_id WHEN o.account_id THEN t.amount_nano
                    ELSE -t.amount_nano END)
                FROM transfer t WHERE t.id > 'adjustment:' || o.id || ':'
                    AND t.id < 'adjustment:' || o.id || ';'), 0) AS moved_nano
            FROM payment_order o WHERE o.state = 'paid') taken
        WHERE taken_nano <> moved_nano
    """
    for order_id, taken_nano, moved_nano in snapshot.rows(statement):
        text = f"{taken_nano} was taken back, its adjustments moved {moved_nano}"
        yield Finding("I8", f"order {order_id}", text)


def refunds_are_bounded(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I8: all refunds of a transfer together are no more than it moved."""
    statement = """
        SELECT r.seq, r.id, r.reverses
        FROM transfer r LEFT JOIN transfer o ON o.id = r.reverses
        WHERE r.reverses IS NOT NULL AND r.seq > ?1 AND (o.id IS NULL
            OR r.debit_id <> o.credit_id OR r.credit_id <> o.debit_id
            OR o.amount_nano < (SELECT sum(a.amount_nano) FROM transfer a
                                WHERE a.reverses = r.reverses))
    """
    for seq, transfer_id, original in snapshot.rows(statement, (since.seq,)):
        text = f"it gives back what {original} did not move"
        yield Finding("I8", f"transfer {seq} ({transfer_id})", text)


def open_holds_are_sound(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I10, where the holds that are closed are not all read."""
    if since.seq:
        yield from wrong_open_holds(snapshot)


def live_jobs_are_sound(snapshot: Snapshot, since: Checkpoint) -> Iterator[Finding]:
    """I11, where the jobs that have ended are not all read."""
    if since.seq:
        yield from wrong_live_jobs(snapshot)


def checkpoint_is_still_there(
    snapshot: Snapshot, since: Checkpoint
) -> Iterator[Finding]:
    """I6: the transfer that the last proof reached is what it was."""
    if not since.seq:
        return
    statement = "SELECT hash FROM transfer WHERE seq = ?1"
    if list(snapshot.rows(statement, (since.seq,))) != [(since.hash,)]:
        text = "it is not what it was at the last checkpoint"
        yield Finding("I6", f"transfer {since.seq}", text)


def dead_boots_hold_nothing(
    snapshot: Snapshot, is_dead: Callable[[str], bool]
) -> Iterator[Finding]:
    """I9, for a gateway that has recovered: a boot's file is looked at, so it is
    asked."""
    for boot_id, _, number in snapshot.rows(OPEN_HOLDS_BY_BOOT):
        if number and is_dead(boot_id):
            yield Finding("I9", f"boot {boot_id}", f"dead, it has {number} open holds")


STANDING: tuple[Callable[[Snapshot, Checkpoint], Iterator[Finding]], ...] = (
    debits_equal_credits,
    balance_is_last,
    accounts_are_owned,
    users_have_accounts,
    pending_is_held,
    keys_count_holds,
    keys_add_up_their_days,
    days_are_what_keys_spent,
    days_cost_what_was_bought,
    days_count_requests,
    nobody_owes,
    prices_are_as_they_were,
    vouchers_are_paid,
    orders_are_paid,
    topups_are_ordered,
    reversals_are_taken,
    refunds_are_bounded,
    open_holds_are_sound,
    live_jobs_are_sound,
    checkpoint_is_still_there,
)
