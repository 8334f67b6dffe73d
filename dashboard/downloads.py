"""Downloads: how many files an account is being sent at once."""

import threading
from collections import Counter
from collections.abc import Iterator

from dashboard.refusals import Throttled

DOWNLOADS_MAX = 2
RETRY_SECONDS = 10


class Downloads:
    """How many files each account is being sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[int] = Counter()

    def begin(self, account_id: int) -> None:
        with self._lock:
            if self._running[account_id] >= DOWNLOADS_MAX:
                raise Throttled(RETRY_SECONDS)
            self._running[account_id] += 1

    def end(self, account_id: int) -> None:
        with self._lock:
            self._running[account_id] -= 1
            if not self._running[account_id]:
                del self._running[account_id]

    def __len__(self) -> int:
        return sum(self._running.values())


class Download:
    """The body of a file. It counts as running until it is closed or forgotten."""

    def __init__(
        self, downloads: Downloads, account_id: int, pieces: Iterator[bytes]
    ) -> None:
        self._pieces = pieces
        self._downloads: Downloads | None = None
        downloads.begin(account_id)
        self._downloads = downloads
        self._account_id = account_id

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        downloads, self._downloads = self._downloads, None
        if downloads is not None:
            downloads.end(self._account_id)

    def __del__(self) -> None:
        self.close()
