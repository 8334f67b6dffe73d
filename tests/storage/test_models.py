"""The models say what the migrations made."""

import pytest
from playhouse.apsw_ext import APSWDatabase

from storage.models import TABLES


TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
IN_POSTGRES = """
    SELECT c.column_name, c.data_type, c.is_nullable = 'YES', EXISTS (
        SELECT 1 FROM information_schema.key_column_usage u
        JOIN information_schema.table_constraints t USING (constraint_name, table_name)
        WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = c.table_name
          AND u.column_name = c.column_name)
    FROM information_schema.columns c WHERE c.table_name = ?1
"""


def shape(execute, table):
    """Column name → type, may it be NULL, is it the key."""
    return {
        name: (kind, not notnull, bool(key))
        for _, name, kind, notnull, _, key in execute(f'PRAGMA table_info("{table}")')
    }


def found(teller, table, url):
    if not url:
        return shape(teller.sql, table)
    return {
        name: (kind, bool(nullable), bool(key))
        for name, kind, nullable, key in teller.sql(IN_POSTGRES, (table,))
    }


@pytest.fixture
def by_models(url):
    """The shape of a table as its model has it, in the words of the engine."""
    database = APSWDatabase(":memory:")

    def expected(table):
        columns = shape(database.execute_sql, table).items()
        if not url:
            return dict(columns)
        return {name: (TYPES[kind], *rest) for name, (kind, *rest) in columns}

    with database.bind_ctx(TABLES):
        database.create_tables(TABLES)
        yield expected
    database.close()


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_a_model_has_the_columns_of_its_table(teller, by_models, model, url):
    table = model._meta.table_name
    assert found(teller, table, url) == by_models(table)


def test_each_table_has_a_model(teller, url):
    statement = """
        SELECT name FROM sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    """
    if url:
        statement = "SELECT relname FROM pg_stat_user_tables"
    tables = {model._meta.table_name for model in TABLES}
    tables |= {"alarm"} if url else set()
    assert {name for (name,) in teller.sql(statement)} == tables


def test_every_table_is_strict(only_sqlite, teller):
    rows = teller.sql("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
    loose = {name for name, strict in rows if not strict}
    assert {name for name in loose if not name.startswith("sqlite_")} == set()
