"""What is in a ledger, read while no gateway serves from it, or beside one."""

import json
from dataclasses import dataclass
from pathlib import Path

from storage import engine_at
from storage.audit import audit
from storage.job_states import LIVE, JobState

TOPUPS = "SELECT id, account_id, amount_nano FROM transfer WHERE code = 'topup'"
AVAILABLE = """
    SELECT id, credits_posted - debits_posted - debits_pending
    FROM account WHERE kind = 'user'
"""


@dataclass(frozen=True, slots=True)
class Charge:
    account_id: int
    paid_nano: int
    shortfall_nano: int
    evidence: str
    outcome: str
    stream: int


@dataclass(frozen=True, slots=True)
class Film:
    """A video that was ordered: by whom, how, and how far it is."""

    id: str
    account_id: int
    state: str
    prompt: str
    waits: bool

    @property
    def live(self) -> bool:
        return JobState(self.state) in LIVE


@dataclass(frozen=True, slots=True)
class Books:
    """Holds by state, what each request was charged, what came in, what is left; and
    the videos, by the requests that ordered them."""

    holds: dict[str, str]
    charges: dict[str, Charge]
    topups: dict[str, tuple[int, int]]
    available: dict[int, int]
    films: dict[str, Film]

    def in_state(self, state: str) -> set[str]:
        return {id for id, found in self.holds.items() if found == state}

    def paid_nano(self, account_id: int) -> int:
        mine = [one for one in self.charges.values() if one.account_id == account_id]
        return sum(one.paid_nano for one in mine)


def film(id: str, account_id: int, state: str, ask: str) -> Film:
    told = json.loads(ask)
    return Film(id, account_id, state, told["prompt"], told["waits"])


def read(data: Path, proved: bool = False, url: str = "") -> Books:
    """The books, which add up: nobody is below zero, whatever happened. `proved` says
    that somebody has just found them so."""
    with engine_at(data, url).snapshot() as snapshot:
        assert proved or audit(snapshot) == []
        charges = snapshot.rows(
            "SELECT request_id, account_id, paid_nano, shortfall_nano, evidence,"
            " outcome, stream FROM usage"
        )
        films = snapshot.rows("SELECT request_id, id, account_id, state, ask FROM job")
        books = Books(
            dict(snapshot.rows("SELECT id, state FROM hold")),
            {id: Charge(*charge) for id, *charge in charges},
            {id: (who, nano) for id, who, nano in snapshot.rows(TOPUPS)},
            dict(snapshot.rows(AVAILABLE)),
            {request_id: film(*row) for request_id, *row in films},
        )
    assert min(books.available.values(), default=0) >= 0
    return books
