"""How often somebody may try.

A bucket per caller that is full at the start and refills evenly: `burst` tries at
once, then one every `seconds / burst`. Only one integer a caller is kept, the moment
at which the bucket will be full again, so a caller whose moment has passed need not
be remembered at all. Memory is bounded by forgetting whoever was quiet the longest.

A try is taken before the password is looked at and given back when it was right:
guesses running in parallel cannot slip past the count, and people who know their
password (many of them may share one address) never meet it.
"""

import ipaddress
import threading
from collections import OrderedDict

from dashboard.refusals import Throttled
from storage.clock import Clock

NANO_PER_SECOND = 10**9
KEYS_MAX = 65_536
MINUTE_SECONDS = 60


class Throttle:
    """`burst` tries per `seconds` and key; a burst of 0 means no limit."""

    def __init__(
        self, clock: Clock, *, burst: int, seconds: int, keys_max: int = KEYS_MAX
    ) -> None:
        self._clock = clock
        self._step_ns = seconds * NANO_PER_SECOND // burst if burst else 0
        self._window_ns = self._step_ns * burst
        self._keys_max = keys_max
        self._full_at_ns: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Count one try; Throttled when there is none left."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            full_at_ns = max(self._full_at_ns.get(key, now_ns), now_ns) + self._step_ns
            late_ns = full_at_ns - now_ns - self._window_ns
            if late_ns > 0:
                raise Throttled(-(-late_ns // NANO_PER_SECOND))
            self._remember(key, full_at_ns)

    def give_back(self, key: str) -> None:
        """That try was honest: as if it had not been."""
        with self._lock:
            full_at_ns = self._full_at_ns.get(key)
            if full_at_ns is not None:
                self._full_at_ns[key] = full_at_ns - self._step_ns

    def __len__(self) -> int:
        return len(self._full_at_ns)

    def _remember(self, key: str, full_at_ns: int) -> None:
        self._full_at_ns[key] = full_at_ns
        self._full_at_ns.move_to_end(key)
        if len(self._full_at_ns) > self._keys_max:
            self._full_at_ns.popitem(last=False)


class LoginThrottle:
    """Guessing is limited from two sides: one address, and one account."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._by_address = Throttle(clock, burst=per_minute, seconds=MINUTE_SECONDS)
        self._by_account = Throttle(clock, burst=per_minute, seconds=MINUTE_SECONDS)

    def take(self, address: str, account: str) -> None:
        self._by_address.take(neighbourhood(address))
        self._by_account.take(account)

    def give_back(self, address: str, account: str) -> None:
        self._by_address.give_back(neighbourhood(address))
        self._by_account.give_back(account)


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 host, or an IPv6 network of 64 bits.

    One subscriber owns a whole /64, so counting single IPv6 addresses counts nothing.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
