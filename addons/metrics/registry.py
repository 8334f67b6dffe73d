"""Registry: the metrics of the table, made, and written out for Prometheus.

A process that serves alone keeps its figures in memory. Of several, each keeps them in
files of its own in a directory that all share, and whoever is asked adds all of them
up. The files are named by the worker's place and not by its process: who is started
again in that place goes on with the figures of the one that died, so that nothing is
lost or counted twice, and there are never more files than places.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from addons.metrics.table import TABLE, Form, Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
# More than all series of a large configuration take. It is reserved on the disk: a file
# that is mapped and finds no room there would end the process.
FILE_BYTES = {"counter": 1 << 20, "histogram": 4 << 20}
GAUGE_FILE_BYTES = 1 << 18

# When a series began is of no use to who knows when the process did.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Registry:
    """All metrics by name; `shared` is the directory of several workers."""

    def __init__(self, shared: Path | None = None) -> None:
        self.shared = shared
        self.own = CollectorRegistry()
        self.counters: Mapping[str, Counter] = {
            one.name: Counter(one.name, one.meaning, one.labels, registry=self.own)
            for one in of_form(Form.COUNTER)
        }
        self.gauges: Mapping[str, Gauge] = {
            one.name: Gauge(
                one.name,
                one.meaning,
                one.labels,
                registry=self.own,
                multiprocess_mode=one.merge,
            )
            for one in of_form(Form.GAUGE)
        }
        self.histograms: Mapping[str, Histogram] = {
            one.name: Histogram(
                one.name,
                one.meaning,
                one.labels,
                registry=self.own,
                buckets=one.buckets,
            )
            for one in of_form(Form.HISTOGRAM)
        }

    def text(self) -> bytes:
        """As Prometheus reads it. Blocks: with several workers it reads their files."""
        if self.shared is None:
            return generate_latest(self.own)
        all_workers = CollectorRegistry()
        MultiProcessCollector(  # type: ignore[no-untyped-call]
            all_workers, str(self.shared)
        )
        return generate_latest(all_workers)


def of_form(form: Form) -> list[Metric]:
    return [one for one in TABLE if one.form is form]


def share(directory: Path, number: int) -> None:
    """Keep the figures of this process in files, as the worker in that place.

    Called before any registry is made. OSError if there is no room for them.
    """
    modes = {f"gauge_{one.merge}" for one in of_form(Form.GAUGE)}
    sizes = FILE_BYTES | dict.fromkeys(modes, GAUGE_FILE_BYTES)
    for prefix, size in sizes.items():
        with (directory / f"{prefix}_{number}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    os.environ[DIRECTORY] = str(directory)
    values.ValueClass = values.MultiProcessValue(  # type: ignore[no-untyped-call]
        lambda: number
    )


def bury(directory: Path, number: int) -> None:
    """Forget what was true only of a worker that lived: its place is empty."""
    for path in directory.glob(f"gauge_live*_{number}.db"):
        path.unlink(missing_ok=True)
