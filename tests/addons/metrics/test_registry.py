"""A registry: all of the table is in it, and that of several workers adds up."""

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from addons.metrics.registry import Registry, bury
from addons.metrics.table import TABLE, Form

ROOT = Path(__file__).parents[3]
# A worker as a process of its own: where its figures go is decided once for each.
WORKER = """
import os, sys
from pathlib import Path
from addons.metrics.registry import Registry, share
directory, number, *marks = sys.argv[1:]
share(Path(directory), int(number))
registry = Registry(Path(directory))
registry.counters["autolist_ledger_operations_total"].inc(10)
registry.counters["autolist_requests_total"].labels("chat", "gpt-4o", "200").inc()
registry.histograms["autolist_ledger_commit_seconds"].observe(0.003)
registry.gauges["autolist_workers"].set(1)
registry.gauges["autolist_margin_nanodollars"].labels("openai", "gpt-4o").inc(-5)
registry.gauges["autolist_ledger_healthy"].set(int(number) != 2)
os.kill(os.getpid(), 9)
"""


def live(directory: Path, number: int) -> None:
    """A worker's life: it counts, and is killed."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(directory), str(number)], cwd=ROOT
    )
    assert done.returncode == -9


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_all_of_the_table_is_shown() -> None:
    text = Registry().text().decode()
    for metric in TABLE:
        kind = metric.form.value
        assert f"# TYPE {metric.name} {kind}\n" in text
        assert f"# HELP {metric.name} {metric.meaning}\n" in text
    assert "_created" not in text


def test_two_registries_of_a_process_know_nothing_of_each_other() -> None:
    first, second = Registry(), Registry()
    first.counters["autolist_ledger_operations_total"].inc()
    assert samples(first.text())["autolist_ledger_operations_total",] == 1
    assert samples(second.text())["autolist_ledger_operations_total",] == 0


def test_workers_add_up(tmp_path: Path) -> None:
    live(tmp_path, 1)
    live(tmp_path, 2)
    found = samples(Registry(tmp_path).text())
    assert found["autolist_ledger_operations_total",] == 20
    assert found["autolist_requests_total", "chat", "gpt-4o", "200"] == 2
    assert found["autolist_ledger_commit_seconds_count",] == 2
    assert found["autolist_ledger_commit_seconds_bucket", "0.0025"] == 0
    assert found["autolist_ledger_commit_seconds_bucket", "0.005"] == 2
    assert found["autolist_workers",] == 2
    assert found["autolist_margin_nanodollars", "gpt-4o", "openai"] == -10
    assert found["autolist_ledger_healthy",] == 0


def test_the_dead_leave_what_they_counted_and_nothing_that_was_so(
    tmp_path: Path,
) -> None:
    live(tmp_path, 1)
    live(tmp_path, 2)
    bury(tmp_path, 2)
    found = samples(Registry(tmp_path).text())
    assert found["autolist_ledger_operations_total",] == 20
    assert found["autolist_margin_nanodollars", "gpt-4o", "openai"] == -10
    assert found["autolist_workers",] == 1
    assert found["autolist_ledger_healthy",] == 1


def test_who_takes_the_place_of_the_dead_goes_on_with_its_figures(
    tmp_path: Path,
) -> None:
    for _ in range(3):
        live(tmp_path, 1)
        bury(tmp_path, 1)
    files = len(list(tmp_path.iterdir()))
    live(tmp_path, 1)
    found = samples(Registry(tmp_path).text())
    assert found["autolist_ledger_operations_total",] == 40
    assert found["autolist_workers",] == 1
    bury(tmp_path, 1)
    assert len(list(tmp_path.iterdir())) == files, "as many files as places"


def test_the_room_for_figures_is_reserved(tmp_path: Path) -> None:
    live(tmp_path, 1)
    for path in tmp_path.iterdir():
        found = path.stat()
        # Blocks of 512 bytes, whatever the file system's own are.
        assert found.st_blocks * 512 >= found.st_size >= 1 << 18


def test_every_gauge_says_how_workers_are_merged() -> None:
    merges = {one.merge for one in TABLE if one.form is Form.GAUGE}
    assert merges == {"livesum", "livemin", "livemostrecent", "sum"}
