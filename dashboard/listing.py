"""Lists: how much of one, from where, and of which days.

The cursor is the place of the last entry shown: a page costs the same however long the
list is, and entries that arrive meanwhile shift nothing. Days are UTC days, both ends
included.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from dashboard.refusals import BadInput

PAGE_DEFAULT = 50
PAGE_MAX = 200
SEQ_MAX = 2**63 - 1
DIGITS_MAX = 19
NAME_CHARS_MAX = 200
DAY_NS = 86_400 * 10**9
DAYS_MAX = 366
YEAR_MIN, YEAR_MAX = 2000, 2200
EPOCH = date(1970, 1, 1)
CURSOR = re.compile(r"[a-z]{1,16}_[0-9a-z]{26}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Query = Mapping[str, str]


def read_limit(text: str | None) -> int:
    if text is None or text == "":
        return PAGE_DEFAULT
    limit = whole_number(text)
    if limit is None or not 1 <= limit <= PAGE_MAX:
        raise BadInput("bad_limit", maximum=PAGE_MAX)
    return limit


def read_cursor(text: str | None) -> int | None:
    """A place in the ledger."""
    if text is None or text == "":
        return None
    seq = whole_number(text)
    if seq is None or not 1 <= seq <= SEQ_MAX:
        raise BadInput("bad_cursor")
    return seq


def read_id_cursor(text: str | None) -> str | None:
    """A place in a list that is in the order of ids."""
    if text is None or text == "":
        return None
    if CURSOR.fullmatch(text) is None:
        raise BadInput("bad_cursor")
    return text


def read_name(query: Query, name: str) -> str | None:
    """A text to look for, None where nothing is said."""
    text = query.get(name, "").strip()
    if len(text) > NAME_CHARS_MAX or not text.isprintable():
        raise BadInput("bad_text", name=name)
    return text or None


def read_number(query: Query, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    number = whole_number(text)
    if number is None or number > SEQ_MAX:
        raise BadInput("bad_number", name=name)
    return number


def read_moments(query: Query) -> tuple[int | None, int | None]:
    """The first moment of `from`, and the first one after `to`."""
    first, last = read_day(query, "from"), read_day(query, "to")
    if first is not None and last is not None and last < first:
        raise BadInput("bad_days", maximum=DAYS_MAX)
    from_ns = None if first is None else first * DAY_NS
    return from_ns, None if last is None else (last + 1) * DAY_NS


def read_days(query: Query, now_ns: int, days: int) -> tuple[int, int]:
    """The first and the last day, as days since 1970; so many until today if nothing
    is said."""
    today = now_ns // DAY_NS
    last = read_day(query, "to")
    first = read_day(query, "from")
    if last is None:
        last = today if first is None else max(today, first)
    if first is None:
        first = last - days + 1
    if not 0 <= last - first < DAYS_MAX:
        raise BadInput("bad_days", maximum=DAYS_MAX)
    return first, last


def read_day(query: Query, name: str) -> int | None:
    """A day since 1970."""
    text = query.get(name, "")
    if not text:
        return None
    day = day_of(text)
    if day is None:
        raise BadInput("bad_day", name=name)
    return day


def day_of(text: str) -> int | None:
    """The day since 1970 that is written 2026-11-23; None if it is none of ours."""
    if DAY.fullmatch(text) is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return (day - EPOCH).days if YEAR_MIN <= day.year <= YEAR_MAX else None


def day_text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


def moment_ns(text: str) -> int | None:
    """A day's first moment, or a time with its zone; None if it is neither."""
    day = day_of(text)
    if day is not None:
        return day * DAY_NS
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or not YEAR_MIN <= moment.year <= YEAR_MAX:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


def whole_number(text: str) -> int | None:
    """Plain ASCII digits only: no sign, no space, no digits of other scripts."""
    if len(text) > DIGITS_MAX or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
