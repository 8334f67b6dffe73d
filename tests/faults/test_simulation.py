"""The simulation, short and long; its seed is in its output when it fails."""

from pathlib import Path

import click
import pytest

from tests.fakes.openai_server import FakeOpenAI
from tests.faults.simulation import simulate


@pytest.mark.parametrize("seed", [1, 2])
def test_every_client_saw_what_the_ledger_says(
    fake: FakeOpenAI, tmp_path: Path, seed: int
) -> None:
    click.echo(f"seed {seed}")
    for line in simulate(tmp_path, fake, seed, 250):
        click.echo(line)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_thousands_of_clients_saw_what_the_ledger_says(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    click.echo("seed 3")
    for line in simulate(tmp_path, fake, 3, 3000):
        click.echo(line)
