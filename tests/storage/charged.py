"""Charged requests as the reader finds them, without a ledger to be found in."""

from dataclasses import replace

from config.money import charge_nano_rounded_up
from config.prices import PLAIN, Price, buy_pico, cost_nano, sell_pico
from storage.reader import ChargeTransfer, ReceiptRecord, UsageReport
from storage.trail import AttemptRecord
from tests.storage.teller import USED

REQUEST = "req_01jd3"
OPENED_NS = 1_767_225_600 * 10**9 + 123_456_789
TRAIL = (
    AttemptRecord("openai", "gpt-4o-2024", "upstream_timeout", 0, 1, 20),
    AttemptRecord("backup", "gpt-4o-2023", "complete", 200, 22, 300),
)
RATES = {"input": 2_500_000, "cache_read": 1_250_000, "output": 10_000_001}
PRICE = Price.of("gpt-4o", 0, RATES, {"input": 1, "output": 1})


def charged(
    price=PRICE, quantities=None, situation=PLAIN, short_nano=0, late=False, **fields
) -> ReceiptRecord:
    """A request that was charged what its price gives."""
    if quantities is None:
        quantities = {"input": 12, "output": 34}
    cost, buy = sell_pico(price, quantities, situation), buy_pico(price, quantities)
    nano = cost_nano(price, quantities, situation)
    paid = max(0, nano - short_nano)
    record = replace(
        USED,
        model=price.model,
        quantities=quantities,
        conditions=price.facts(situation),
        upstream_id="req_theirs",
        finish="stop",
        trail=TRAIL,
        attempts=2,
        **fields,
    )
    report = UsageReport(
        REQUEST, 42, 7, price.id, record, cost, nano, paid, nano - paid,
        OPENED_NS + 10**9, buy, charge_nano_rounded_up(buy),
    )
    transfer = ChargeTransfer(
        3, f"{'late' if late else 'usage'}:{REQUEST}", paid, 10**10, OPENED_NS + 10**9,
        bytes(range(32)),
    )
    return ReceiptRecord(
        report, "user:0b9d", "late" if late else "settled", nano + 5, OPENED_NS,
        OPENED_NS + 10**9, price, transfer,
    )


def voided(outcome="upstream_timeout", **fields) -> ReceiptRecord:
    """A request that cost nothing."""
    found = charged(
        quantities={}, evidence="none", outcome=outcome, status=504, **fields
    )
    return replace(found, state="voided", transfer=None)
