"""Idempotency keys, and what a receipt tells besides the charge.

A caller's Idempotency-Key is a row here while its request runs and for a day after;
`body` is the answer where it was kept. It is no part of the books: rows go when their
day is over.
"""

REPLAYS = (
    """
    CREATE TABLE replay (
        account_id INTEGER NOT NULL REFERENCES account (id),
        name TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        request_id TEXT NOT NULL UNIQUE,
        opened_ns INTEGER NOT NULL,
        status INTEGER,
        media TEXT,
        body BLOB,
        PRIMARY KEY (account_id, name),
        CHECK ((status IS NULL) = (body IS NULL)),
        CHECK ((media IS NULL) = (body IS NULL))
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX replay_opened ON replay (opened_ns)",
)

# `trail` is the attempts as JSON, `finish` the reason the provider gave for the end,
# `upstream_id` what the provider calls the request.
USAGE = (
    "ALTER TABLE usage ADD COLUMN upstream_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE usage ADD COLUMN finish TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE usage ADD COLUMN trail TEXT",
)

# The digest of the request that a transfer charges; the older ones never had one.
TRANSFERS = ("ALTER TABLE transfer ADD COLUMN request_hash BLOB",)

# Where no lock of the kernel can tell who lives, a boot says so until this moment.
BOOTS = ("ALTER TABLE boot ADD COLUMN lease_ns INTEGER",)

# The digest of the secret that the keys were hashed with: another one is refused.
SECRETS = (
    """
    CREATE TABLE secret (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        digest BLOB NOT NULL
    ) STRICT
    """,
)

STATEMENTS = REPLAYS + USAGE + TRANSFERS + BOOTS + SECRETS
