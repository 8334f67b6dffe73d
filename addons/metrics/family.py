"""Family: the series of one metric, by their labels.

What a registry looks up anew each time, under a lock, is looked up here once: nearly
all requests have labels that some request had before.
"""

from typing import Protocol


class Labelled[Series](Protocol):
    """A metric with labels, of which each combination is a series."""

    def labels(self, *labels: str) -> Series: ...


class Family[Series](dict[tuple[str, ...], Series]):
    """Series that are made when they are first asked for.

    There are as many as the labels have values, and those come from the configuration.
    """

    def __init__(self, metric: Labelled[Series]) -> None:
        super().__init__()
        self.metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> Series:
        made = self[labels] = self.metric.labels(*labels)
        return made
