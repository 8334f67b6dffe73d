"""A gateway that asks about its videos without pause.

    python -m tests.faults.hasty SECONDS serve --data DATA …

It is run_proxy.py as an operator starts it, with the waits of jobs cut short: providers
are asked at once and again and again, which real ones would not bear, and faults are
waited for no longer than that. Workers that it starts are in the same hurry.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import addons
from addons.filming.schedule import Pace
from addons.gateway.supervisor import Supervisor
from addons.providers import REGISTRY
from tests.scenarios.child import Child

SECONDS = 0.05


class HastyChild(Child):
    """`run_proxy.py serve` in a hurry."""

    def __init__(self, data: Path, environ: Mapping[str, str], *flags: str) -> None:
        super().__init__(data, environ, *flags)

    @property
    def program(self) -> list[str]:
        return [sys.executable, "-m", __name__, str(SECONDS), *self.command]


def hurry(seconds: float) -> None:
    """Of this process, from now on."""
    for name, dialect in REGISTRY.items():
        if dialect.filming is not None:
            # It is data, and only its type says that seconds are whole.
            filming = replace(dialect.filming, poll_seconds=seconds)  # type: ignore
            REGISTRY[name] = replace(dialect, filming=filming)
    addons.Pace = partial(Pace, seconds, seconds, 4 * seconds)  # type: ignore


def supervisor(
    seconds: str, command: Sequence[str], *rest: Any, **more: Any
) -> Supervisor:
    """One whose workers hurry too; the last word of the command says what they are."""
    hasty = [sys.executable, "-m", "tests.faults.hasty", seconds, command[-1]]
    return Supervisor(hasty, *rest, **more)


if __name__ == "__main__":
    seconds, *arguments = sys.argv[1:]
    hurry(float(seconds))
    from addons.gateway import serving
    from run_proxy import main

    serving.Supervisor = partial(supervisor, seconds)  # type: ignore
    main(arguments)
