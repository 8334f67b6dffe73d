"""Gauges: what is so now, and sums of what only grows."""

from dataclasses import replace

import pytest

from addons.metrics.gauges import Gauges, Sources, resident_bytes
from addons.metrics.registry import Registry
from config.current import Loaded
from storage.reader import HoldsOpen
from tests.fakes import exchanges
from tests.fakes.plans import settings

LOADED = Loaded(settings(), at_ns=1_700_000_000_999_999_999)


@pytest.fixture
def sources(storage) -> Sources:
    return Sources(
        in_flight=lambda: 3,
        streams=lambda: 2,
        candidates=lambda: [
            (exchanges.leg("first"), True),
            (exchanges.leg("second"), False),
            (exchanges.leg("third", credentials=()), True),
        ],
        writer=storage.writer.statistics,
        holds=lambda: HoldsOpen(2, 500),
        lines_dropped=lambda: 7,
        copies_dropped=lambda: 5,
        loaded=lambda: LOADED,
    )


def looked(sources: Sources, times: int = 1):
    registry = Registry()
    gauges = Gauges(registry, sources)
    gauges.begin()
    for _ in range(times):
        gauges.look()
    gauges.look_at_ledger()
    return lambda name, **labels: registry.own.get_sample_value(
        f"autolist_{name}", labels
    )


async def test_this_process_is_looked_at(sources: Sources) -> None:
    value = looked(sources)
    assert value("requests_in_flight") == 3
    assert value("streams_in_flight") == 2
    assert value("ledger_queue_operations") == 0
    assert value("ledger_healthy") == 1
    assert value("workers") == 1
    assert value("worker_resident_bytes") > 1 << 20


async def test_a_candidate_that_is_put_aside_is_seen(sources: Sources) -> None:
    value = looked(sources)

    def available(provider: str, credential: str) -> float | None:
        return value(
            "candidate_available",
            provider=provider,
            upstream_model="gpt-4o-2024",
            credential=credential,
        )

    assert available("first", "KEY") == 1
    assert available("second", "KEY") == 0
    assert available("third", "") == 1


async def test_a_candidate_that_is_gone_is_no_alarm(sources: Sources) -> None:
    found = [(exchanges.leg("first"), False)]
    registry = Registry()
    gauges = Gauges(registry, replace(sources, candidates=lambda: found))
    gauges.look()
    labels = {
        "provider": "first", "upstream_model": "gpt-4o-2024", "credential": "KEY"
    }
    name = "autolist_candidate_available"
    assert registry.own.get_sample_value(name, labels) == 0
    found.clear()
    gauges.look()
    assert registry.own.get_sample_value(name, labels) == 1


async def test_what_became_of_the_files_is_seen(sources: Sources) -> None:
    value = looked(sources)
    assert value("config_loaded_timestamp_seconds") == LOADED.at_ns / 10**9
    assert value("config_reload_successful") == 1
    refused = replace(LOADED, refusal="f.yaml:1: no")
    value = looked(replace(sources, loaded=lambda: refused))
    assert value("config_reload_successful") == 0


async def test_what_is_held_is_of_the_whole_ledger(sources: Sources) -> None:
    value = looked(sources)
    assert value("holds_open") == 2
    assert value("holds_open_nanodollars") == 500


async def test_what_only_grows_is_added_once(sources: Sources) -> None:
    value = looked(sources, times=3)
    assert value("log_lines_dropped_total") == 7
    assert value("inspector_copies_dropped_total") == 5
    assert 0 < value("worker_cpu_seconds_total") < 3600


async def test_a_ledger_that_cannot_be_written_is_seen(sources: Sources) -> None:
    written = replace(sources.writer(), healthy=False, queued=9)
    value = looked(replace(sources, writer=lambda: written))
    assert value("ledger_healthy") == 0
    assert value("ledger_queue_operations") == 9


def test_this_process_has_some_memory() -> None:
    assert resident_bytes() > 1 << 20
