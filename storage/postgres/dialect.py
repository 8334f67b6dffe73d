"""Dialect: a shared statement in the words of PostgreSQL.

Statements are written with numbered parameters, `?1`; PostgreSQL has `$1` and wants
them without gaps. A statement whose rows nobody can want (no SELECT, no RETURNING) is
known by its first word, so that it need not be waited for.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

STATEMENTS_MAX = 2000
_PARAMETER = re.compile(r"\?(\d+)")
_CHANGE = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b(?!.*\bRETURNING\b)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Translated:
    """`used` are the parameters it takes, in PostgreSQL's order, counted from 0."""

    text: str
    used: tuple[int, ...]
    silent: bool


@lru_cache(STATEMENTS_MAX)
def translate(statement: str) -> Translated:
    numbers = sorted({int(number) for number in _PARAMETER.findall(statement)})
    places = {number: place for place, number in enumerate(numbers, 1)}
    text = _PARAMETER.sub(lambda found: f"${places[int(found[1])]}", statement)
    used = tuple(number - 1 for number in numbers)
    return Translated(text, used, _CHANGE.match(statement) is not None)
