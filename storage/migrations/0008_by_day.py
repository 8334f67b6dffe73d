"""What is summed up by day, with the day first.

Each request adds to today's rows of its key. With the account or the key first these
rows lay one to a page once there were months of them, and a batch of forty requests
wrote some sixty pages for its sums; with the day first today's rows lie together. Who
asks for the days of an account or a key finds them by an index, which changes only
when a day begins.
"""

USAGE = (
    """
    CREATE TABLE usage_day_new (
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
        PRIMARY KEY (day, account_id, key_id, model)
    ) STRICT, WITHOUT ROWID
    """,
    """
    INSERT INTO usage_day_new
    SELECT * FROM usage_day ORDER BY day, account_id, key_id, model
    """,
    "DROP TABLE usage_day",
    "ALTER TABLE usage_day_new RENAME TO usage_day",
    "CREATE INDEX usage_day_account ON usage_day (account_id, day)",
)

SPENDING = (
    """
    CREATE TABLE spending_new (
        key_id INTEGER NOT NULL REFERENCES "key" (id),
        day INTEGER NOT NULL,
        spent_nano INTEGER NOT NULL CHECK (spent_nano >= 0),
        PRIMARY KEY (day, key_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    INSERT INTO spending_new
    SELECT * FROM spending ORDER BY day, key_id
    """,
    "DROP TABLE spending",
    "ALTER TABLE spending_new RENAME TO spending",
    "CREATE INDEX spending_key ON spending (key_id, day)",
)

STATEMENTS = USAGE + SPENDING
