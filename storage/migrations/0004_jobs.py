"""Jobs: work that goes on when the request that asked for it has ended.

A job owns the hold of its request from the moment both are made. Which states there are
and where each leads is in storage/job_states.py; here is what no row may be, whatever a
verb gets wrong. What a job is for never changes, and one that has ended never does,
except that its owner may hide it and that its file goes.
"""

PURPOSE = (
    "id, request_id, account_id, key_id, model, ask, deadline_ns, created_ns"
)
STORY = (
    "state, version, leg, provider, upstream_model, credential, task, progress,"
    " upstream_state, polls, faults, next_ns, boot_id, trail, address, error_code,"
    " error_message, error_status, submitted_ns, ended_ns, cancel_ns"
)

CHECKS = """
        CHECK ((state IN ('queued', 'submitting', 'running', 'storing'))
            = (ended_ns IS NULL)),
        CHECK ((state = 'submitting') = (boot_id IS NOT NULL)),
        CHECK (state NOT IN ('running', 'storing', 'completed') OR task IS NOT NULL),
        CHECK ((state = 'completed') = (address IS NOT NULL)),
        CHECK (media IS NULL OR state = 'completed'),
        CHECK ((state IN ('failed', 'cancelled')) = (error_code IS NOT NULL)),
        CHECK ((error_code IS NULL) = (error_message IS NULL)),
        CHECK ((error_code IS NULL) = (error_status IS NULL)),
        CHECK (deleted_ns IS NULL OR ended_ns IS NOT NULL)
"""

TABLES = (
    f"""
    CREATE TABLE job (
        id TEXT NOT NULL PRIMARY KEY,
        request_id TEXT NOT NULL UNIQUE REFERENCES hold (id),
        account_id INTEGER NOT NULL REFERENCES account (id),
        key_id INTEGER NOT NULL REFERENCES "key" (id),
        model TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'submitting', 'running',
            'storing', 'completed', 'failed', 'cancelled')),
        version INTEGER NOT NULL CHECK (version >= 1),
        ask TEXT NOT NULL,
        leg INTEGER NOT NULL DEFAULT 0 CHECK (leg >= 0),
        provider TEXT NOT NULL DEFAULT '',
        upstream_model TEXT NOT NULL DEFAULT '',
        credential TEXT NOT NULL DEFAULT '',
        task TEXT,
        progress INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
        upstream_state TEXT NOT NULL DEFAULT ''
            CHECK (upstream_state IN ('', 'queued', 'running')),
        polls INTEGER NOT NULL DEFAULT 0 CHECK (polls >= 0),
        faults INTEGER NOT NULL DEFAULT 0 CHECK (faults >= 0),
        next_ns INTEGER NOT NULL,
        deadline_ns INTEGER NOT NULL,
        boot_id TEXT REFERENCES boot (id),
        trail TEXT,
        media TEXT,
        address TEXT,
        error_code TEXT,
        error_message TEXT,
        error_status INTEGER CHECK (error_status >= 0),
        created_ns INTEGER NOT NULL,
        submitted_ns INTEGER,
        ended_ns INTEGER,
        deleted_ns INTEGER,
        cancel_ns INTEGER,
{CHECKS}
    ) STRICT, WITHOUT ROWID
    """,
)

INDEXES = (
    "CREATE INDEX job_due ON job (next_ns) WHERE ended_ns IS NULL",
    "CREATE INDEX job_live ON job (account_id) WHERE ended_ns IS NULL",
    "CREATE INDEX job_account ON job (account_id, id) WHERE deleted_ns IS NULL",
    "CREATE INDEX job_ended ON job (ended_ns) WHERE ended_ns IS NOT NULL",
)

TRIGGERS = (
    f"""
    CREATE TRIGGER job_purpose BEFORE UPDATE OF {PURPOSE} ON job
    BEGIN SELECT RAISE(ABORT, 'what a job is for never changes'); END
    """,
    f"""
    CREATE TRIGGER job_ended BEFORE UPDATE OF {STORY} ON job
    WHEN OLD.ended_ns IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a job that has ended never changes'); END
    """,
    """
    CREATE TRIGGER job_no_delete BEFORE DELETE ON job WHEN OLD.ended_ns IS NULL
    BEGIN SELECT RAISE(ABORT, 'an unfinished job never goes away'); END
    """,
)

STATEMENTS = TABLES + INDEXES + TRIGGERS
