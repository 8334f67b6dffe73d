"""Findings: what an audit says about the rows that are wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

FINDINGS_MAX = 100
"""How many rows one check names; a ledger that broken needs no longer list."""


@dataclass(frozen=True, slots=True)
class Finding:
    invariant: str
    row: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.row}: {self.text}"


class Findings:
    """A bounded list: so many of each check, whatever the others found."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._numbers: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found)

    def add(self, check: str, finding: Finding) -> None:
        if self._numbers[check] < FINDINGS_MAX:
            self._numbers[check] += 1
            self._found.append(finding)

    def extend(self, check: str, findings: Iterable[Finding]) -> None:
        """Reads no further than it may keep."""
        for finding in islice(findings, FINDINGS_MAX - self._numbers[check]):
            self.add(check, finding)
