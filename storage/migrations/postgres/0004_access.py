"""Who may what from where, what was done, and usage by day, as SQLite has them."""

from importlib import import_module

guard = import_module("storage.migrations.postgres.0001_initial").guard

KEYS = (
    'ALTER TABLE "key" ADD COLUMN expires_ns BIGINT',
    'ALTER TABLE "key" ADD COLUMN models TEXT COLLATE "C"',
    'ALTER TABLE "key" ADD COLUMN cidrs TEXT COLLATE "C"',
    'DROP TRIGGER key_revision_update ON "key"',
    """
    CREATE TRIGGER key_revision_update AFTER UPDATE OF
        account_id, hash, mask, label, status, is_default, rpm, tpm, concurrency,
        expires_ns, models, cidrs
    ON "key" FOR EACH ROW EXECUTE FUNCTION autolist_revise()
    """,
)

PEOPLE = (
    """
    ALTER TABLE "user" ADD COLUMN language TEXT COLLATE "C" NOT NULL DEFAULT ''
        CHECK (language IN ('', 'zh', 'en'))
    """,
    "ALTER TABLE session ADD COLUMN seen_ns BIGINT NOT NULL DEFAULT 0",
    "UPDATE session SET seen_ns = created_ns",
)

ACTS = (
    """
    CREATE TABLE act (
        id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
        at_ns BIGINT NOT NULL,
        what TEXT COLLATE "C" NOT NULL,
        actor_id TEXT COLLATE "C" REFERENCES "user" (id),
        user_id TEXT COLLATE "C" REFERENCES "user" (id),
        target TEXT COLLATE "C" NOT NULL,
        address TEXT COLLATE "C" NOT NULL,
        details TEXT COLLATE "C" NOT NULL
    )
    """,
    "CREATE INDEX act_user ON act (user_id, id)",
    guard("act_no_update", "act", "UPDATE", "an act never changes"),
    guard("act_no_delete", "act", "DELETE", "an act never goes away"),
    guard("act_no_truncate", "act", "TRUNCATE", "an act never goes away"),
)

USAGE = (
    """
    CREATE TABLE usage_day (
        account_id BIGINT NOT NULL REFERENCES account (id),
        day BIGINT NOT NULL,
        key_id BIGINT NOT NULL REFERENCES "key" (id),
        model TEXT COLLATE "C" NOT NULL,
        requests BIGINT NOT NULL,
        failed BIGINT NOT NULL,
        input BIGINT NOT NULL,
        cache_read BIGINT NOT NULL,
        cache_write BIGINT NOT NULL,
        output BIGINT NOT NULL,
        images BIGINT NOT NULL,
        videos BIGINT NOT NULL,
        cost_nano BIGINT NOT NULL,
        paid_nano BIGINT NOT NULL,
        buy_nano BIGINT NOT NULL,
        PRIMARY KEY (account_id, day, key_id, model)
    ) WITH (fillfactor = 50)
    """,
    """
    INSERT INTO usage_day
    SELECT account_id, at_ns / 86400000000000, key_id, model, count(*),
        sum(CASE outcome WHEN 'complete' THEN 0 ELSE 1 END),
        sum(input), sum(cache_read),
        sum(cache_write + coalesce((other::json->>'cache_write_1h')::bigint, 0)),
        sum(output + coalesce((other::json->>'reasoning')::bigint, 0)),
        sum(coalesce((other::json->>'image')::bigint, 0)),
        sum(coalesce((other::json->>'generation')::bigint, 0)),
        sum(cost_nano), sum(paid_nano), sum(buy_nano)
    FROM usage GROUP BY 1, 2, 3, 4
    """,
    "CREATE INDEX usage_day_day ON usage_day (day)",
    "CREATE INDEX usage_account ON usage (account_id, request_id)",
)

# What is rare among a caller's transfers is found without reading its charges.
INDEXES = (
    "CREATE INDEX transfer_rare ON transfer (account_id, seq)"
    " WHERE account_id IS NOT NULL AND code NOT IN ('usage', 'late')",
    "CREATE INDEX voucher_batch ON voucher (created_ns, batch, amount_nano, spent_by)",
)

STATEMENTS = KEYS + PEOPLE + ACTS + USAGE + INDEXES
