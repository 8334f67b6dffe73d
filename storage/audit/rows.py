"""Rows: what the audit reads of each transfer, and where in a row it stands.

A row is the transfer's own columns, three that are looked up beside it, and the hold
and the usage of the request that it charges, in the order in which the request's
digest is made. Positions instead of names, because ten million of them are read.
"""

from storage.chain import COLUMNS, HOLD_COLUMNS, USAGE_COLUMNS

SLICE_ROWS = 100_000
"""How many rows are read in one snapshot."""


def _listed(table: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{table}.{name}" for name in columns)


# The three in the middle are looked up for few rows: where an account stood at the
# checkpoint, how many top-ups have this id, and what the house paid of the request.
# ?1 is the transfer to go on from, ?2 the one of the checkpoint, ?3 how many rows.
ROWS = f"""
    SELECT {_listed("t", COLUMNS)}, t.request_hash, t.prev_hash, t.hash,
        CASE WHEN ?2 > 0 THEN (SELECT p.balance_nano FROM transfer p
            WHERE p.account_id = t.account_id AND p.seq <= ?2
            ORDER BY p.seq DESC LIMIT 1) END,
        CASE t.code WHEN 'topup'
            THEN (SELECT count(*) FROM transfer o WHERE o.id = t.id) END,
        CASE WHEN u.shortfall_nano > 0 THEN (SELECT s.amount_nano FROM transfer s
            WHERE s.id = 'shortfall:' || t.hold_id) END,
        {_listed("h", HOLD_COLUMNS)}, {_listed("u", USAGE_COLUMNS)}
    FROM transfer t
    LEFT JOIN hold h ON h.id = t.hold_id
    LEFT JOIN usage u ON u.request_id = t.hold_id
    WHERE t.seq > ?1 ORDER BY t.seq LIMIT ?3
"""

CHARGED_STATE = {"usage": "settled", "late": "voided"}
"""The codes that charge a request, and the state its hold has then."""

CONTENT = len(COLUMNS)
_TRANSFER = {name: n for n, name in enumerate(COLUMNS)}
SEQ, ID, CODE = (_TRANSFER[name] for name in ("seq", "id", "code"))
DEBIT, CREDIT, AMOUNT, BUY = (
    _TRANSFER[name] for name in ("debit_id", "credit_id", "amount_nano", "buy_nano")
)
ACCOUNT, BALANCE, HOLD, REF, REASON, AT = (
    _TRANSFER[name]
    for name in ("account_id", "balance_nano", "hold_id", "ref", "reason", "at_ns")
)
REQUEST_HASH, PREVIOUS, HASH, BEFORE, COPIES, SHORTFALL = range(CONTENT, CONTENT + 6)

REQUEST = CONTENT + 6
_HOLD = {name: REQUEST + n for n, name in enumerate(HOLD_COLUMNS)}
HOLD_ID, HOLD_ACCOUNT, STATE = (_HOLD[name] for name in ("id", "account_id", "state"))

_USAGE = {
    name: REQUEST + len(HOLD_COLUMNS) + n for n, name in enumerate(USAGE_COLUMNS)
}
USAGE_ID, KEY, PRICE, USED_AT = (
    _USAGE[name] for name in ("request_id", "key_id", "price_id", "at_ns")
)
METERED, OTHER, COST_PICO, COST_NANO, PAID, SHORT = (
    _USAGE[name]
    for name in (
        "input", "other", "cost_pico", "cost_nano", "paid_nano", "shortfall_nano"
    )
)
USED_BUY_PICO, USED_BUY = _USAGE["buy_pico"], _USAGE["buy_nano"]
