"""Jobs, as SQLite has them after its fourth step.

A job's row changes with each poll, so its pages leave room for that.
"""

from importlib import import_module

guard = import_module("storage.migrations.postgres.0001_initial").guard
sqlite = import_module("storage.migrations.0004_jobs")

TABLES = (
    f"""
    CREATE TABLE job (
        id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
        request_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES hold (id),
        account_id BIGINT NOT NULL REFERENCES account (id),
        key_id BIGINT NOT NULL REFERENCES "key" (id),
        model TEXT COLLATE "C" NOT NULL,
        state TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'submitting',
            'running', 'storing', 'completed', 'failed', 'cancelled')),
        version BIGINT NOT NULL CHECK (version >= 1),
        ask TEXT COLLATE "C" NOT NULL,
        leg BIGINT NOT NULL DEFAULT 0 CHECK (leg >= 0),
        provider TEXT COLLATE "C" NOT NULL DEFAULT '',
        upstream_model TEXT COLLATE "C" NOT NULL DEFAULT '',
        credential TEXT COLLATE "C" NOT NULL DEFAULT '',
        task TEXT COLLATE "C",
        progress BIGINT NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
        upstream_state TEXT COLLATE "C" NOT NULL DEFAULT ''
            CHECK (upstream_state IN ('', 'queued', 'running')),
        polls BIGINT NOT NULL DEFAULT 0 CHECK (polls >= 0),
        faults BIGINT NOT NULL DEFAULT 0 CHECK (faults >= 0),
        next_ns BIGINT NOT NULL,
        deadline_ns BIGINT NOT NULL,
        boot_id TEXT COLLATE "C" REFERENCES boot (id),
        trail TEXT COLLATE "C",
        media TEXT COLLATE "C",
        address TEXT COLLATE "C",
        error_code TEXT COLLATE "C",
        error_message TEXT COLLATE "C",
        error_status BIGINT CHECK (error_status >= 0),
        created_ns BIGINT NOT NULL,
        submitted_ns BIGINT,
        ended_ns BIGINT,
        deleted_ns BIGINT,
        cancel_ns BIGINT,
{sqlite.CHECKS}
    ) WITH (fillfactor = 50)
    """,
)

GUARDS = (
    guard(
        "job_purpose",
        "job",
        f"UPDATE OF {sqlite.PURPOSE}",
        "what a job is for never changes",
    ),
    guard(
        "job_ended",
        "job",
        f"UPDATE OF {sqlite.STORY}",
        "a job that has ended never changes",
        "WHEN (OLD.ended_ns IS NOT NULL)",
    ),
    guard(
        "job_no_delete",
        "job",
        "DELETE",
        "an unfinished job never goes away",
        "WHEN (OLD.ended_ns IS NULL)",
    ),
    guard("job_no_truncate", "job", "TRUNCATE", "an unfinished job never goes away"),
)

STATEMENTS = TABLES + sqlite.INDEXES + GUARDS
