"""Receipt text: why this amount, for an operator to read."""

from collections.abc import Iterator
from typing import Any

from config.money import dollars
from storage.reader import ReceiptRecord

Receipt = dict[str, Any]

COLUMNS = ("", "quantity", "pico-dollars each", "pico-dollars")
INDENT = "  "


def explained(receipt: Receipt, found: ReceiptRecord) -> list[str]:
    """The receipt's own figures and, as this is for the operator, what it cost us."""
    facts = dict(facts_of(receipt))
    facts["bought for"] = (
        f"{dollars(found.report.buy_nano)} USD "
        f"(the ledger's price {found.report.price_id[:16]}…)"
    )
    width = max(map(len, facts))
    return [
        f"{receipt['id']}: {receipt['charge']} USD, {receipt['state']}",
        "",
        *[f"{INDENT}{name.ljust(width)}  {text}" for name, text in facts.items()],
        "",
        *bill_lines(receipt),
        "",
        *attempt_lines(receipt),
    ]


def facts_of(receipt: Receipt) -> Iterator[tuple[str, str]]:
    price, hold, transfer = receipt["price"], receipt["hold"], receipt["transfer"]
    stream = "streamed" if receipt["stream"] else "in one piece"
    finish = receipt["finish_reason"]
    yield "account", receipt["account"]
    yield "model", f"{receipt['model']}, {stream}"
    if receipt["provider"]:
        yield "served by", f"{receipt['provider']} as {receipt['upstream_model']}"
    if receipt["upstream_id"]:
        yield "their id", receipt["upstream_id"]
    reason = f", finish reason {finish}" if finish else ""
    status = f"HTTP {receipt['status'] or '-'}{reason}"
    yield "end", f"{receipt['outcome_means']} ({status})"
    yield "evidence", f"{receipt['evidence']}: {receipt['evidence_means']}"
    yield "price", f"{price['id'][:16]}… in force from {price['effective_from']}"
    if receipt["applied"]:
        yield "because of", "; ".join(receipt["applied"])
    yield "held", f"{hold['amount']} USD from {hold['opened_at']}"
    yield "until", hold["closed_at"]
    yield "paid", f"{receipt['paid']} USD, {receipt['shortfall']} USD short"
    if transfer is not None:
        balance = dollars(int(transfer["balance_nano"]))
        yield "transfer", f"{transfer['seq']} {transfer['id']}, {balance} USD after it"
        yield "its hash", transfer["hash"]
    first, total = receipt["first_byte_ms"], receipt["total_ms"]
    yield "time", f"{total} ms" if first is None else f"{total} ms, first byte {first}"


def bill_lines(receipt: Receipt) -> list[str]:
    """A table with its figures below one another."""
    rows = [COLUMNS]
    for line in receipt["lines"]:
        figures = (line["quantity"], int(line["rate_pico"]), int(line["pico"]))
        rows.append((line["meter"], *[f"{figure:,}" for figure in figures]))
    rows.append(("sum", "", "", f"{int(receipt['sum_pico']):,}"))
    added = int(receipt["rounding"]["added_pico"])
    charged = int(receipt["charge_nano"]) * 1000
    if added:
        rows.append(("rounded up by", "", "", f"{added:,}"))
    rows.append(("charge", "", f"{receipt['charge']} USD", f"{charged:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        INDENT
        + "  ".join(
            [
                row[0].ljust(widths[0]),
                *[
                    cell.rjust(width)
                    for cell, width in zip(row[1:], widths[1:], strict=True)
                ],
            ]
        )
        for row in rows
    ]


def attempt_lines(receipt: Receipt) -> list[str]:
    return [
        f"{INDENT}attempt {number}: {one['provider']} {one['model']}, {one['outcome']}"
        f" (HTTP {one['status'] or '-'}), {one['total_ms']} ms"
        f" from {one['started_ms']} ms on"
        for number, one in enumerate(receipt["trail"], 1)
    ] or [f"{INDENT}no provider was asked"]
