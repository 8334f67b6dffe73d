"""Reads from PostgreSQL: a few connections that cannot write, for all threads.

A thread takes a free one for the length of a statement. One that was lost with its
server is noticed when it is used; then the statement is asked again, once, on a new
one, so that a server that was started again is no fault.
"""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
from peewee import PostgresqlDatabase
from psycopg.raw_cursor import RawCursor

from storage.engine import Params, Row
from storage.errors import LedgerUnavailable
from storage.postgres.dialect import translate

CONNECTIONS_MAX = 4
WAIT_SECONDS = 5.0

Connect = Callable[[], "psycopg.Connection[Any]"]


class PostgresReads:
    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._free: list[psycopg.Connection[Any]] = []
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._lock = threading.Lock()
        self._ended = False
        # It renders what Peewee built, and never connects.
        self._peewee: Any = PostgresqlDatabase(None)

    def rows(self, statement: str, params: Params = ()) -> list[Row]:
        translated = translate(statement)
        values = [params[place] for place in translated.used]

        def run(connection: psycopg.Connection[Any]) -> list[Row]:
            with RawCursor(connection) as cursor:
                cursor.execute(translated.text.encode(), values, prepare=True)
                return cursor.fetchall()

        return self._run(run)

    def query(self, query: Any) -> list[Row]:
        text, values = self._peewee.get_sql_context().sql(query).query()

        def run(connection: psycopg.Connection[Any]) -> list[Row]:
            return connection.execute(text, values).fetchall()

        return self._run(run)

    def close(self) -> None:
        with self._lock:
            self._ended = True
            while self._free:
                self._free.pop().close()

    def _run(self, run: Callable[["psycopg.Connection[Any]"], list[Row]]) -> list[Row]:
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise LedgerUnavailable("the ledger cannot be read: too many want to")
        try:
            return self._run_here(run)
        except (psycopg.Error, psycopg.Warning) as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
        finally:
            self._places.release()

    def _run_here(
        self, run: Callable[["psycopg.Connection[Any]"], list[Row]]
    ) -> list[Row]:
        connection = self._take()
        try:
            return run(connection)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
            # Lost since it was used last; the others that lie ready are lost with it.
            connection = self._connect()
            return run(connection)
        finally:
            self._give(connection)

    def _take(self) -> "psycopg.Connection[Any]":
        with self._lock:
            if self._ended:
                raise LedgerUnavailable("the ledger is closed")
            if self._free:
                return self._free.pop()
        return self._connect()

    def _give(self, connection: "psycopg.Connection[Any]") -> None:
        with self._lock:
            if self._ended or connection.closed:
                connection.close()
            else:
                self._free.append(connection)
