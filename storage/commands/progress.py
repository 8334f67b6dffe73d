"""Progress: how far long work is, stage by stage, on standard error.

Where nobody looks, because it is no terminal or JSON was asked for, there is none.
"""

import sys
from collections.abc import Callable
from typing import TextIO

import click

type Told = Callable[[int, int], None]


class Progress:
    """A bar for each stage, one below the other."""

    def __init__(self, quiet: bool, file: TextIO | None = None) -> None:
        self.file = sys.stderr if file is None else file
        self.hidden = quiet or not self.file.isatty()

    def stage(self, label: str) -> Told:
        """What is told how much of how much is done; the bar begins with its first
        word, and ends when all is."""
        bar = click.progressbar(
            length=1,
            label=label,
            show_pos=True,
            update_min_steps=1,
            file=self.file,
            hidden=self.hidden,
        )

        def told(done: int, total: int) -> None:
            if bar.finished:
                return
            bar.length = max(total, 1)
            bar.update(done - bar.pos)
            if done >= total:
                bar.finish()
                bar.render_progress()
                bar.render_finish()

        return told
