"""Gauges: what is so at a moment, looked at once a second and when somebody asks.

Every worker looks at itself, so that whoever is asked for the metrics finds the figures
of all. What is of the whole ledger is looked up only by the one that is asked.
"""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import version

from addons.exchange import Leg
from addons.metrics.registry import Registry
from config.current import Loaded
from config.version import VERSION
from storage.reader import HoldsOpen
from storage.writer import WriterStatistics

NANOSECONDS = 1_000_000_000
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Sources:
    """Who knows. `candidates` says of each leg whether it is tried in its turn;
    `holds` reads the ledger, which blocks. What was dropped only grows: lines of the
    log, and copies for the inspector. `loaded` is the configuration in force."""

    in_flight: Callable[[], int]
    streams: Callable[[], int]
    candidates: Callable[[], Iterable[tuple[Leg, bool]]]
    writer: Callable[[], WriterStatistics]
    holds: Callable[[], HoldsOpen]
    lines_dropped: Callable[[], int]
    copies_dropped: Callable[[], int]
    loaded: Callable[[], Loaded]


class Gauges:
    """Sets the gauges of a registry."""

    def __init__(self, registry: Registry, sources: Sources) -> None:
        self.sources = sources
        self.gauges, self.counters = registry.gauges, registry.counters
        self.candidates: set[tuple[str, str, str]] = set()
        # What was added of each counter by now.
        self.added: defaultdict[str, float] = defaultdict(int)
        # A worker that only starts is no reason for an alarm.
        self.gauges["autolist_ledger_healthy"].set(1)
        self.look_at_configuration()

    def begin(self) -> None:
        """What does not change while the process lives."""
        self.gauges["autolist_workers"].set(1)
        self.gauges["autolist_build_info"].labels(
            VERSION, platform.python_version(), version.VERSION
        ).set(1)

    def look(self) -> None:
        """At this process. Blocks on nothing."""
        gauges, sources = self.gauges, self.sources
        written = sources.writer()
        gauges["autolist_requests_in_flight"].set(sources.in_flight())
        gauges["autolist_streams_in_flight"].set(sources.streams())
        gauges["autolist_ledger_queue_operations"].set(written.queued)
        gauges["autolist_ledger_healthy"].set(written.healthy)
        gauges["autolist_worker_resident_bytes"].set(resident_bytes())
        self.look_at_candidates()
        self.look_at_configuration()
        self.add("autolist_worker_cpu_seconds_total", time.process_time())
        self.add("autolist_log_lines_dropped_total", sources.lines_dropped())
        self.add("autolist_inspector_copies_dropped_total", sources.copies_dropped())

    def look_at_candidates(self) -> None:
        gauge = self.gauges["autolist_candidate_available"]
        found = {shown(leg): is_free for leg, is_free in self.sources.candidates()}
        for names in self.candidates - found.keys():
            # Nobody is put aside who is not there any more; a series stays.
            gauge.labels(*names).set(1)
        for names, is_free in found.items():
            gauge.labels(*names).set(is_free)
        self.candidates = set(found)

    def look_at_configuration(self) -> None:
        gauges, loaded = self.gauges, self.sources.loaded()
        gauges["autolist_config_reload_successful"].set(loaded.refusal is None)
        gauges["autolist_config_loaded_timestamp_seconds"].set(
            loaded.at_ns / NANOSECONDS
        )

    def look_at_ledger(self) -> None:
        """At what is held in all of it. Blocks; LedgerUnavailable if it cannot be."""
        held = self.sources.holds()
        self.gauges["autolist_holds_open"].set(held.count)
        self.gauges["autolist_holds_open_nanodollars"].set(held.amount_nano)

    def add(self, name: str, total: float) -> None:
        """What this process has had since it started: the rest of it is new."""
        self.counters[name].inc(total - self.added[name])
        self.added[name] = total


def shown(leg: Leg) -> tuple[str, str, str]:
    """A leg by its names; a credential's is that of a variable, never what it says."""
    credential = "" if leg.credential is None else leg.credential.name
    return leg.provider.name, leg.candidate.model, credential


def resident_bytes() -> int:
    """The memory that this process has; 0 where the system does not say."""
    try:
        pages = STATM.read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
