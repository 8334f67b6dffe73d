"""CHECKs on lists of words, spelled out.

For `x IN (a, b, c)` SQLite makes a small table each time that a row is written, for
`x = a OR x = b OR x = c` it does not: an eighth of what the statements of a request
cost. Both mean the same, so no row is looked at and only the words of the schema
change, in the way that https://www.sqlite.org/lang_altertable.html describes for a
change that does not touch the file's format. Who has the file open keeps the old words,
which are as good.
"""

_STATE = (
    "state IN ('open', 'settled', 'voided')",
    "state = 'open' OR state = 'settled' OR state = 'voided'",
)
_CODE = (
    """code IN ('topup', 'promo', 'usage', 'late',
            'shortfall', 'refund', 'adjustment')""",
    """code = 'usage' OR code = 'late' OR code = 'topup' OR code = 'promo'
            OR code = 'shortfall' OR code = 'refund' OR code = 'adjustment'""",
)
_EVIDENCE = (
    """evidence IN
            ('reported', 'counted', 'estimated', 'partial', 'invalid', 'none')""",
    """evidence = 'reported' OR evidence = 'counted' OR evidence = 'estimated'
            OR evidence = 'partial' OR evidence = 'invalid' OR evidence = 'none'""",
)


def _reworded(table: str, old: str, new: str) -> str:
    old, new = (words.replace("'", "''") for words in (old, new))
    return f"""
        UPDATE sqlite_schema SET sql = replace(sql, 'CHECK ({old})', 'CHECK ({new})')
        WHERE type = 'table' AND name = '{table}'
    """


STATEMENTS = (
    "PRAGMA writable_schema = ON",
    _reworded("hold", *_STATE),
    _reworded("transfer", *_CODE),
    _reworded("usage", *_EVIDENCE),
    "PRAGMA writable_schema = RESET",
)
