"""Files: transactions and requests as CSV, made as they are sent.

A file is read page by page, each in a transaction of its own, from the newest entry to
the oldest: what arrives meanwhile is not in it and shifts nothing. Only a page is in
memory. It has a limit, and says so in its last line if there is more.

Spreadsheets take a cell that begins with = + - or @ for a formula, whoever wrote it, so
text that begins so gets an apostrophe; numbers are ours and stay numbers.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from config.money import dollars
from dashboard.downloads import Download
from dashboard.listing import read_cursor, read_id_cursor
from dashboard.services import Services
from dashboard.shapes import describe, iso_time
from dashboard.transactions import read_selection
from dashboard.usage import request_shape
from dashboard.visit import Answer, FileBody, Visit
from storage.reader import transaction_of

PAGE = 500
LINES_MAX = 1_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MARK = "\ufeff"

TRANSACTIONS = (
    "created_at",
    "id",
    "type",
    "amount",
    "balance_after",
    "model",
    "request_id",
    "input_tokens",
    "output_tokens",
    "description",
)
REQUESTS = (
    "at",
    "request_id",
    "model",
    "provider",
    "upstream_model",
    "key_id",
    "input",
    "output",
    "cached",
    "images",
    "videos",
    "cost",
    "paid",
    "status",
    "outcome",
    "evidence",
    "stream",
    "attempts",
    "first_byte_ms",
    "total_ms",
)

type Cells = Sequence[object]
type Read = Callable[[str | None], tuple[list[Cells], str | None]]


def transactions_csv(services: Services, visit: Visit) -> Answer:
    account_id, language = visit.user.account_id, visit.language
    selection = read_selection(visit.query)
    read_cursor(visit.query.get("before"))

    def read(cursor: str | None) -> tuple[list[Cells], str | None]:
        before = None if cursor is None else int(cursor)
        rows, next_ = services.reports.transactions(
            account_id, selection, before, PAGE
        )
        records = [transaction_of(account_id, row) for row in rows]
        return [
            (
                iso_time(one.at_ns),
                one.id,
                one.kind,
                dollars(one.amount_nano),
                dollars(one.balance_nano),
                one.model or "",
                one.request_id or "",
                one.quantities.get("input", 0),
                one.quantities.get("output", 0),
                describe(one, language),
            )
            for one in records
        ], next_

    return file_of(services, visit, "transactions", TRANSACTIONS, read)


def usage_csv(services: Services, visit: Visit) -> Answer:
    account_id = visit.user.account_id
    selection = read_selection(visit.query)
    read_id_cursor(visit.query.get("before"))

    def read(cursor: str | None) -> tuple[list[Cells], str | None]:
        page = services.reports.requests(account_id, selection, cursor, PAGE)
        shapes = [request_shape(one) for one in page.entries]
        return [[shape[name] for name in REQUESTS] for shape in shapes], page.next

    return file_of(services, visit, "usage", REQUESTS, read)


def file_of(
    services: Services, visit: Visit, name: str, header: Cells, read: Read
) -> Answer:
    pieces = lines(header, read, visit.query.get("before") or None)
    download = Download(services.downloads, visit.user.account_id, pieces)
    return Answer(file=FileBody(f"{name}.csv", "text/csv; charset=utf-8", download))


def lines(
    header: Cells, read: Read, cursor: str | None, lines_max: int = LINES_MAX
) -> Iterator[bytes]:
    """The file, a page a piece."""
    yield (MARK + written([header])).encode()
    left = lines_max
    while left > 0:
        rows, cursor = read(cursor)
        left -= len(rows)
        if rows:
            yield written(rows).encode()
        if cursor is None:
            return
    yield written([("#more", cursor)]).encode()


def written(rows: Sequence[Cells]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [[cell(value) for value in row] for row in rows]
    )
    return text.getvalue()


def cell(value: object) -> Any:
    """Text that no spreadsheet runs; an amount below zero is a number."""
    if value is None:
        return ""
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    number = value[1:].replace(".", "", 1)
    return value if value[0] == "-" and number.isdecimal() else "'" + value
