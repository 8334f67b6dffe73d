"""Schedule: when a job is looked at again.

A provider is asked no faster than it wants to be. After a fault the waits double up to
a limit, or are as long as the provider said; each is shortened by up to a half, so that
what failed together does not come back together. The jitter needs no dice: it is drawn
from the job's own name. Nobody waits beyond the job's deadline.
"""

from dataclasses import dataclass
from zlib import crc32

NANOSECONDS = 1_000_000_000
CRC_MAX = 2**32
# Twice as long each time; more doublings than this are beyond any limit.
DOUBLINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How long waits are: `least_seconds` after the first fault, `most_seconds` after
    many, and `tick_seconds` between two looks at what is due."""

    tick_seconds: float = 0.5
    least_seconds: float = 2.0
    most_seconds: float = 60.0

    def after_fault(self, name: str, faults: int, asked_seconds: int | None) -> float:
        """Seconds to wait after so many faults in a row, one at least.

        Less than a provider asked for is never waited.
        """
        doubled: float = self.least_seconds * 2 ** min(faults - 1, DOUBLINGS_MAX)
        longest = min(doubled, self.most_seconds)
        drawn = crc32(f"{name}:{faults}".encode()) / CRC_MAX
        return max(longest * (1 + drawn) / 2, asked_seconds or 0)


def moment_ns(now_ns: int, wait_seconds: float, deadline_ns: int) -> int:
    """So long from now, and not after the deadline, where a job is looked at in any
    case: at once, if that has passed."""
    at_ns = now_ns + int(wait_seconds * NANOSECONDS)
    return max(now_ns, min(at_ns, deadline_ns))
