"""The clock: the only place that asks the machine what time it is.

Wall time dates what is recorded and may jump when an operator sets it. Monotonic
time measures waits. Everything else is handed a Clock, so tests can move it.
"""

import time
from typing import Protocol


class Clock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since 1970 in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since an unknown moment; never goes back."""
        ...


class SystemClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()
