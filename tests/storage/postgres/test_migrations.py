"""From the first schema of a server, with data in it, to the newest."""

from dataclasses import replace
from importlib import import_module

import psycopg
import pytest

from storage.audit import audit
from storage.job_states import JobState
from storage.keys import Terms, create_key, mint
from storage.ledger import Decision, refund
from storage.migrations.postgres import HISTORY, NAMES, migrate
from storage.postgres.engine import PostgresEngine
from storage.vouchers import create_vouchers, redeem
from tests.storage.ordering import Till, new_order, paid
from tests.storage.runner import PRICE_NANO, Runner
from tests.storage.teller import NANO, USED, Teller

CODES = ["00000-00000-00000-00000", "00000-00000-00000-00001"]
COLUMNS = """
    SELECT c.table_name, string_agg(quote_ident(c.column_name), ', '
        ORDER BY c.ordinal_position)
    FROM information_schema.columns c
    WHERE c.table_schema = 'public' AND c.table_name <> 'migration'
    GROUP BY c.table_name ORDER BY c.table_name
"""
# Everything a step may make or change.
SHAPE = """
    SELECT 'column', attrelid::regclass::text, attname::text FROM pg_attribute
    WHERE attrelid::regclass::text NOT LIKE 'pg_toast%'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text || tgtype
    FROM pg_trigger
    UNION ALL SELECT 'check', conrelid::regclass::text, conname::text
    FROM pg_constraint ORDER BY 1, 2, 3
"""
DAYS = "SELECT * FROM usage_day ORDER BY account_id, day, key_id, model"


def statements(name):
    return import_module(f"storage.migrations.postgres.{name}").STATEMENTS


def live(teller):
    """Of two users: charged, voided, charged late and waiting requests, a refund, and
    a voucher of two that was spent."""
    ada, bob = teller.caller(), teller.caller(email="bob@example.com")
    for number, caller in enumerate((ada, ada, ada, bob, bob), 1):
        teller.admit(caller, f"r{number}", NANO)
    others = {"image": 2, "generation": 1, "reasoning": 3, "cache_write_1h": 4}
    teller.settle("r1", 300)
    teller.void("r2", "refused", replace(USED, quantities=others, outcome="failed"))
    teller.void("r3")
    teller.settle("r3", 50)
    teller.settle("r4", 7)
    teller.do(refund, "usage:r1", 3, Decision("1", "why", "who"))
    teller.do(create_vouchers, CODES, NANO, "batch")
    teller.do(redeem, bob.account_id, CODES[0])
    return ada


class OldLedger:
    """A ledger as the first version left it, in a database of its own."""

    def __init__(self, url, caller):
        self.url, self.caller = url, caller
        self.connection = psycopg.connect(url, autocommit=True)
        with self.connection.transaction():
            self.sql(HISTORY)
            for statement in statements(NAMES[0]):
                self.sql(statement)
            self.sql(f"INSERT INTO migration VALUES ('{NAMES[0]}', 1)")
        self.columns = self.sql(COLUMNS)

    def sql(self, statement):
        cursor = self.connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def rows(self):
        """Of every table the columns that the first version knew."""
        return {
            table: sorted(self.sql(f'SELECT {columns} FROM "{table}"'), key=repr)
            for table, columns in self.columns
        }

    def copy(self, source):
        """The same requests leave the same rows in the columns that there were."""
        self.sql("SET session_replication_role = replica")
        for table, columns in self.columns:
            self.sql(f'DELETE FROM "{table}"')
            places = ", ".join(["%s"] * (columns.count(",") + 1))
            found = source.execute(f'SELECT {columns} FROM "{table}"').fetchall()
            with self.connection.cursor() as cursor:
                cursor.executemany(
                    f'INSERT INTO "{table}" ({columns}) VALUES ({places})', found
                )
        for table in ("account", "key"):
            self.sql(
                f"SELECT setval(pg_get_serial_sequence('\"{table}\"', 'id'),"
                f' (SELECT max(id) FROM "{table}"))'
            )
        self.sql("SET session_replication_role = origin")

    def audit(self):
        with PostgresEngine(self.url, 1.0).snapshot() as snapshot:
            return audit(snapshot)


@pytest.fixture
def lived(open_ledger, url):
    """The days that the verbs of today counted, and who was there."""
    storage = open_ledger()
    caller = live(Teller(storage))
    storage.close()
    return caller


@pytest.fixture
def old(databases, lived, url):
    ledger = OldLedger(databases.cluster.url(databases.cluster.create()), lived)
    with psycopg.connect(url) as source:
        ledger.copy(source)
        ledger.days = source.execute(DAYS).fetchall()
    yield ledger
    ledger.connection.close()


def at_once(old):
    assert migrate(old.connection, 9) == list(NAMES[1:])


def one_by_one(old):
    """As if each step had been released by itself."""
    for name in NAMES[1:]:
        with old.connection.transaction():
            for statement in statements(name):
                old.sql(statement)
            old.sql(f"INSERT INTO migration VALUES ('{name}', 9)")


@pytest.fixture(params=[at_once, one_by_one])
def migrated(old, request):
    old.before = old.rows()
    request.param(old)
    return old


def test_old_rows_are_as_they_were_and_proved(migrated):
    assert migrated.rows() == migrated.before
    assert {len(migrated.before[name]) for name in ("hold", "user")} == {5, 2}
    assert migrated.audit() == []
    assert migrate(migrated.connection, 9) == []


def test_the_days_are_what_the_verbs_would_have_counted(migrated):
    assert migrated.sql(DAYS) == migrated.days
    assert len(migrated.days) == 2


def test_new_verbs_go_on_from_it(migrated, open_ledger):
    storage = open_ledger(url=migrated.url)
    assert storage.recovered == 1
    teller, ada = Teller(storage), migrated.caller
    before = teller.available(ada)
    Runner(teller).at(JobState.COMPLETED, ada, amount_nano=NANO)
    assert teller.available(ada) == before - PRICE_NANO
    till = Till(teller)
    till.place(new_order(ada))
    till.hear(paid())
    assert teller.available(ada) == before - PRICE_NANO + 10 * NANO
    ends = storage.clock.wall_ns() + 1
    terms = Terms(expires_ns=ends)
    key = mint(storage.secrets)
    made = teller.do(create_key, ada.account_id, key, "brief", terms)
    assert (made.expires_ns, made.expired(ends)) == (ends, True)
    assert teller.audit() == []


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_step_that_fails_leaves_the_old_schema(old, name):
    """All that is missing is one transaction: the steps before it are undone too."""
    old.sql(
        "CREATE TRIGGER stop BEFORE INSERT ON migration FOR EACH ROW"
        f" WHEN (NEW.name = '{name}') EXECUTE FUNCTION autolist_refuse('stop')"
    )
    shape, rows = old.sql(SHAPE), old.rows()
    with pytest.raises(psycopg.errors.RestrictViolation, match="stop"):
        migrate(old.connection, 9)
    assert (old.sql(SHAPE), old.rows()) == (shape, rows)
    assert old.sql("SELECT name FROM migration") == [(NAMES[0],)]
    old.sql("DROP TRIGGER stop ON migration")
    assert migrate(old.connection, 9) == list(NAMES[1:])
    assert old.audit() == []
