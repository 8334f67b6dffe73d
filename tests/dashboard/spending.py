"""Charges as the gateway makes them, straight through the ledger's verbs."""

from storage import Storage
from storage.ledger import Admission, Granted, Settlement, UsageRecord, admit, settle

MODEL = "gpt-4o"
AMOUNT_NANO = 1_000_000


def spend(
    storage: Storage,
    user_id: str,
    price_id: str,
    cost_nano: int,
    quantities: dict[str, int] | None = None,
    outcome: str = "complete",
) -> str:
    """One finished call of a user; its request id."""
    hold_id = hold(storage, user_id, price_id, max(cost_nano, AMOUNT_NANO))
    record = UsageRecord(
        model=MODEL,
        provider="openai",
        upstream_model=MODEL,
        evidence="reported",
        quantities=quantities or {"input": 12, "output": 34},
        outcome=outcome,
        status=200,
        attempts=1,
        first_byte_ms=5,
        total_ms=9,
        tokens=46,
        stream=False,
    )
    settlement = Settlement(hold_id, cost_nano, cost_nano * 1000, record)
    storage.writer.wait(settle, settlement)
    return hold_id


def hold(storage: Storage, user_id: str, price_id: str, amount_nano: int) -> str:
    """One call that is still running; its request id."""
    user = storage.reader.user(user_id)
    assert user is not None
    default = storage.reader.default_key(user.account_id)
    assert default is not None
    hold_id = storage.ids.make("req")
    granted = storage.writer.wait(
        admit,
        Admission(
            hold_id=hold_id,
            account_id=user.account_id,
            key_id=default[0].id,
            amount_nano=amount_nano,
            price_id=price_id,
            model=MODEL,
            tokens=46,
            rpm=0,
            tpm=0,
            concurrency=0,
        ),
    )
    assert isinstance(granted, Granted)
    return hold_id
