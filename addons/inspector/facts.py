"""Facts: what an entry of the inspector says of a request, or of one call for it.

An entry's head is plain JSON: the message's own lines, and beside them the facts that
make it legible, which are what the ledger and the receipt have too. Of a request whose
charge can be computed again the `capture` has the terms for that: the price in force,
the bounds of the hold, the situation and the policies. Errors are in our own words,
because a provider's may be anybody's text and facts are shown where bodies are not.
Nothing here is redacted yet but headers and queries, which are not even made up
otherwise.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from mitmproxy.http import HTTPFlow

from addons.endings import code_of, end_of, outcome_of
from addons.exchange import Exchange, Leg, PieceQuote
from addons.inspector.redacting import shown_headers, shown_target, shown_texts
from addons.upstream.tape import TapedCall

NANOSECONDS_A_MILLISECOND = 1_000_000
NANOSECONDS = 1_000_000_000
# Outcomes of attempts after which the candidate is put aside for a while.
LASTING = frozenset(("upstream_auth", "upstream_billing", "upstream_model_unavailable"))
REQUEST, CALL = "request", "call"

type Head = dict[str, Any]


def request_head(
    flow: HTTPFlow, exchange: Exchange, level: str, live: bool, now_ns: int
) -> Head:
    """Of what a client asked and was answered."""
    request, response = flow.request, flow.response
    started = request.timestamp_start
    head: Head = {
        "id": exchange.id,
        "part": REQUEST,
        "live": live,
        "start": started,
        "end": None if live else at(started, exchange, now_ns),
        "method": request.method,
        "target": shown_target(request.path),
        "peer": exchange.address,
        "headers": shown_headers(request.headers.fields),
        "size": len(request.raw_content or b""),
        "status": 0,
        "facts": request_facts(exchange, level, live, now_ns),
    }
    if response is not None and (exchange.began or not live):
        head["status"] = response.status_code
        head["answer_headers"] = shown_headers(response.headers.fields)
        head["answer_start"] = at(started, exchange, exchange.first_byte_ns or now_ns)
    return head


def call_head(
    flow: HTTPFlow, exchange: Exchange, index: int, live: bool, now_ns: int
) -> Head:
    """Of what a provider was asked for a request, and what it answered."""
    tape = exchange.tape
    assert tape is not None
    call = tape.calls[index]
    leg = exchange.trail[call.number - 1].leg
    started = at(flow.request.timestamp_start, exchange, call.started_ns)
    live = live and call.ended_ns is None
    waited_ns = (call.ended_ns or now_ns) - call.started_ns
    head: Head = {
        "id": call_id(exchange, index),
        "part": CALL,
        "live": live,
        "start": started,
        "end": None if live else started + waited_ns / NANOSECONDS,
        "method": call.request.method,
        **place(leg, call.request.path),
        "headers": shown_texts(call.request.headers),
        "size": len(call.request.body),
        "status": call.status,
        "answer_size": call.body.size,
        "facts": call_facts(exchange, call, index, live, waited_ns),
    }
    if call.status:
        head["answer_headers"] = shown_texts(call.headers)
    return head


def call_id(exchange: Exchange, index: int) -> str:
    return f"{exchange.id}/{index + 1}"


def request_facts(exchange: Exchange, level: str, live: bool, now_ns: int) -> Head:
    caller, leg, ask = exchange.caller, exchange.leg, exchange.ask
    found: Head = {
        "request": exchange.id,
        "level": level,
        "state": state_of(exchange, live),
        "attempts": exchange.attempts,
        "total_ms": milliseconds(now_ns - exchange.started_ns),
    }
    if caller is not None:
        found |= {"user": caller.user_id, "key": caller.id}
    if ask is not None:
        found |= {"model": ask.model, "stream": ask.stream}
    if leg is not None:
        found |= {"provider": leg.provider.name, "upstream_model": leg.candidate.model}
    if exchange.first_byte_ns is not None:
        found["ttft_ms"] = milliseconds(exchange.first_byte_ns - exchange.started_ns)
    if exchange.paid_nano is not None:
        found["paid_nano"] = exchange.paid_nano
    if exchange.ordered and exchange.quote is not None:
        # A video is charged with its job: all of it, or nothing.
        found["quantities"] = dict(exchange.quote.quantities)
    if code := code_of(exchange):
        found["error"] = code
    if any(one.outcome in LASTING for one in exchange.trail):
        found["ejected"] = True
    if exchange.charge is not None:
        found |= {
            "evidence": exchange.charge.record.evidence,
            "end": end_of(exchange, exchange.charge),
            "quantities": dict(exchange.charge.quantities),
            "cost_nano": exchange.charge.cost_nano,
        }
    return found


def call_facts(
    exchange: Exchange, call: TapedCall, index: int, live: bool, waited_ns: int
) -> Head:
    attempt = exchange.trail[call.number - 1]
    leg = attempt.leg
    found: Head = {
        "request": exchange.id,
        "attempt": call.number,
        "call": index + 1,
        "provider": leg.provider.name,
        "dialect": leg.provider.dialect,
        "upstream_model": leg.candidate.model,
        "total_ms": milliseconds(waited_ns),
    }
    if attempt.ended_ns is not None or not live:
        found["outcome"] = outcome_of(attempt.outcome)
        found["ejected"] = attempt.outcome in LASTING
    if call.fault:
        found["fault"] = call.fault
    if exchange.caller is not None:
        found["user"] = exchange.caller.user_id
    if exchange.ask is not None:
        found["model"] = exchange.ask.model
    return found


def capture(exchange: Exchange, policies: Mapping[str, Any], terms: str) -> Head:
    """What the charge of a request can be computed again with; `terms` is the text of
    its price. Nothing of a request that no money was held for."""
    quote, model, ask = exchange.quote, exchange.model, exchange.ask
    if quote is None or model is None or ask is None:
        return {}
    found: Head = {
        "terms": terms,
        "situation": quote.situation.facts(),
        "policies": policies,
        "image_tokens": model.image_tokens,
    }
    if isinstance(quote, PieceQuote):
        return found | {"pieces": dict(quote.quantities)}
    return found | {
        "input_tokens": quote.input_tokens,
        "output_tokens": quote.output_tokens,
        "choices": quote.choices,
    }


def state_of(exchange: Exchange, live: bool) -> str:
    """What became of the request's money, in a word."""
    if live:
        return "running"
    if exchange.replayed is not None:
        return "replayed"
    if exchange.ordered and exchange.paid_nano is None:
        return "ordered"
    if exchange.paid_nano:
        return "charged"
    if exchange.paid_nano == 0:
        return "not charged"
    return "refused" if exchange.refusal is not None else "answered"


def place(leg: Leg, path: str) -> Head:
    """Where a call went."""
    scheme, host, port, start = address_of(leg.provider.base_url)
    return {
        "scheme": scheme,
        "host": host or leg.provider.name,
        "port": port,
        "target": shown_target(start + path),
    }


@lru_cache(maxsize=256)
def address_of(base_url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and the start of all paths there."""
    base = urlsplit(base_url)
    port = base.port or (443 if base.scheme == "https" else 80)
    return base.scheme, base.hostname or "", port, base.path.rstrip("/")


def at(started: float, exchange: Exchange, moment_ns: int) -> float:
    """Wall time in seconds of a monotonic moment after the request's start."""
    return started + (moment_ns - exchange.started_ns) / NANOSECONDS


def milliseconds(duration_ns: int) -> int:
    return max(0, duration_ns) // NANOSECONDS_A_MILLISECOND
