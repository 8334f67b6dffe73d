"""The list of transactions, newest first, page by page, and the receipt of one."""

from dashboard.listing import (
    Query,
    read_cursor,
    read_limit,
    read_moments,
    read_name,
    read_number,
)
from dashboard.refusals import BadInput, UnknownPlace
from dashboard.services import Services
from dashboard.shapes import transaction_shape
from dashboard.visit import Answer, Visit
from storage.reader import transaction_of
from storage.receipts import receipt_of
from storage.reports import KINDS, Selection

ID_CHARS_MAX = 64


def transactions(services: Services, visit: Visit) -> Answer:
    limit = read_limit(visit.query.get("limit"))
    before = read_cursor(visit.query.get("before"))
    account_id = visit.user.account_id
    rows, next_ = services.reports.transactions(
        account_id, read_selection(visit.query), before, limit
    )
    records = [transaction_of(account_id, row) for row in rows]
    return Answer(
        data={
            "transactions": [transaction_shape(one, visit.language) for one in records],
            "next": next_,
        }
    )


def receipt(services: Services, visit: Visit) -> Answer:
    """Why a request cost what it cost, signed."""
    request_id = visit.query.get("id", "")
    found = None
    if 0 < len(request_id) <= ID_CHARS_MAX and request_id.isascii():
        found = services.storage.reader.receipt(request_id)
    if found is None or found.report.account_id != visit.user.account_id:
        raise UnknownPlace("unknown_request")
    return Answer(data={"receipt": services.signer.signed(receipt_of(found))})


def read_selection(query: Query) -> Selection:
    """Which entries are asked for."""
    from_ns, to_ns = read_moments(query)
    return Selection(
        from_ns,
        to_ns,
        read_name(query, "model"),
        read_number(query, "key_id"),
        read_kinds(query.get("type", "")),
    )


def read_kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(kind for kind in text.split(",") if kind)
    if len(kinds) > len(KINDS) or not set(kinds) <= set(KINDS):
        raise BadInput("bad_type", types=", ".join(KINDS))
    return kinds
