"""Orders: what users mean to pay through others, and what those others told of it.

An order says what was to be paid, `payment_reversal` what came back of a payment (it
may be told before the payment is), `payment_event` which callbacks were received and
what came of them. Only the order is bound to the books: by the transfer of its top-up.
"""

STATEMENTS = (
    """
    CREATE TABLE payment_order (
        id TEXT NOT NULL PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES account (id),
        name TEXT,
        method TEXT NOT NULL,
        amount_nano INTEGER NOT NULL CHECK (amount_nano > 0),
        currency TEXT NOT NULL,
        minor INTEGER NOT NULL CHECK (minor > 0),
        state TEXT NOT NULL CHECK (state IN ('open', 'paid', 'failed', 'expired')),
        object_id TEXT,
        payment_id TEXT,
        transfer_id TEXT UNIQUE REFERENCES transfer (id),
        reversals INTEGER NOT NULL DEFAULT 0 CHECK (reversals >= 0),
        reversed_nano INTEGER NOT NULL DEFAULT 0
            CHECK (reversed_nano BETWEEN 0 AND amount_nano),
        taken_nano INTEGER NOT NULL DEFAULT 0
            CHECK (taken_nano BETWEEN 0 AND reversed_nano),
        created_ns INTEGER NOT NULL,
        ended_ns INTEGER,
        CHECK ((state = 'paid') = (transfer_id IS NOT NULL)),
        CHECK ((state = 'open') = (ended_ns IS NULL)),
        UNIQUE (method, object_id)
    ) STRICT
    """,
    "CREATE INDEX payment_order_account ON payment_order (account_id, id)",
    "CREATE INDEX payment_order_payment ON payment_order (method, payment_id)"
    " WHERE payment_id IS NOT NULL",
    "CREATE INDEX payment_order_unpaid ON payment_order (created_ns)"
    " WHERE state <> 'paid'",
    """
    CREATE TABLE payment_reversal (
        method TEXT NOT NULL,
        id TEXT NOT NULL,
        payment_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('refund', 'total', 'dispute')),
        currency TEXT NOT NULL,
        minor INTEGER NOT NULL CHECK (minor >= 0),
        standing TEXT NOT NULL CHECK (standing IN ('noted', 'live', 'ended')),
        received_ns INTEGER NOT NULL,
        PRIMARY KEY (method, id)
    ) STRICT
    """,
    "CREATE INDEX payment_reversal_payment ON payment_reversal (method, payment_id)",
    "CREATE INDEX payment_reversal_received ON payment_reversal (received_ns)",
    """
    CREATE TABLE payment_event (
        method TEXT NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        order_id TEXT,
        digest BLOB NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        problem INTEGER NOT NULL CHECK (problem IN (0, 1)),
        deliveries INTEGER NOT NULL CHECK (deliveries > 0),
        received_ns INTEGER NOT NULL,
        resolution TEXT,
        resolved_by TEXT,
        PRIMARY KEY (method, id),
        CHECK ((resolution IS NULL) = (resolved_by IS NULL))
    ) STRICT
    """,
    "CREATE INDEX payment_event_received ON payment_event (received_ns)",
    "CREATE INDEX payment_event_problem ON payment_event (received_ns)"
    " WHERE problem = 1 AND resolution IS NULL",
)
