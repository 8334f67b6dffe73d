"""The models say what the migrations made."""

import pytest
from playhouse.apsw_ext import APSWDatabase

from storage.models import TABLES


def shape(execute, table):
    """Column name → type, may it be NULL, is it the key."""
    return {
        name: (kind, not notnull, bool(key))
        for _, name, kind, notnull, _, key in execute(f'PRAGMA table_info("{table}")')
    }


@pytest.fixture
def by_models():
    database = APSWDatabase(":memory:")
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES)
        yield database
    database.close()


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_a_model_has_the_columns_of_its_table(teller, by_models, model):
    table = model._meta.table_name
    assert shape(teller.sql, table) == shape(by_models.execute_sql, table)


def test_each_table_has_a_model(teller):
    rows = teller.sql(
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite_%'"
    )
    assert {name for (name,) in rows} == {model._meta.table_name for model in TABLES}


def test_every_table_is_strict(teller):
    rows = teller.sql("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
    loose = {name for name, strict in rows if not strict}
    assert {name for name in loose if not name.startswith("sqlite_")} == set()
