"""Serving: how many processes there are, and where the gateway says that it is.

What it does from its start to its end is in tests/test_run_proxy.py and the scenarios.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from addons.gateway.serving import local_address, worker_count
from config import load

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("gateway.test", "gateway.test"),
    ],
)
def test_the_address_is_one_that_can_be_opened(host: str, shown: str) -> None:
    settings = load(CONFIG, {}).with_overrides(host, 0)
    assert local_address(settings, 4711) == f"http://{shown}:4711"


@pytest.mark.parametrize(
    ("told", "demo", "count"),
    [
        (1, False, 1),
        (3, False, 3),
        (3, True, 3),
        (0, True, 1),
        (0, False, min(len(os.sched_getaffinity(0)), 8)),
    ],
)
def test_there_are_as_many_workers_as_told_or_as_cores(
    told: int, demo: bool, count: int
) -> None:
    assert worker_count(told, demo) == count


def test_a_worker_is_nothing_to_start_by_hand() -> None:
    # It reads the file itself, which click's own runner has none of.
    done = subprocess.run(
        [sys.executable, ROOT / "run_proxy.py", "worker", "1", "1"],
        input="serve",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "started by `serve` only" in done.stderr
