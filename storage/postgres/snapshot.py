"""A snapshot of PostgreSQL: one repeatable-read transaction, read by cursors.

A cursor's rows come some thousand at a time, so that a table of any size needs little
memory, and several can be open at once.
"""

import contextlib
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
from psycopg.raw_cursor import RawServerCursor

from storage.engine import Params, Row
from storage.postgres.dialect import translate

ROWS_A_TRIP = 2000


class PostgresSnapshot:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._names = count(1)
        self._interrupted = threading.Event()

    def rows(self, statement: str, params: Params = ()) -> Iterator[Row]:
        translated = translate(statement)
        values = [params[place] for place in translated.used]
        cursor = RawServerCursor(self._connection, f"cursor_{next(self._names)}")
        with cursor:
            cursor.execute(translated.text.encode(), values)
            brought = ROWS_A_TRIP
            while brought == ROWS_A_TRIP:
                rows = cursor.fetchmany(ROWS_A_TRIP)
                brought = len(rows)
                for row in rows:
                    if self._interrupted.is_set():
                        raise psycopg.errors.QueryCanceled("it was interrupted")
                    yield row

    def interrupt(self) -> None:
        self._interrupted.set()
        # Who has just finished needs no interruption.
        with contextlib.suppress(psycopg.Error):
            self._connection.cancel_safe()
