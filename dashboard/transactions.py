"""The list of transactions, newest first, page by page.

The cursor is the place in the ledger of the last entry shown: a page costs the same
however long the list is, and entries that arrive meanwhile shift nothing.
"""

from dashboard.refusals import BadInput
from dashboard.services import Services
from dashboard.shapes import transaction_shape
from dashboard.visit import Answer, Visit

PAGE_DEFAULT = 50
PAGE_MAX = 200
SEQ_MAX = 2**63 - 1
DIGITS_MAX = 19


def transactions(services: Services, visit: Visit) -> Answer:
    limit = read_limit(visit.query.get("limit"))
    before = read_cursor(visit.query.get("before"))
    # One more than asked for tells whether there is another page.
    records = services.storage.reader.transactions(
        visit.user.account_id, before, limit + 1
    )
    page = records[:limit]
    more = len(records) > limit
    return Answer(
        data={
            "transactions": [transaction_shape(one, visit.language) for one in page],
            "next": str(page[-1].seq) if more else None,
        }
    )


def read_limit(text: str | None) -> int:
    if text is None or text == "":
        return PAGE_DEFAULT
    limit = whole_number(text)
    if limit is None or not 1 <= limit <= PAGE_MAX:
        raise BadInput("bad_limit", maximum=PAGE_MAX)
    return limit


def read_cursor(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    seq = whole_number(text)
    if seq is None or not 1 <= seq <= SEQ_MAX:
        raise BadInput("bad_cursor")
    return seq


def whole_number(text: str) -> int | None:
    """Plain ASCII digits only: no sign, no space, no digits of other scripts."""
    if len(text) > DIGITS_MAX or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
