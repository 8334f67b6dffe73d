"""The exhibition: there is something in every list, and its ledger adds up."""

from pathlib import Path

import pytest

from config import load
from storage import open_storage
from storage.audit import audit
from tests.dashboard.exhibition import ADA, ENVIRON, NOW_NS, furnish, span_ns
from tests.fakes.clock import FakeClock
from tests.scenarios.harness import CONFIG


@pytest.mark.slow
def test_two_months_are_furnished_by_the_book(tmp_path: Path) -> None:
    settings, clock = load(CONFIG, ENVIRON), FakeClock(NOW_NS - span_ns())
    storage = open_storage(
        tmp_path, settings.ledger, clock=clock, gateway=True, prices=settings.prices
    )
    try:
        ada, request_id = furnish(storage, settings, clock)
        assert (ada.email, clock.wall_ns()) == (ADA, NOW_NS)
        assert storage.reader.usage(request_id) is not None
        oversight = storage.reader.oversight
        made = oversight.jobs(frozenset(), None, 9).entries
        assert {one.state.value for one in made} == {"completed", "failed", "running"}
        with storage.engine.snapshot() as snapshot:
            assert [str(finding) for finding in audit(snapshot)] == []
    finally:
        storage.close()
