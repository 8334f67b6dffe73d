"""Who may what from where, what was done, and usage by day.

A key may end, may be for some models only and from some networks only. `act` is the
audit log: what users and operators did, written with what it tells and never changed.
`usage_day` sums requests up by day, key and model, in the transaction that writes each
of them, so that a page about a million requests reads a few hundred rows.
"""

KEYS = (
    'ALTER TABLE "key" ADD COLUMN expires_ns INTEGER',
    'ALTER TABLE "key" ADD COLUMN models TEXT',
    'ALTER TABLE "key" ADD COLUMN cidrs TEXT',
    "DROP TRIGGER key_revision_update",
    """
    CREATE TRIGGER key_revision_update AFTER UPDATE OF
        account_id, hash, mask, label, status, is_default, rpm, tpm, concurrency,
        expires_ns, models, cidrs
        ON "key"
    BEGIN UPDATE revision SET number = number + 1; END
    """,
)

PEOPLE = (
    """
    ALTER TABLE "user" ADD COLUMN language TEXT NOT NULL DEFAULT ''
        CHECK (language IN ('', 'zh', 'en'))
    """,
    "ALTER TABLE session ADD COLUMN seen_ns INTEGER NOT NULL DEFAULT 0",
    "UPDATE session SET seen_ns = created_ns",
)

ACTS = (
    """
    CREATE TABLE act (
        id TEXT NOT NULL PRIMARY KEY,
        at_ns INTEGER NOT NULL,
        what TEXT NOT NULL,
        actor_id TEXT REFERENCES "user" (id),
        user_id TEXT REFERENCES "user" (id),
        target TEXT NOT NULL,
        address TEXT NOT NULL,
        details TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX act_user ON act (user_id, id)",
    """
    CREATE TRIGGER act_no_update BEFORE UPDATE ON act
    BEGIN SELECT RAISE(ABORT, 'an act never changes'); END
    """,
    """
    CREATE TRIGGER act_no_delete BEFORE DELETE ON act
    BEGIN SELECT RAISE(ABORT, 'an act never goes away'); END
    """,
)

USAGE = (
    """
    CREATE TABLE usage_day (
        account_id INTEGER NOT NULL REFERENCES account (id),
        day INTEGER NOT NULL,
        key_id INTEGER NOT NULL REFERENCES "key" (id),
        model TEXT NOT NULL,
        requests INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        input INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        output INTEGER NOT NULL,
        images INTEGER NOT NULL,
        videos INTEGER NOT NULL,
        cost_nano INTEGER NOT NULL,
        paid_nano INTEGER NOT NULL,
        buy_nano INTEGER NOT NULL,
        PRIMARY KEY (account_id, day, key_id, model)
    ) STRICT, WITHOUT ROWID
    """,
    """
    INSERT INTO usage_day
    SELECT account_id, at_ns / 86400000000000, key_id, model, count(*),
        sum(CASE outcome WHEN 'complete' THEN 0 ELSE 1 END),
        sum(input), sum(cache_read),
        sum(cache_write + coalesce(json_extract(other, '$.cache_write_1h'), 0)),
        sum(output + coalesce(json_extract(other, '$.reasoning'), 0)),
        sum(coalesce(json_extract(other, '$.image'), 0)),
        sum(coalesce(json_extract(other, '$.generation'), 0)),
        sum(cost_nano), sum(paid_nano), sum(buy_nano)
    FROM usage GROUP BY 1, 2, 3, 4
    """,
    "CREATE INDEX usage_day_day ON usage_day (day)",
    # The primary key follows: the requests of an account in the order of time.
    "CREATE INDEX usage_account ON usage (account_id)",
)

# What is rare among a caller's transfers is found without reading its charges.
INDEXES = (
    "CREATE INDEX transfer_rare ON transfer (account_id)"
    " WHERE account_id IS NOT NULL AND code NOT IN ('usage', 'late')",
    "CREATE INDEX voucher_batch ON voucher (created_ns, batch, amount_nano, spent_by)",
)

STATEMENTS = KEYS + PEOPLE + ACTS + USAGE + INDEXES
