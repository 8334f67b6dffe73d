"""The benchmarks run and print their table; what it says is for people to judge."""

import os
import subprocess
import sys

import pytest

from tests.bench import load, overhead, processes
from tests.bench.load import Job
from tests.bench.overhead import Plan, Reading
from tests.bench.processes import ROOT, Leg

LEG = Leg("x", 1, 2)


def test_a_table_compares_with_mitmdump() -> None:
    results = {
        ("autolist", 16, False): [Reading(9, 1, 1), Reading(1000, 700, 2)] * 2
        + [Reading(1000, 700, 2)],
        ("autolist", 16, True): [Reading(80, 2000, 2.5)],
        ("mitmdump", 16, False): [Reading(2000, 400, 3)],
        ("mitmdump", 16, True): [Reading(160, 2000, 5)],
    }
    *_, ours, theirs = overhead.table(results).splitlines()
    assert ours == "| autolist | 16 | 1000 | 0.50 | 700 | 80 | 0.50 | 2.5 |"
    assert theirs == "| mitmdump | 16 | 2000 | 1.00 | 400 | 160 | 1.00 | 5.0 |"


def test_without_mitmdump_there_is_no_ratio() -> None:
    assert overhead.ratio(5, None) == "–"


@pytest.mark.parametrize(("connections", "streams"), [(1, 4), (64, 64)])
def test_every_connection_has_a_stream(connections: int, streams: int) -> None:
    plan = Plan((connections,), 10, 1000, 250, 1)
    job = plan.stream_job(LEG, connections)
    assert (job.requests, job.chunks, job.pace_us) == (streams, 250, 500 * connections)


def test_cpu_of_a_process_tree_grows_with_its_work() -> None:
    program = "import sys; sum(range(10**7)); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        assert process.pid in processes.descendants(os.getpid())
        assert processes.cpu_us(process.pid) > 0
        process.stdin.close()
    assert processes.cpu_us(process.pid) == 0


@pytest.mark.parametrize("text", ["rpm: 1\n", "  rpm: 1\n  rpm: 2\n"])
def test_a_setting_that_moved_is_noticed(text: str) -> None:
    with pytest.raises(ValueError, match="rpm"):
        processes.replace(text, "rpm", "0")


def test_a_setting_is_replaced() -> None:
    assert processes.replace("  rpm: 6000 # x\n", "rpm", "0") == "  rpm: 0\n"


def test_the_load_is_told_by_json() -> None:
    job = Job(1, "/x", "k", 2, 3)
    assert b"POST /x HTTP/1.1" in load.request(job)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_benchmark_prints_a_table() -> None:
    names = [name for name in overhead.PROXIES if name != "nginx"]
    names += ["nginx"] if processes.has_nginx() else []
    done = subprocess.run(
        [
            *(sys.executable, "tests/bench/overhead.py", "--connections", "2"),
            *("--requests", "20", "--chunks", "40", "--chunks-a-stream", "20"),
            *("--repetitions", "1"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    _, _, *rows = done.stdout.splitlines()
    assert [row.split()[1] for row in rows] == names
