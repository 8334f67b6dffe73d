"""The ledger's benchmark, small: it runs, and its table is one."""

from storage import DATABASE
from storage.audit import audit
from storage.sqlite import SqliteEngine
from tests.bench.ledger import IN_FLIGHT, measure, table


def test_it_measures_each_number_in_flight(tmp_path):
    lines = table(measure(tmp_path, pairs=30, transfers=10), transfers=10)
    assert len(lines) == 2 + len(IN_FLIGHT)
    assert {line.count("|") for line in lines} == {6}
    with SqliteEngine(tmp_path / DATABASE).snapshot() as snapshot:
        assert audit(snapshot) == []
