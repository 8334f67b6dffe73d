"""Endings: how a request ended, in words of ours.

For whoever counts requests or logs them. A code that comes with an error may be the
provider's own; the kind of the error has one of ours, and of those there are so many.
"""

from mitmproxy.http import HTTPFlow

from addons.exchange import Charge, Exchange
from addons.wire.errors import ApiError

OK = 200
# What a flow says whose client was told that its body does not come any more.
NOT_COMPLETED = "request not completed"
# nginx's word for a client that left before it had its answer.
CLIENT_LEFT = 499
COMPLETE = "complete"
CANCELLED = "cancelled"
OTHER = "other"


def status_of(flow: HTTPFlow, exchange: Exchange) -> int:
    """The status that the client has got."""
    if exchange.began:
        return OK
    is_left = flow.error is not None and flow.error.msg != NOT_COMPLETED
    if is_left or flow.response is None:
        return CLIENT_LEFT
    return flow.response.status_code


def code_of(exchange: Exchange) -> str:
    """Which kind of error it ended with; empty if with none."""
    error = exchange.refusal or exchange.broken
    return "" if error is None else kind_code(type(error))


def end_of(exchange: Exchange, charge: Charge) -> str:
    """What became of a request that was charged for: as the ledger has it, but never in
    a provider's words."""
    if exchange.refusal is not None:
        return kind_code(type(exchange.refusal))
    return charge.outcome


def kind_code(kind: type[ApiError]) -> str:
    return kind.code or kind.type


def known_outcomes() -> frozenset[str]:
    """All that an attempt can come to, by the kinds of errors there are."""
    found = {COMPLETE, CANCELLED}
    kinds: list[type[ApiError]] = [ApiError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.add(kind_code(kind))
    return frozenset(found)


KNOWN_OUTCOMES = known_outcomes()


def outcome_of(text: str) -> str:
    """What became of an attempt, in one of the known words."""
    return text if text in KNOWN_OUTCOMES else OTHER
