"""Trails: what an exchange went through at its providers, in words for the ledger.

The words are the providers' own: their name for the request, their reason for the end.
They are for whoever compares our books with an invoice, so nothing else is kept, and a
credential that comes back in such a word makes it none.
"""

from addons.exchange import Attempt, Exchange
from storage.trail import AttemptRecord

NANOSECONDS_A_MILLISECOND = 1_000_000
OK = 200


def trail_of(exchange: Exchange, now_ns: int) -> tuple[AttemptRecord, ...]:
    """The attempts in their order; one that still runs has lasted until now."""
    return tuple(
        AttemptRecord(
            attempt.leg.provider.name,
            attempt.leg.candidate.model,
            attempt.outcome,
            attempt.status,
            milliseconds(attempt.started_ns - exchange.started_ns),
            milliseconds((attempt.ended_ns or now_ns) - attempt.started_ns),
        )
        for attempt in exchange.trail
    )


def upstream_id_of(exchange: Exchange) -> str:
    """What the provider that was asked last calls the request: by its answer's head,
    else by the answer itself."""
    if not exchange.trail:
        return ""
    attempt = exchange.trail[-1]
    found = attempt.upstream_id
    if not found and attempt.status == OK:
        found = answer_id(exchange)
    return "" if betrays(attempt, found) else found


def finish_of(exchange: Exchange) -> str:
    """The reason the provider gave for the end of its answer; empty if none."""
    # An earlier attempt may have left its stream behind.
    if not exchange.trail or exchange.trail[-1].status != OK:
        return ""
    found = ""
    if exchange.answer is not None:
        found = exchange.answer.finish
    elif exchange.stream is not None:
        found = exchange.stream.reading.finish
    return "" if betrays(exchange.trail[-1], found) else found


def answer_id(exchange: Exchange) -> str:
    if exchange.answer is not None:
        found = exchange.answer.body.get("id")
        return found if type(found) is str else ""
    return exchange.stream.reading.upstream_id if exchange.stream is not None else ""


def betrays(attempt: Attempt, text: str) -> bool:
    """Whether a text has our credential for this provider in it."""
    credential = attempt.leg.credential
    return credential is not None and credential.secret in text


def milliseconds(duration_ns: int) -> int:
    return max(0, duration_ns) // NANOSECONDS_A_MILLISECOND
