"""Statements: the named SQL of every write.

They run as text on the raw connection because a query builder costs twenty times the
statement. Money moves by conditional UPDATE … RETURNING: the condition and the change
are one statement, so there is no moment between looking and taking. Parameters are
numbered, because the conditions need several of them more than once.
"""

from storage.chain import HOLD_COLUMNS, USAGE_COLUMNS
from storage.job_record import JOB_COLUMNS

AVAILABLE = "credits_posted - debits_posted - debits_pending"
POSTED = "credits_posted - debits_posted"

USAGE_DAY_COLUMNS = (
    "account_id",
    "day",
    "key_id",
    "model",
    "requests",
    "failed",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "images",
    "videos",
    "cost_nano",
    "paid_nano",
    "buy_nano",
)
"""Whose and when, then what is summed up."""

LAST_TRANSFER = "SELECT seq, at_ns, hash FROM transfer ORDER BY seq DESC LIMIT 1"

# Holds.

_HOLD = ", ".join(HOLD_COLUMNS)

FIND_HOLD = """
    SELECT state, account_id, key_id, amount_nano, extended_nano, price_id, model,
           tokens, window_ns
    FROM hold WHERE id = ?1
"""

INSERT_HOLD = """
    INSERT INTO hold (id, account_id, key_id, amount_nano, price_id, model, tokens,
                      window_ns, state, boot_id, opened_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open', ?9, ?10)
"""

EXTEND_HOLD = """
    UPDATE hold SET amount_nano = amount_nano + ?2, extended_nano = extended_nano + ?2
    WHERE id = ?1 AND state = 'open'
    RETURNING amount_nano
"""

CLOSE_HOLD = f"""
    UPDATE hold SET state = ?2, reason = ?3, closed_ns = ?4
    WHERE id = ?1 AND state = 'open'
    RETURNING {_HOLD}
"""

FIND_WHOLE_HOLD = f"SELECT {_HOLD} FROM hold WHERE id = ?1"

# What a job holds goes on without the boot that opened it.
_BOOTS_OWN = """state = 'open' AND NOT EXISTS (
        SELECT 1 FROM job j WHERE j.request_id = hold.id AND j.ended_ns IS NULL)"""

BOOTS_WITH_OPEN_HOLDS = f"SELECT DISTINCT boot_id FROM hold WHERE {_BOOTS_OWN}"

# All of a boot, and those that nobody but the boot would ever close.
OPEN_HOLDS_BY_BOOT = """
    SELECT h.boot_id, count(*), count(*) - count(j.id)
    FROM hold h LEFT JOIN job j ON j.request_id = h.id AND j.ended_ns IS NULL
    WHERE h.state = 'open' GROUP BY h.boot_id
"""

OPEN_HOLDS_OF_BOOT = f"""
    SELECT id FROM hold WHERE {_BOOTS_OWN} AND boot_id = ?1 LIMIT ?2
"""

# Accounts.

_RESERVE = f"""
    UPDATE account SET debits_pending = debits_pending + ?2
    WHERE id = ?1 AND kind = 'user' AND status = 'open' AND {AVAILABLE} >= ?2"""

RESERVE = f"{_RESERVE} RETURNING {AVAILABLE}"

# For a hold that is to be opened: one statement says that it is new and affordable.
RESERVE_NEW = f"""{_RESERVE}
      AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.id = ?3)
    RETURNING {AVAILABLE}
"""

RELEASE = f"""
    UPDATE account SET debits_pending = debits_pending - ?2
    WHERE id = ?1
    RETURNING {AVAILABLE}
"""

CHARGE = f"""
    UPDATE account
    SET debits_pending = debits_pending - ?2, debits_posted = debits_posted + ?3
    WHERE id = ?1 AND {AVAILABLE} + ?2 >= ?3
    RETURNING {AVAILABLE}, {POSTED}
"""

CREDIT = f"""
    UPDATE account SET credits_posted = credits_posted + ?2
    WHERE id = ?1
    RETURNING {AVAILABLE}, {POSTED}
"""

# Revenue, and what the provider takes for it: cost of sales against payable.
BOOK_SALES = """
    UPDATE account SET
        credits_posted = credits_posted
            + CASE id WHEN 2 THEN ?1 WHEN -3 THEN ?2 ELSE 0 END,
        debits_posted = debits_posted + CASE id WHEN -2 THEN ?2 ELSE 0 END
    WHERE id IN (2, -2, -3)
"""

DEBIT = f"""
    UPDATE account SET debits_posted = debits_posted + ?2
    WHERE id = ?1 AND kind = 'user' AND {AVAILABLE} >= ?2
    RETURNING {AVAILABLE}, {POSTED}
"""

DEBIT_HOUSE = """
    UPDATE account SET debits_posted = debits_posted + ?2
    WHERE id = ?1 AND kind = 'house'
"""

HOUSE = """
    SELECT id, debits_posted, credits_posted FROM account WHERE kind = 'house'
"""

FIND_ACCOUNT = f"""
    SELECT status, {AVAILABLE} FROM account WHERE id = ?1 AND kind = 'user'
"""

INSERT_ACCOUNT = """
    INSERT INTO account (kind, owner, created_ns) VALUES ('user', ?1, ?2)
    RETURNING id
"""

SET_ACCOUNT_STATUS = """
    UPDATE account SET status = ?2 WHERE id = ?1 AND kind = 'user' RETURNING id
"""

# Keys. A window is anchored by the request that starts it and lasts sixty seconds; one
# that lies in the future was left there by a clock set back, and starts anew.

WINDOW_NS = 60 * 10**9
DAY_NS = 86_400 * 10**9
_LIVE = f"?2 - window_ns BETWEEN 0 AND {WINDOW_NS - 1}"

# What a key may still spend: all that it holds counts as spent on the day that asks,
# so no cap is passed whenever a hold is settled. ?8 is the amount, ?9 the day,
# ?10 the month's first day and ?11 its last.
_SPENT_DAY = """coalesce(
        (SELECT s.spent_nano FROM spending s WHERE s.key_id = ?1 AND s.day = ?9), 0)"""
_SPENT_MONTH = """coalesce((SELECT sum(s.spent_nano) FROM spending s
        WHERE s.key_id = ?1 AND s.day BETWEEN ?10 AND ?11), 0)"""
_WITHIN_CAPS = f"""(limit_nano IS NULL
        OR spent_nano + pending_nano + ?8 <= limit_nano)
      AND (limit_day_nano IS NULL
        OR {_SPENT_DAY} + pending_nano + ?8 <= limit_day_nano)
      AND (limit_month_nano IS NULL
        OR {_SPENT_MONTH} + pending_nano + ?8 <= limit_month_nano)"""

ENTER_KEY = f"""
    UPDATE "key" SET
        window_requests = CASE WHEN {_LIVE} THEN window_requests + 1 ELSE 1 END,
        window_tokens = CASE WHEN {_LIVE} THEN window_tokens + ?3 ELSE ?3 END,
        window_ns = CASE WHEN {_LIVE} THEN window_ns ELSE ?2 END,
        open_holds = open_holds + 1,
        pending_nano = pending_nano + ?8
    WHERE id = ?1 AND account_id = ?4 AND status = 'active'
      AND (?5 = 0 OR window_requests < ?5 OR NOT {_LIVE})
      AND (?6 = 0 OR ?3 + CASE WHEN {_LIVE} THEN window_tokens ELSE 0 END <= ?6)
      AND (?7 = 0 OR open_holds < ?7)
      AND {_WITHIN_CAPS}
    RETURNING window_ns, window_requests, window_tokens
"""

EXTEND_KEY = f"""
    UPDATE "key" SET pending_nano = pending_nano + ?8
    WHERE id = ?1 AND {_WITHIN_CAPS}
    RETURNING pending_nano
"""

# Tokens are corrected only in the window that counted them.
LEAVE_KEY = """
    UPDATE "key" SET
        open_holds = open_holds - 1,
        pending_nano = pending_nano - ?4,
        spent_nano = spent_nano + ?5,
        window_tokens = CASE
            WHEN window_ns = ?2 AND window_tokens + ?3 > 0 THEN window_tokens + ?3
            WHEN window_ns = ?2 THEN 0
            ELSE window_tokens END
    WHERE id = ?1
"""

# A late settle has left the key already.
SPEND_LATE = 'UPDATE "key" SET spent_nano = spent_nano + ?2 WHERE id = ?1'

SPEND = """
    INSERT INTO spending (key_id, day, spent_nano) VALUES (?1, ?2, ?3)
    ON CONFLICT (key_id, day)
    DO UPDATE SET spent_nano = spending.spent_nano + excluded.spent_nano
"""

FIND_CAPS = f"""
    SELECT pending_nano, limit_nano, spent_nano, limit_month_nano, {_SPENT_MONTH},
           limit_day_nano, {_SPENT_DAY}
    FROM "key" WHERE id = ?1
"""

# Where a key stands on day ?2: its week began on ?3, its month is from ?4 to ?5.
_SPENDING = """
    k.id,
    coalesce((SELECT sum(s.spent_nano) FROM spending s
        WHERE s.key_id = k.id AND s.day BETWEEN ?3 AND ?3 + 6), 0),
    k.pending_nano, k.limit_nano, k.spent_nano, k.limit_month_nano,
    coalesce((SELECT sum(s.spent_nano) FROM spending s
        WHERE s.key_id = k.id AND s.day BETWEEN ?4 AND ?5), 0),
    k.limit_day_nano,
    coalesce((SELECT s.spent_nano FROM spending s
        WHERE s.key_id = k.id AND s.day = ?2), 0)
"""

# The welcome money is found by its name, so that no list of transfers is read.
KEY_STANDING = f"""
    SELECT a.credits_posted - a.debits_posted, a.debits_pending,
        (SELECT coalesce(sum(o.spent_nano), 0) FROM "key" o
            WHERE o.account_id = a.id),
        a.credits_posted,
        coalesce((SELECT t.amount_nano FROM transfer t
            WHERE t.id = 'promo:welcome:' || u.id), 0),
        {_SPENDING}
    FROM "key" k
    JOIN account a ON a.id = k.account_id
    JOIN "user" u ON u.account_id = k.account_id
    WHERE k.id = ?1
"""

KEY_SPENDING = f"""
    SELECT {_SPENDING} FROM "key" k
    WHERE k.account_id = ?1 ORDER BY k.id DESC LIMIT ?6
"""

SET_CAPS = """
    UPDATE "key" SET
        limit_nano = CASE WHEN ?2 = -1 THEN limit_nano ELSE ?2 END,
        limit_day_nano = CASE WHEN ?3 = -1 THEN limit_day_nano ELSE ?3 END,
        limit_month_nano = CASE WHEN ?4 = -1 THEN limit_month_nano ELSE ?4 END
    WHERE id = ?1 AND status <> 'revoked'
    RETURNING limit_nano, limit_day_nano, limit_month_nano, spent_nano, pending_nano
"""

FIND_KEY_STATE = """
    SELECT status, window_ns, window_requests, window_tokens, open_holds
    FROM "key" WHERE id = ?1 AND account_id = ?2
"""

INSERT_KEY = """
    INSERT INTO "key" (account_id, hash, mask, sealed, label, is_default, created_ns,
                       rpm, tpm, concurrency, limit_nano, limit_day_nano,
                       limit_month_nano, expires_ns, models, cidrs)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
    RETURNING id
"""

COUNT_KEYS = """
    SELECT count(*) FROM "key" WHERE account_id = ?1 AND status <> 'revoked'
"""

# A revoked key shows in no page, so its sealed text has no more use.
REVOKE_KEY = """
    UPDATE "key" SET status = 'revoked', sealed = ?3, revoked_ns = ?2
    WHERE id = ?1 AND status <> 'revoked'
    RETURNING id
"""

REVOKE_OWN_KEY = """
    UPDATE "key" SET status = 'revoked', sealed = ?4, revoked_ns = ?3
    WHERE id = ?1 AND account_id = ?2 AND is_default = 0 AND status <> 'revoked'
    RETURNING id
"""

REVOKE_DEFAULT_KEYS = """
    UPDATE "key" SET status = 'revoked', sealed = ?3, revoked_ns = ?2
    WHERE account_id = ?1 AND is_default = 1 AND status <> 'revoked'
"""

KEY_FIELDS = """
    k.id, k.account_id, u.id, k.mask, k.label, k.status, a.status, k.rpm, k.tpm,
    k.concurrency, k.created_ns, k.is_default, k.expires_ns, k.models, k.cidrs,
    k.revoked_ns
"""
KEY_TABLES = """
    "key" k
    JOIN account a ON a.id = k.account_id
    JOIN "user" u ON u.account_id = k.account_id
"""
FIND_KEY = f"SELECT {KEY_FIELDS} FROM {KEY_TABLES} WHERE k.id = ?1"
FIND_OWN_KEY = f"""
    SELECT {KEY_FIELDS} FROM {KEY_TABLES} WHERE k.id = ?1 AND k.account_id = ?2
"""
FIND_KEY_BY_HASH = f"SELECT {KEY_FIELDS} FROM {KEY_TABLES} WHERE k.hash = ?1"

# Transfers and usage.

INSERT_TRANSFER = """
    INSERT INTO transfer (seq, id, code, debit_id, credit_id, amount_nano, buy_nano,
                          account_id, balance_nano, hold_id, reverses, ref, reason,
                          author, at_ns, request_hash, prev_hash, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
            ?18)
"""

FIND_TRANSFER = """
    SELECT code, account_id, amount_nano FROM transfer WHERE id = ?1
"""

FIND_ORIGINAL = """
    SELECT code, debit_id, credit_id, account_id, amount_nano, reverses
    FROM transfer WHERE id = ?1
"""

REVERSED = """
    SELECT coalesce(sum(amount_nano), 0) FROM transfer WHERE reverses = ?1
"""

INSERT_USAGE = f"""
    INSERT INTO usage ({", ".join(USAGE_COLUMNS)})
    VALUES ({", ".join(f"?{n}" for n in range(1, len(USAGE_COLUMNS) + 1))})
"""

FIND_USAGE = f"SELECT {', '.join(USAGE_COLUMNS)} FROM usage WHERE request_id = ?1"

# A late settle replaces what the void wrote; the primary key makes it the same row.
# The first five columns say whose it is.
_REPLACED = [f"{name} = ?{n}" for n, name in enumerate(USAGE_COLUMNS, 1) if n > 5]
REPLACE_USAGE = f"""
    UPDATE usage SET {", ".join(_REPLACED)}
    WHERE request_id = ?1 AND account_id = ?2 AND key_id = ?3 AND price_id = ?4
      AND model = ?5
"""

_SUMS = USAGE_DAY_COLUMNS[4:]
ADD_USAGE_DAY = f"""
    INSERT INTO usage_day ({", ".join(USAGE_DAY_COLUMNS)})
    VALUES ({", ".join(f"?{n}" for n in range(1, len(USAGE_DAY_COLUMNS) + 1))})
    ON CONFLICT (account_id, day, key_id, model) DO UPDATE SET
    {", ".join(f"{sum_} = usage_day.{sum_} + excluded.{sum_}" for sum_ in _SUMS)}
"""

FIND_PAYMENT = "SELECT paid_nano, shortfall_nano FROM usage WHERE request_id = ?1"

# Replays. Writing an account's row as it is puts all who ask for it in line.

LOCK_ACCOUNT = """
    UPDATE account SET debits_pending = debits_pending
    WHERE id = ?1
"""

# Most names are new and no row is old: these two find that out at a tenth of the cost.
HAS_REPLAY = "SELECT 1 FROM replay WHERE account_id = ?1 AND name = ?2"
HAS_OLD_REPLAY = "SELECT 1 FROM replay WHERE opened_ns <= ?1 LIMIT 1"

# A charge of money has neither hold nor usage: its answer was kept when it was made.
FIND_REPLAY = """
    SELECT r.fingerprint, r.request_id, r.opened_ns, coalesce(h.state, ''),
           CASE WHEN EXISTS (
               SELECT 1 FROM transfer t WHERE t.id = 'late:' || r.request_id
           ) THEN 1 ELSE 0 END,
           coalesce(u.stream, 0), r.status, r.media, r.body, coalesce(u.paid_nano, 0),
           coalesce(u.provider, ''), coalesce(u.upstream_model, ''),
           coalesce(u.attempts, 0)
    FROM replay r
    LEFT JOIN hold h ON h.id = r.request_id
    LEFT JOIN usage u ON u.request_id = r.request_id
    WHERE r.account_id = ?1 AND r.name = ?2
"""

TAKE_REPLAY = """
    INSERT INTO replay (account_id, name, fingerprint, request_id, opened_ns)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (account_id, name) DO UPDATE SET
        fingerprint = excluded.fingerprint, request_id = excluded.request_id,
        opened_ns = excluded.opened_ns, status = NULL, media = NULL, body = NULL
"""

KEEP_ANSWER = """
    UPDATE replay SET status = ?2, media = ?3, body = ?4 WHERE request_id = ?1
"""

PURGE_REPLAYS = """
    DELETE FROM replay WHERE request_id IN (
        SELECT r.request_id FROM replay r
        WHERE r.opened_ns <= ?1 AND NOT EXISTS (
            SELECT 1 FROM hold h WHERE h.id = r.request_id AND h.state = 'open'
        )
        ORDER BY r.opened_ns, r.account_id, r.name LIMIT ?2
    )
    RETURNING request_id
"""

# Jobs.

_JOB = ", ".join(JOB_COLUMNS)

FIND_JOB = f"SELECT {_JOB} FROM job WHERE id = ?1"

FIND_JOB_OF_REQUEST = "SELECT id FROM job WHERE request_id = ?1"

COUNT_LIVE_JOBS = """
    SELECT coalesce(sum(CASE WHEN account_id = ?1 THEN 1 ELSE 0 END), 0), count(*)
    FROM job WHERE ended_ns IS NULL
"""

INSERT_JOB = """
    INSERT INTO job (id, request_id, account_id, key_id, model, ask, next_ns,
                     deadline_ns, created_ns, state, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued', 1)
"""


def move_job(columns: tuple[str, ...]) -> str:
    """From version ?2 to state ?3; the columns are given from ?4 on."""
    changes = [f"{name} = ?{n}" for n, name in enumerate(columns, 4)]
    return f"""
    UPDATE job SET state = ?3, version = version + 1, {", ".join(changes)}
    WHERE id = ?1 AND version = ?2
    RETURNING {_JOB}
    """


# Whoever runs it looks at it sooner; where it cannot be stopped it is left alone.
WISH_JOB_CANCELLED = f"""
    UPDATE job SET
        cancel_ns = coalesce(cancel_ns, ?2),
        next_ns = CASE WHEN state = 'running' AND next_ns > ?2 THEN ?2
                       ELSE next_ns END
    WHERE id = ?1
    RETURNING {_JOB}
"""

HIDE_JOB = f"UPDATE job SET deleted_ns = ?2 WHERE id = ?1 RETURNING {_JOB}"

FORGET_JOBS = """
    DELETE FROM job WHERE id IN (
        SELECT j.id FROM job j WHERE j.ended_ns < ?1 ORDER BY j.ended_ns, j.id LIMIT ?2
    )
    RETURNING id
"""

JOB_OF = f"""
    SELECT {_JOB} FROM job
    WHERE id = ?1 AND account_id = ?2 AND deleted_ns IS NULL
"""

JOBS_OF_NEWEST = f"""
    SELECT {_JOB} FROM job
    WHERE account_id = ?1 AND deleted_ns IS NULL AND (?2 = '' OR id < ?2)
    ORDER BY id DESC LIMIT ?3
"""

JOBS_OF_OLDEST = f"""
    SELECT {_JOB} FROM job
    WHERE account_id = ?1 AND deleted_ns IS NULL AND id > ?2
    ORDER BY id LIMIT ?3
"""

DUE_JOBS = f"""
    SELECT {_JOB} FROM job
    WHERE ended_ns IS NULL AND state <> 'submitting' AND next_ns <= ?1
    ORDER BY next_ns, id LIMIT ?2
"""

DUE_JOBS_QUEUED = f"""
    SELECT {_JOB} FROM job
    WHERE ended_ns IS NULL AND state = 'queued' AND next_ns <= ?1
    ORDER BY next_ns, id LIMIT ?2
"""

DUE_JOBS_BEGUN = f"""
    SELECT {_JOB} FROM job
    WHERE ended_ns IS NULL AND state IN ('running', 'storing') AND next_ns <= ?1
    ORDER BY next_ns, id LIMIT ?2
"""

BEGUN_JOBS = "SELECT count(*) FROM job WHERE ended_ns IS NULL AND state <> 'queued'"

SUBMITTING_JOBS = f"""
    SELECT {_JOB} FROM job WHERE ended_ns IS NULL AND state = 'submitting' ORDER BY id
"""

LIVE_JOBS = "SELECT count(*) FROM job WHERE ended_ns IS NULL"

NEXT_DUE_JOB = """
    SELECT min(next_ns) FROM job WHERE ended_ns IS NULL AND state <> 'submitting'
"""

# Users and sessions.

INSERT_USER = """
    INSERT INTO "user" (id, email, password_hash, role, account_id, created_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
"""

USER_FIELDS = """
    u.id, u.email, u.account_id, u.role, u.password_hash, a.status, u.created_ns,
    u.language
"""
USER_TABLES = '"user" u JOIN account a ON a.id = u.account_id'
USER_COLUMNS = f"SELECT {USER_FIELDS} FROM {USER_TABLES}"
FIND_USER = f"{USER_COLUMNS} WHERE u.id = ?1"
FIND_USER_BY_EMAIL = f"{USER_COLUMNS} WHERE u.email = ?1"

SET_PASSWORD = 'UPDATE "user" SET password_hash = ?2 WHERE id = ?1 RETURNING id'

SET_LANGUAGE = 'UPDATE "user" SET language = ?2 WHERE id = ?1 RETURNING id'
SET_ROLE = 'UPDATE "user" SET role = ?2 WHERE id = ?1 RETURNING id'

INSERT_SESSION = """
    INSERT INTO session (token_hash, user_id, created_ns, expires_ns, address, agent,
                         seen_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3)
    ON CONFLICT (token_hash) DO NOTHING
"""
DELETE_SESSION = "DELETE FROM session WHERE token_hash = ?1"
DELETE_SESSIONS = "DELETE FROM session WHERE user_id = ?1"
DELETE_OTHER_SESSIONS = """
    DELETE FROM session WHERE user_id = ?1 AND token_hash <> ?2 RETURNING token_hash
"""
DELETE_USERS_SESSION = """
    DELETE FROM session WHERE user_id = ?1 AND token_hash = ?2 RETURNING token_hash
"""
SEE_SESSION = "UPDATE session SET seen_ns = ?2 WHERE token_hash = ?1"
DELETE_EXPIRED_SESSIONS = "DELETE FROM session WHERE user_id = ?1 AND expires_ns <= ?2"

# The audit log.

INSERT_ACT = """
    INSERT INTO act (id, at_ns, what, actor_id, user_id, target, address, details)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
"""

# Vouchers.

INSERT_VOUCHER = """
    INSERT INTO voucher (code_hash, amount_nano, batch, created_ns)
    VALUES (?1, ?2, ?3, ?4)
"""
FIND_VOUCHER = "SELECT amount_nano, spent_by FROM voucher WHERE code_hash = ?1"
SPEND_VOUCHER = """
    UPDATE voucher SET spent_by = ?2, spent_ns = ?3, transfer_id = ?4
    WHERE code_hash = ?1 AND spent_by IS NULL
"""

# Orders. All writers stand in one line on either engine, so what one statement has
# found the next of the same verb may rely on.

ORDER_COLUMNS = """
    id, account_id, name, method, amount_nano, currency, minor, state, object_id,
    payment_id, transfer_id, reversals, reversed_nano, taken_nano, created_ns, ended_ns
"""
_ORDER = f"SELECT {ORDER_COLUMNS} FROM payment_order"
FIND_ORDER = f"{_ORDER} WHERE id = ?1"
FIND_ORDER_BY_OBJECT = f"{_ORDER} WHERE method = ?1 AND object_id = ?2"
FIND_ORDER_BY_PAYMENT = f"{_ORDER} WHERE method = ?1 AND payment_id = ?2 ORDER BY id"
FIND_ORDER_BY_NAME = f"""
    {_ORDER} WHERE account_id = ?1 AND name = ?2 AND created_ns > ?3
    ORDER BY id DESC LIMIT 1
"""
COUNT_WAITING_ORDERS = """
    SELECT count(*) FROM payment_order
    WHERE account_id = ?1 AND state = 'open' AND created_ns > ?2
"""
INSERT_ORDER = """
    INSERT INTO payment_order (id, account_id, name, method, amount_nano, currency,
                               minor, state, created_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', ?8)
"""
BIND_ORDER = """
    UPDATE payment_order SET object_id = ?2
    WHERE id = ?1 AND object_id IS NULL
"""
END_ORDER = """
    UPDATE payment_order SET state = ?2, ended_ns = ?3 WHERE id = ?1
"""
PAY_ORDER = """
    UPDATE payment_order SET state = 'paid', object_id = ?2, payment_id = ?3,
        transfer_id = ?4, ended_ns = ?5
    WHERE id = ?1
"""
REVERSE_ORDER = """
    UPDATE payment_order SET reversals = ?2, reversed_nano = ?3, taken_nano = ?4
    WHERE id = ?1
"""
PURGE_ORDERS = """
    DELETE FROM payment_order WHERE id IN (
        SELECT id FROM payment_order WHERE state <> 'paid' AND created_ns <= ?1
        ORDER BY created_ns LIMIT ?2
    )
"""

FIND_REVERSAL = """
    SELECT standing FROM payment_reversal WHERE method = ?1 AND id = ?2
"""
# What has ended does not begin again, and no amount gets smaller: whatever comes late
# tells of an earlier time.
KEEP_REVERSAL = """
    INSERT INTO payment_reversal (method, id, payment_id, kind, currency, minor,
                                  standing, received_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (method, id) DO UPDATE SET
        minor = CASE WHEN excluded.minor > payment_reversal.minor
            THEN excluded.minor ELSE payment_reversal.minor END,
        standing = CASE
            WHEN 'ended' IN (excluded.standing, payment_reversal.standing) THEN 'ended'
            WHEN 'live' IN (excluded.standing, payment_reversal.standing) THEN 'live'
            ELSE 'noted' END
"""
REVERSALS = """
    SELECT kind, standing, minor FROM payment_reversal
    WHERE method = ?1 AND payment_id = ?2 AND currency = ?3 ORDER BY id
"""
PURGE_REVERSALS = """
    DELETE FROM payment_reversal WHERE (method, id) IN (
        SELECT r.method, r.id FROM payment_reversal r
        WHERE r.received_ns <= ?1 AND NOT EXISTS (SELECT 1 FROM payment_order o
            WHERE o.method = r.method AND o.payment_id = r.payment_id)
        ORDER BY r.received_ns LIMIT ?2
    )
"""

# Of what was told again the first outcome stands, unless something more happened.
KEEP_EVENT = """
    INSERT INTO payment_event (method, id, type, order_id, digest, outcome, detail,
                               problem, deliveries, received_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9)
    ON CONFLICT (method, id) DO UPDATE SET
        deliveries = payment_event.deliveries + 1,
        outcome = CASE WHEN excluded.outcome IN ('exists', 'unchanged')
            THEN payment_event.outcome ELSE excluded.outcome END,
        detail = CASE WHEN excluded.outcome IN ('exists', 'unchanged')
            THEN payment_event.detail ELSE excluded.detail END,
        problem = CASE WHEN excluded.outcome IN ('exists', 'unchanged')
            THEN payment_event.problem ELSE excluded.problem END
"""
RESOLVE_EVENT = """
    UPDATE payment_event SET resolution = ?3, resolved_by = ?4
    WHERE method = ?1 AND id = ?2 AND problem = 1 AND resolution IS NULL
    RETURNING id
"""
PURGE_EVENTS = """
    DELETE FROM payment_event WHERE (method, id) IN (
        SELECT e.method, e.id FROM payment_event e
        WHERE e.received_ns <= ?1 AND (e.problem = 0 OR e.resolution IS NOT NULL)
        ORDER BY e.received_ns LIMIT ?2
    )
"""

# Prices and boots.

INSERT_PRICE = """
    INSERT INTO price (id, model, effective_from_ns, sell, buy, recorded_ns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (id) DO NOTHING
"""
INSERT_BOOT = "INSERT INTO boot (id, pid, host, started_ns) VALUES (?1, ?2, ?3, ?4)"

# Something real to write, where an empty transaction would call a full disk well.
PROBE = "UPDATE boot SET lease_ns = coalesce(lease_ns, 0) + 1 WHERE id = ?1"

# The secret.

INSERT_SECRET = """
    INSERT INTO secret (id, digest) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING
"""
FIND_SECRET = "SELECT digest FROM secret"
