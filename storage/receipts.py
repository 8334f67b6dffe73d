"""Receipts: why a request cost what it cost, with everything to compute it again.

A receipt is made of a request's rows when somebody asks for it, and rated again on the
way: what the ledger charged and what its price gives must be the same, or there is no
receipt. The same rows give the same receipt, byte for byte. It holds texts, integers
and booleans only; an amount is its exact digits, in dollars where people read it and in
nano- or pico-dollars where it is computed with.

What the provider took is not in it: a receipt is the user's, the margin is not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from config.meters import IMAGES, VIDEOS, Kind, rate_text
from config.money import PICO_PER_NANO, charge_nano_rounded_up, dollars
from config.price_text import price_of_terms, terms_id, terms_text
from config.prices import Price, input_tokens, rate_pico
from config.situations import Situation
from storage.errors import LedgerBroken
from storage.instants import instant_ns, instant_text
from storage.reader import ChargeTransfer, ReceiptRecord
from storage.trail import AttemptRecord

VERSION = 1
VOIDED = "voided"
MOMENT = "moment"

EVIDENCE: Mapping[str, str] = {
    "reported": "the provider reported these quantities",
    "counted": "the provider reported too little, so the complete answer was counted",
    "partial": "the answer broke off, so what was delivered of it was counted",
    "estimated": "no answer came, so the input alone was counted",
    "invalid": "the provider's figures cannot be true, so the answer was counted",
    "none": "nothing was used that is charged",
}
# What is paid by the piece is no text that a provider reports the tokens of.
PIECES: Mapping[str, Mapping[str, str]] = {
    IMAGES.name: {"counted": "the images that were delivered were counted"},
    VIDEOS.name: {
        "counted": "the video was made and kept, and counted as it was ordered"
    },
}
OUTCOMES: Mapping[str, str] = {
    "complete": "the answer was complete",
    "cancelled": "whoever asked for it cancelled it",
    "upstream_died": "the provider broke its answer off",
    "client_left_before_contact": "the caller left before a provider was asked",
    "client_left_before_headers": "the caller left before the answer began",
    "client_left_midstream": "the caller left while the answer was sent",
    "recovered": "the gateway stopped while the request ran",
    "internal_error": "the gateway failed",
    "ledger_unavailable": "the ledger could not be written",
}


def receipt_of(found: ReceiptRecord) -> dict[str, Any]:
    """The receipt, unsigned. LedgerBroken if the charge is not what its price gives."""
    report, record = found.report, found.report.record
    terms = terms_text(found.price)
    content = {
        "object": "receipt",
        "version": VERSION,
        "id": report.request_id,
        "account": found.owner.removeprefix("user:"),
        "state": found.state,
        "model": record.model,
        "provider": record.provider,
        "upstream_model": record.upstream_model,
        "upstream_id": record.upstream_id,
        "stream": record.stream,
        "status": record.status,
        "outcome": record.outcome,
        "outcome_means": outcome_means(record.outcome),
        "finish_reason": record.finish,
        "evidence": record.evidence,
        "evidence_means": evidence_means(record.evidence, found.price.kind),
        "quantities": dict(sorted(record.quantities.items())),
        "conditions": conditions_of(record.conditions),
        "price": {
            "id": terms_id(terms),
            "effective_from": instant_text(found.price.effective_from_ns),
            "terms": terms,
        },
        **bill(price_of_terms(terms), found),
        "currency": "USD",
        "charge": dollars(report.cost_nano),
        "charge_nano": str(report.cost_nano),
        "paid": dollars(report.paid_nano),
        "paid_nano": str(report.paid_nano),
        "shortfall": dollars(report.shortfall_nano),
        "shortfall_nano": str(report.shortfall_nano),
        "hold": {
            "amount": dollars(found.held_nano),
            "amount_nano": str(found.held_nano),
            "opened_at": instant_text(found.opened_ns),
            "closed_at": instant_text(found.closed_ns),
        },
        "charged_at": instant_text(report.at_ns),
        "transfer": None if found.transfer is None else moved(found.transfer),
        "first_byte_ms": record.first_byte_ms,
        "total_ms": record.total_ms,
        "attempts": record.attempts,
        "trail": [tried(attempt) for attempt in record.trail],
    }
    return content


def bill(terms: Price, found: ReceiptRecord) -> dict[str, Any]:
    """The lines, their sum and its rounding; a voided request has no lines."""
    report = found.report
    lines, applied = [], []
    if found.state != VOIDED:
        situation = Situation.of_facts(report.record.conditions)
        lines = list(lines_of(terms, situation, report.record.quantities))
        applied = applied_in(terms, situation, report.record.quantities)
    sum_pico = sum(int(line["pico"]) for line in lines)
    charge_nano = charge_nano_rounded_up(sum_pico)
    if (sum_pico, charge_nano) != (report.cost_pico, report.cost_nano):
        raise LedgerBroken(
            f"usage {report.request_id}: it was charged {report.cost_nano}, "
            f"its price gives {charge_nano}"
        )
    return {
        "applied": applied,
        "lines": lines,
        "sum_pico": str(sum_pico),
        "rounding": {
            "to": "nano",
            "direction": "up",
            "added_pico": str(charge_nano * PICO_PER_NANO - sum_pico),
        },
    }


def lines_of(
    terms: Price, situation: Situation, quantities: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """One line for each meter that counted something. `rate` is what people read, in
    its `unit`; `rate_pico` is pico-dollars for one."""
    rates = terms.sell_at(situation, input_tokens(quantities))
    for meter, quantity in sorted(quantities.items()):
        if quantity:
            pico = rate_pico(rates, meter)
            yield {
                "meter": meter,
                "quantity": quantity,
                "rate": rate_text(meter, pico),
                "unit": terms.kind.unit,
                "rate_pico": str(pico),
                "pico": str(quantity * pico),
            }


def applied_in(
    terms: Price, situation: Situation, quantities: Mapping[str, int]
) -> list[str]:
    """The conditions that hold, from top to bottom: of two the lower one counts."""
    tokens = input_tokens(quantities)
    return [
        case.when.text for case in terms.cases if case.when.holds(situation, tokens)
    ]


def conditions_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the rates depended on; nothing where a price is flat."""
    shown = dict(facts)
    if "moment_ns" in shown:
        shown[MOMENT] = instant_text(shown.pop("moment_ns"))
    return shown


def situation_of(conditions: Mapping[str, Any]) -> Situation:
    """The situation that a receipt's conditions tell; ValueError if they tell none."""
    facts = dict(conditions)
    if MOMENT in facts:
        facts["moment_ns"] = instant_ns(facts.pop(MOMENT))
    return Situation.of_facts(facts)


def evidence_means(evidence: str, kind: Kind) -> str:
    """Where the quantities of something that is paid for so are from."""
    return {**EVIDENCE, **PIECES.get(kind.name, {})}.get(evidence, "")


def outcome_means(outcome: str) -> str:
    return OUTCOMES.get(outcome, f"the request failed with the error {outcome}")


def moved(transfer: ChargeTransfer) -> dict[str, Any]:
    return {
        "seq": transfer.seq,
        "id": transfer.id,
        "amount_nano": str(transfer.amount_nano),
        "balance_nano": str(transfer.balance_nano),
        "at": instant_text(transfer.at_ns),
        "hash": transfer.hash.hex(),
    }


def tried(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "started_ms": attempt.started_ms,
        "total_ms": attempt.total_ms,
    }
