"""Orders, as SQLite has them after its fifth step."""

STATEMENTS = (
    """
    CREATE TABLE payment_order (
        id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
        account_id BIGINT NOT NULL REFERENCES account (id),
        name TEXT COLLATE "C",
        method TEXT COLLATE "C" NOT NULL,
        amount_nano BIGINT NOT NULL CHECK (amount_nano > 0),
        currency TEXT COLLATE "C" NOT NULL,
        minor BIGINT NOT NULL CHECK (minor > 0),
        state TEXT COLLATE "C" NOT NULL
            CHECK (state IN ('open', 'paid', 'failed', 'expired')),
        object_id TEXT COLLATE "C",
        payment_id TEXT COLLATE "C",
        transfer_id TEXT COLLATE "C" UNIQUE REFERENCES transfer (id),
        reversals BIGINT NOT NULL DEFAULT 0 CHECK (reversals >= 0),
        reversed_nano BIGINT NOT NULL DEFAULT 0
            CHECK (reversed_nano BETWEEN 0 AND amount_nano),
        taken_nano BIGINT NOT NULL DEFAULT 0
            CHECK (taken_nano BETWEEN 0 AND reversed_nano),
        created_ns BIGINT NOT NULL,
        ended_ns BIGINT,
        CHECK ((state = 'paid') = (transfer_id IS NOT NULL)),
        CHECK ((state = 'open') = (ended_ns IS NULL)),
        UNIQUE (method, object_id)
    )
    """,
    "CREATE INDEX payment_order_account ON payment_order (account_id, id)",
    "CREATE INDEX payment_order_payment ON payment_order (method, payment_id)"
    " WHERE payment_id IS NOT NULL",
    "CREATE INDEX payment_order_unpaid ON payment_order (created_ns)"
    " WHERE state <> 'paid'",
    """
    CREATE TABLE payment_reversal (
        method TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        payment_id TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL
            CHECK (kind IN ('refund', 'total', 'dispute')),
        currency TEXT COLLATE "C" NOT NULL,
        minor BIGINT NOT NULL CHECK (minor >= 0),
        standing TEXT COLLATE "C" NOT NULL
            CHECK (standing IN ('noted', 'live', 'ended')),
        received_ns BIGINT NOT NULL,
        PRIMARY KEY (method, id)
    )
    """,
    "CREATE INDEX payment_reversal_payment ON payment_reversal (method, payment_id)",
    "CREATE INDEX payment_reversal_received ON payment_reversal (received_ns)",
    """
    CREATE TABLE payment_event (
        method TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        type TEXT COLLATE "C" NOT NULL,
        order_id TEXT COLLATE "C",
        digest BYTEA NOT NULL,
        outcome TEXT COLLATE "C" NOT NULL,
        detail TEXT COLLATE "C" NOT NULL,
        problem BIGINT NOT NULL CHECK (problem IN (0, 1)),
        deliveries BIGINT NOT NULL CHECK (deliveries > 0),
        received_ns BIGINT NOT NULL,
        resolution TEXT COLLATE "C",
        resolved_by TEXT COLLATE "C",
        PRIMARY KEY (method, id),
        CHECK ((resolution IS NULL) = (resolved_by IS NULL))
    )
    """,
    "CREATE INDEX payment_event_received ON payment_event (received_ns)",
    "CREATE INDEX payment_event_problem ON payment_event (received_ns)"
    " WHERE problem = 1 AND resolution IS NULL",
)
