"""Files: what is in them, and that nobody's spreadsheet runs it."""

import csv
import io
from collections.abc import Iterator

import pytest

from dashboard.files import PAGE, REQUESTS, TRANSACTIONS, cell, lines
from storage import Storage
from tests.dashboard.spending import spend
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock


def rows(user: Visitor, action: str, **query: str) -> list[list[str]]:
    answer = user.get("user", action, **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in answer.headers
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
    text = answer.get_data().decode("utf-8-sig")
    assert "\r\n" in text
    return list(csv.reader(io.StringIO(text, newline="")))


def test_transactions_are_all_there(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    for cost in range(1, 4):
        spend(storage, user.id, price_id, cost)
    header, *entries = rows(user, "transactions_csv")
    assert header == list(TRANSACTIONS)
    assert [one[3] for one in entries] == [
        "-0.000000003",
        "-0.000000002",
        "-0.000000001",
        "10.00",
    ]
    assert entries[0][7:9] == ["12", "34"]
    assert len(rows(user, "transactions_csv", type="promo")) == 2


def test_requests_are_all_there(
    storage: Storage, user: Visitor, price_id: str, clock: FakeClock
) -> None:
    made = []
    for cost in range(3):
        made.append(spend(storage, user.id, price_id, cost))
        clock.advance(1)
    header, *entries = rows(user, "usage_csv")
    assert header == list(REQUESTS)
    assert [one[1] for one in entries] == made[::-1]
    assert rows(user, "usage_csv", model="none") == [header]
    assert [one[1] for one in rows(user, "usage_csv", before=made[1])[1:]] == made[:1]


@pytest.mark.parametrize("action", ["transactions_csv", "usage_csv"])
def test_a_bad_question_gets_no_file(user: Visitor, action: str) -> None:
    for query in ({"before": "x"}, {"from": "x"}, {"type": "x"}, {"key_id": "-"}):
        answer = user.get("user", action, **query)
        assert (answer.status_code, answer.is_json) == (400, True)


def test_two_files_at_once_are_enough(user: Visitor) -> None:
    path = "/api/user.php?action=usage_csv"
    running = [user.client.get(path, buffered=False) for _ in range(2)]
    refused = user.client.get(path)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    running[0].close()
    third = user.client.get(path)
    assert third.status_code == 200
    third.close()
    running[1].close()
    assert len(rows(user, "usage_csv")) == 1


def test_a_file_is_made_page_by_page() -> None:
    asked: list[str | None] = []

    def read(cursor: str | None) -> tuple[list[tuple[int]], str | None]:
        asked.append(cursor)
        return [(len(asked),)] * PAGE, "next" if len(asked) < 3 else None

    pieces: Iterator[bytes] = lines(("n",), read, None)
    assert next(pieces) == "\ufeffn\r\n".encode()
    assert asked == []
    next(pieces)
    assert asked == [None]
    assert len(list(pieces)) == 2
    assert asked == [None, "next", "next"]


def test_a_file_that_is_cut_says_so() -> None:
    def read(cursor: str | None) -> tuple[list[tuple[int]], str | None]:
        return [(1,)] * 10, "here"

    *_, last = lines(("n",), read, None, lines_max=20)
    assert last == b"#more,here\r\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-0.5", "-0.5"),
        ("-12", "-12"),
        ("-", "'-"),
        ("gpt-4o", "gpt-4o"),
        (None, ""),
        (-5, -5),
    ],
)
def test_no_cell_is_a_formula(value: object, written: object) -> None:
    assert cell(value) == written
