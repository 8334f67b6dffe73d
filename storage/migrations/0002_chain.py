"""The hash chain, the margin, spend caps of keys, refunds and adjustments.

A transfer gets new codes, so its table is made anew; the rows that exist are chained in
the order of `seq` while they are copied. The new house accounts have ids below zero,
because users have all those from 5 on.

What a request costs us is a memo beside the transfer that charged it: the same row
moves `buy_nano` from cost of sales to payable, so that it is in the chain too.
"""

from typing import Any

import apsw

from storage.chain import Chain

TRANSFER = """
    CREATE TABLE transfer_new (
        seq INTEGER NOT NULL PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        code TEXT NOT NULL CHECK (code IN ('topup', 'promo', 'usage', 'late',
            'shortfall', 'refund', 'adjustment')),
        debit_id INTEGER NOT NULL REFERENCES account (id),
        credit_id INTEGER NOT NULL REFERENCES account (id),
        amount_nano INTEGER NOT NULL CHECK (amount_nano >= 0),
        buy_nano INTEGER NOT NULL DEFAULT 0 CHECK (buy_nano >= 0),
        account_id INTEGER REFERENCES account (id),
        balance_nano INTEGER,
        hold_id TEXT REFERENCES hold (id),
        reverses TEXT REFERENCES transfer (id),
        ref TEXT,
        reason TEXT,
        author TEXT,
        at_ns INTEGER NOT NULL,
        prev_hash BLOB NOT NULL,
        hash BLOB NOT NULL,
        CHECK (debit_id <> credit_id),
        CHECK (account_id IN (debit_id, credit_id)),
        CHECK ((account_id IS NULL) = (balance_nano IS NULL)),
        CHECK (CASE code
            WHEN 'usage' THEN hold_id IS NOT NULL
            WHEN 'late' THEN hold_id IS NOT NULL
            WHEN 'shortfall' THEN (hold_id IS NULL) = (ref IS NOT NULL)
            ELSE hold_id IS NULL END),
        CHECK (buy_nano = 0 OR code IN ('usage', 'late')),
        CHECK ((reverses IS NOT NULL) = (code = 'refund')),
        CHECK ((reason IS NOT NULL) = (code IN ('refund', 'adjustment'))),
        CHECK ((author IS NOT NULL) = (code IN ('refund', 'adjustment')))
    ) STRICT
"""

COPY = """
    INSERT INTO transfer_new (seq, id, code, debit_id, credit_id, amount_nano,
        account_id, balance_nano, hold_id, ref, at_ns, prev_hash, hash)
    SELECT seq, id, code, debit_id, credit_id, amount_nano, account_id, balance_nano,
        hold_id, ref, at_ns, chain_head(),
        chain_link(seq, id, code, debit_id, credit_id, amount_nano, 0, account_id,
            balance_nano, hold_id, NULL, ref, NULL, NULL, at_ns)
    FROM transfer ORDER BY seq
"""

TRANSFERS = (
    TRANSFER,
    COPY,
    "DROP TABLE transfer",
    "ALTER TABLE transfer_new RENAME TO transfer",
    "CREATE INDEX transfer_account ON transfer (account_id)"
    " WHERE account_id IS NOT NULL",
    "CREATE INDEX transfer_reverses ON transfer (reverses)"
    " WHERE reverses IS NOT NULL",
    """
    CREATE TRIGGER transfer_no_update BEFORE UPDATE ON transfer
    BEGIN SELECT RAISE(ABORT, 'a transfer never changes'); END
    """,
    """
    CREATE TRIGGER transfer_no_delete BEFORE DELETE ON transfer
    BEGIN SELECT RAISE(ABORT, 'a transfer never goes away'); END
    """,
)

# What old requests cost us nobody booked; it stays zero, and the audit knows that
# by the empty text.
USAGE = (
    "ALTER TABLE usage ADD COLUMN buy_pico TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE usage ADD COLUMN buy_nano INTEGER NOT NULL DEFAULT 0"
    " CHECK (buy_nano >= 0)",
)

# Spending is kept by day, so that a clock that jumps finds each day as it was.
KEYS = (
    'ALTER TABLE "key" ADD COLUMN limit_nano INTEGER CHECK (limit_nano >= 0)',
    'ALTER TABLE "key" ADD COLUMN limit_day_nano INTEGER CHECK (limit_day_nano >= 0)',
    'ALTER TABLE "key" ADD COLUMN limit_month_nano INTEGER'
    " CHECK (limit_month_nano >= 0)",
    'ALTER TABLE "key" ADD COLUMN spent_nano INTEGER NOT NULL DEFAULT 0'
    " CHECK (spent_nano >= 0)",
    'ALTER TABLE "key" ADD COLUMN pending_nano INTEGER NOT NULL DEFAULT 0'
    " CHECK (pending_nano >= 0)",
    """
    CREATE TABLE spending (
        key_id INTEGER NOT NULL REFERENCES "key" (id),
        day INTEGER NOT NULL,
        spent_nano INTEGER NOT NULL CHECK (spent_nano >= 0),
        PRIMARY KEY (key_id, day)
    ) STRICT, WITHOUT ROWID
    """,
    """
    INSERT INTO spending (key_id, day, spent_nano)
    SELECT key_id, at_ns / 86400000000000, sum(paid_nano)
    FROM usage WHERE paid_nano > 0 GROUP BY 1, 2
    """,
    """
    UPDATE "key" SET
        spent_nano = (SELECT coalesce(sum(s.spent_nano), 0) FROM spending s
                      WHERE s.key_id = "key".id),
        pending_nano = (SELECT coalesce(sum(h.amount_nano), 0) FROM hold h
                        WHERE h.key_id = "key".id AND h.state = 'open')
    """,
)

HOUSE = (
    "INSERT INTO account (id, kind, owner, created_ns) VALUES"
    " (-1, 'house', 'adjustment', 0), (-2, 'house', 'cost', 0),"
    " (-3, 'house', 'payable', 0)",
)

STATEMENTS = TRANSFERS + USAGE + KEYS + HOUSE


def prepare(connection: apsw.Connection) -> None:
    """The functions that the copy calls, row by row."""
    chain = Chain()

    def head(*_: Any) -> bytes:
        return chain.head

    def link(*row: Any) -> bytes:
        return chain.link(row)

    connection.create_scalar_function("chain_head", head, 0)
    connection.create_scalar_function("chain_link", link, 15)
