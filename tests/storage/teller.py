"""A teller: the ledger's verbs with the fields that a test does not care about."""

from dataclasses import dataclass, replace

import apsw
import psycopg

from config.prices import Price
from storage import Storage
from storage.accounts import NewUser, Registered, register
from storage.audit import Finding, audit
from storage.keys import NewKey, mint
from storage.ledger import (
    Admission,
    Settlement,
    UsageRecord,
    admit,
    extend,
    settle,
    void,
)

NANO = 10**9
REFUSED = (apsw.ConstraintError, psycopg.IntegrityError)
"""What an engine raises that refuses a row."""
# A nano-dollar for each cached token: a test says what a request costs by their number.
RATES = {"input": 0, "cache_read": 1000, "cache_write": 0, "output": 0}
PRICE = Price.of("gpt-4o", 0, RATES, RATES)

USED = UsageRecord(
    model="gpt-4o",
    provider="openai",
    upstream_model="gpt-4o-2024",
    evidence="reported",
    quantities={"input": 12, "output": 34},
    outcome="complete",
    status=200,
    attempts=1,
    first_byte_ms=5,
    total_ms=9,
    tokens=46,
    stream=True,
)


@dataclass(frozen=True, slots=True)
class Caller:
    account_id: int
    key_id: int
    key: NewKey
    user_id: str
    email: str


def ask(caller: Caller, hold_id: str, amount_nano: int, **fields) -> Admission:
    whole = Admission(
        hold_id, caller.account_id, caller.key_id, amount_nano, PRICE.id, "gpt-4o",
        tokens=0, rpm=0, tpm=0, concurrency=0,
    )
    return replace(whole, **fields)


def used(cost_nano: int, record=USED) -> UsageRecord:
    """Usage that is worth this much."""
    cached = {"cache_read": cost_nano} if cost_nano else {}
    return replace(record, quantities={**record.quantities, **cached})


def settlement(hold_id: str, cost_nano: int, record=USED) -> Settlement:
    """It costs us as much as the user."""
    return Settlement(
        hold_id,
        cost_nano,
        cost_nano * 1000,
        used(cost_nano, record),
        cost_nano,
        cost_nano * 1000,
    )


class Teller:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.do = storage.writer.wait

    def caller(self, nano: int = 10 * NANO, email: str = "ada@example.com") -> Caller:
        key = mint(self.storage.secrets)
        user = NewUser(self.storage.ids.uuid(), email, "hash")
        answer = self.do(register, user, key, nano)
        assert isinstance(answer, Registered)
        account_id = answer.user.account_id
        found = self.storage.reader.default_key(account_id)
        assert found is not None
        return Caller(account_id, found[0].id, key, user.user_id, email)

    def admit(self, caller: Caller, hold_id: str, amount_nano: int, **fields):
        return self.do(admit, ask(caller, hold_id, amount_nano, **fields))

    def extend(self, hold_id: str, extra_nano: int):
        return self.do(extend, hold_id, extra_nano)

    def settle(self, hold_id: str, cost_nano: int, record=USED):
        return self.do(settle, settlement(hold_id, cost_nano, record))

    def void(self, hold_id: str, reason: str = "refused", record=None):
        return self.do(void, hold_id, reason, record)

    def sql(self, statement: str, params=()):
        """Any statement, as the writer's own."""
        return self.do(lambda db: db.sql(statement, params))

    def available(self, caller: Caller) -> int:
        return self.storage.reader.balance(caller.account_id).available_nano

    def house(self, owner: str) -> int:
        """What a house account gained; negative for what it gave."""
        ((posted,),) = self.sql(
            "SELECT credits_posted - debits_posted FROM account WHERE owner = ?1",
            (owner,),
        )
        return posted

    def count(self, table: str) -> int:
        return self.sql(f"SELECT count(*) FROM {table}")[0][0]

    def audit(self) -> list[Finding]:
        with self.storage.engine.snapshot() as snapshot:
            return audit(snapshot)
