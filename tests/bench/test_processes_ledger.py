"""The benchmark of several processes, small: it runs, and its table is one."""

import pytest

from tests.bench.processes_ledger import QUEUES, figures, measure, table


@pytest.mark.slow
@pytest.mark.parametrize("queue", QUEUES)
def test_it_measures_each_way_of_waiting(queue: str) -> None:
    found = measure(queue, processes=2, in_flight=2, seconds=0.2)
    assert (found.queue, found.processes, found.in_flight) == (queue, 2, 2)
    assert found.waits_us and found.pairs_a_second > 0


def test_the_figures_are_those_of_all_processes() -> None:
    found = figures("turns", 1, 2.0, [([1000, 3000] * 2, 50), ([2000] * 2, 40)])
    assert (found.processes, found.pairs_a_second) == (2, 1)
    assert (found.share_percent, found.cpu_us) == (50, 30)
    assert (found.wait_ms(500), found.wait_ms(1000)) == (2.0, 3.0)
    _, _, row = table([found])
    assert row == "| turns | 2 | 1 | 1 | 2.0 | 3.0 | 3.0 | 3.0 | 50 | 30 |"
