"""The first schema: accounts, transfers, holds, usage, prices, keys, users, sessions.

The CHECKs are the last line of defence for money: whatever a verb gets wrong, a user
account cannot go below zero and a transfer cannot be rewritten. STRICT tables refuse a
REAL where an INTEGER belongs. This text is never edited once released; a later
migration changes what it made.
"""

TABLES = (
    """
    CREATE TABLE account (
        id INTEGER NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('user', 'house')),
        owner TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'blocked')),
        credits_posted INTEGER NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
        debits_posted INTEGER NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
        debits_pending INTEGER NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
        created_ns INTEGER NOT NULL,
        CHECK (kind = 'house' OR debits_posted + debits_pending <= credits_posted)
    ) STRICT
    """,
    """
    CREATE TABLE "user" (
        id TEXT NOT NULL PRIMARY KEY,
        email TEXT NOT NULL UNIQUE,
        password_hash TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('user', 'operator')),
        account_id INTEGER NOT NULL UNIQUE REFERENCES account (id),
        created_ns INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE "key" (
        id INTEGER NOT NULL PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES account (id),
        hash BLOB NOT NULL UNIQUE,
        mask TEXT NOT NULL,
        sealed BLOB NOT NULL,
        label TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT 'active'
            CHECK (status IN ('active', 'disabled', 'revoked')),
        is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
        rpm INTEGER CHECK (rpm >= 0),
        tpm INTEGER CHECK (tpm >= 0),
        concurrency INTEGER CHECK (concurrency >= 0),
        open_holds INTEGER NOT NULL DEFAULT 0 CHECK (open_holds >= 0),
        window_ns INTEGER NOT NULL DEFAULT 0,
        window_requests INTEGER NOT NULL DEFAULT 0 CHECK (window_requests >= 0),
        window_tokens INTEGER NOT NULL DEFAULT 0 CHECK (window_tokens >= 0),
        created_ns INTEGER NOT NULL,
        revoked_ns INTEGER
    ) STRICT
    """,
    """
    CREATE TABLE price (
        id TEXT NOT NULL PRIMARY KEY,
        model TEXT NOT NULL,
        effective_from_ns INTEGER NOT NULL,
        sell TEXT NOT NULL,
        buy TEXT NOT NULL,
        recorded_ns INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE boot (
        id TEXT NOT NULL PRIMARY KEY,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL,
        started_ns INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE hold (
        id TEXT NOT NULL PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES account (id),
        key_id INTEGER NOT NULL REFERENCES "key" (id),
        amount_nano INTEGER NOT NULL CHECK (amount_nano > 0),
        extended_nano INTEGER NOT NULL DEFAULT 0
            CHECK (extended_nano >= 0 AND extended_nano < amount_nano),
        price_id TEXT NOT NULL REFERENCES price (id),
        model TEXT NOT NULL,
        tokens INTEGER NOT NULL CHECK (tokens >= 0),
        window_ns INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'voided')),
        reason TEXT,
        boot_id TEXT NOT NULL REFERENCES boot (id),
        opened_ns INTEGER NOT NULL,
        closed_ns INTEGER,
        CHECK ((state = 'open') = (closed_ns IS NULL))
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE transfer (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        code TEXT NOT NULL
            CHECK (code IN ('topup', 'promo', 'usage', 'late', 'shortfall')),
        debit_id INTEGER NOT NULL REFERENCES account (id),
        credit_id INTEGER NOT NULL REFERENCES account (id),
        amount_nano INTEGER NOT NULL CHECK (amount_nano >= 0),
        account_id INTEGER REFERENCES account (id),
        balance_nano INTEGER,
        hold_id TEXT REFERENCES hold (id),
        ref TEXT,
        at_ns INTEGER NOT NULL,
        CHECK (debit_id <> credit_id),
        CHECK (account_id IN (debit_id, credit_id)),
        CHECK ((account_id IS NULL) = (balance_nano IS NULL)),
        CHECK ((code IN ('usage', 'late', 'shortfall')) = (hold_id IS NOT NULL))
    ) STRICT
    """,
    """
    CREATE TABLE usage (
        request_id TEXT NOT NULL PRIMARY KEY REFERENCES hold (id),
        account_id INTEGER NOT NULL REFERENCES account (id),
        key_id INTEGER NOT NULL REFERENCES "key" (id),
        price_id TEXT NOT NULL REFERENCES price (id),
        model TEXT NOT NULL,
        provider TEXT NOT NULL,
        upstream_model TEXT NOT NULL,
        evidence TEXT NOT NULL CHECK (evidence IN
            ('reported', 'counted', 'estimated', 'partial', 'invalid', 'none')),
        input INTEGER NOT NULL CHECK (input >= 0),
        cache_read INTEGER NOT NULL CHECK (cache_read >= 0),
        cache_write INTEGER NOT NULL CHECK (cache_write >= 0),
        output INTEGER NOT NULL CHECK (output >= 0),
        other TEXT,
        cost_pico TEXT NOT NULL,
        cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
        paid_nano INTEGER NOT NULL CHECK (paid_nano >= 0),
        shortfall_nano INTEGER NOT NULL CHECK (shortfall_nano >= 0),
        outcome TEXT NOT NULL,
        status INTEGER NOT NULL,
        attempts INTEGER NOT NULL CHECK (attempts >= 0),
        first_byte_ms INTEGER,
        total_ms INTEGER NOT NULL,
        tokens INTEGER NOT NULL CHECK (tokens >= 0),
        stream INTEGER NOT NULL CHECK (stream IN (0, 1)),
        at_ns INTEGER NOT NULL,
        CHECK (paid_nano + shortfall_nano = cost_nano)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE voucher (
        code_hash BLOB NOT NULL PRIMARY KEY,
        amount_nano INTEGER NOT NULL CHECK (amount_nano > 0),
        batch TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        spent_by INTEGER REFERENCES account (id),
        spent_ns INTEGER,
        transfer_id TEXT UNIQUE REFERENCES transfer (id),
        CHECK ((spent_by IS NULL) = (transfer_id IS NULL))
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE session (
        token_hash BLOB NOT NULL PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES "user" (id),
        created_ns INTEGER NOT NULL,
        expires_ns INTEGER NOT NULL,
        address TEXT NOT NULL,
        agent TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE revision (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        number INTEGER NOT NULL
    ) STRICT
    """,
)

INDEXES = (
    "CREATE INDEX hold_open ON hold (boot_id) WHERE state = 'open'",
    "CREATE INDEX transfer_account ON transfer (account_id)"
    " WHERE account_id IS NOT NULL",
    'CREATE INDEX key_account ON "key" (account_id)',
    'CREATE UNIQUE INDEX key_default ON "key" (account_id)'
    " WHERE is_default = 1 AND status <> 'revoked'",
    "CREATE INDEX session_user ON session (user_id)",
)

# The revision counts changes that a cache of keys must notice; the counters that
# change with each request are not among the columns named.
TRIGGERS = (
    """
    CREATE TRIGGER transfer_no_update BEFORE UPDATE ON transfer
    BEGIN SELECT RAISE(ABORT, 'a transfer never changes'); END
    """,
    """
    CREATE TRIGGER transfer_no_delete BEFORE DELETE ON transfer
    BEGIN SELECT RAISE(ABORT, 'a transfer never goes away'); END
    """,
    """
    CREATE TRIGGER hold_closed BEFORE UPDATE ON hold WHEN OLD.state <> 'open'
    BEGIN SELECT RAISE(ABORT, 'a closed hold never changes'); END
    """,
    """
    CREATE TRIGGER hold_no_delete BEFORE DELETE ON hold
    BEGIN SELECT RAISE(ABORT, 'a hold never goes away'); END
    """,
    """
    CREATE TRIGGER usage_no_delete BEFORE DELETE ON usage
    BEGIN SELECT RAISE(ABORT, 'usage never goes away'); END
    """,
    """
    CREATE TRIGGER price_no_update BEFORE UPDATE ON price
    BEGIN SELECT RAISE(ABORT, 'a price never changes'); END
    """,
    """
    CREATE TRIGGER price_no_delete BEFORE DELETE ON price
    BEGIN SELECT RAISE(ABORT, 'a price never goes away'); END
    """,
    """
    CREATE TRIGGER key_revision_insert AFTER INSERT ON "key"
    BEGIN UPDATE revision SET number = number + 1; END
    """,
    """
    CREATE TRIGGER key_revision_update AFTER UPDATE OF
        account_id, hash, mask, label, status, is_default, rpm, tpm, concurrency
        ON "key"
    BEGIN UPDATE revision SET number = number + 1; END
    """,
    """
    CREATE TRIGGER account_revision_update AFTER UPDATE OF status ON account
    BEGIN UPDATE revision SET number = number + 1; END
    """,
)

ROWS = (
    "INSERT INTO revision (id, number) VALUES (1, 1)",
    "INSERT INTO account (id, kind, owner, created_ns) VALUES"
    " (1, 'house', 'cash', 0), (2, 'house', 'revenue', 0),"
    " (3, 'house', 'shortfall', 0), (4, 'house', 'promo', 0)",
)

STATEMENTS = TABLES + INDEXES + TRIGGERS + ROWS
