"""A clock that stands still until a test moves it."""

START_NS = 1_767_225_600 * 10**9


class FakeClock:
    def __init__(self, wall_ns: int = START_NS, monotonic_ns: int = 10**12) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        """Time passes on both clocks."""
        if seconds < 0:
            raise ValueError("time does not pass backwards; see jump()")
        self._wall_ns += int(seconds * 10**9)
        self._monotonic_ns += int(seconds * 10**9)

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock; the monotonic one does not notice."""
        self._wall_ns += int(seconds * 10**9)
