"""Two months of one person's life with the gateway, charged through the ledger's verbs
at the prices in force: receipts, sums and balances all follow."""

import random
from dataclasses import dataclass

from config import Settings
from config.money import charge_nano_rounded_up, parse_nano
from config.prices import buy_pico, sell_pico
from storage import Storage
from storage.keys import DEFAULT_TERMS, create_key, mint
from storage.ledger import (
    Admission,
    Granted,
    Settlement,
    UsageRecord,
    admit,
    settle,
    topup,
    void,
)
from storage.trail import AttemptRecord
from tests.fakes.clock import FakeClock

DAYS = 60
DAY_SECONDS = 86_400
TOPUP_DAYS = 15
# Model, provider, provider's name of it, how often.
MODELS = (
    ("gpt-4o", "openai", "gpt-4o", 6),
    ("gpt-4o-mini", "openai", "gpt-4o-mini", 9),
    ("claude-3.5-sonnet", "anthropic", "claude-sonnet-4-5", 5),
    ("deepseek-v3", "deepseek", "deepseek-chat", 7),
    ("stable-diffusion", "stability", "sd3.5-large", 2),
    ("gen-2", "runway", "gen4.5", 1),
)
# Outcome, status, how often.
ENDS = (
    ("complete", 200, 95),
    ("client_left_midstream", 200, 2),
    ("upstream_timeout", 504, 2),
    ("rate_limit_exceeded", 429, 1),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to come."""

    model: str
    provider: str
    upstream_model: str
    quantities: dict[str, int]
    outcome: str = "complete"
    status: int = 200
    total_ms: int = 1204

    @classmethod
    def small(cls) -> "Call":
        quantities = {"cache_read": 4, "input": 1200, "output": 5}
        return cls("gpt-4o", "openai", "gpt-4o", quantities)


def live(
    storage: Storage,
    settings: Settings,
    clock: FakeClock,
    user_id: str,
    days: int = DAYS,
    calls_max: int = 18,
) -> None:
    """A second key, and days of calls until now: the clock is moved by them."""
    dice = random.Random(20261123)
    user = storage.reader.user(user_id)
    assert user is not None
    other = mint(storage.secrets)
    label = "nightly-batch"
    storage.writer.wait(create_key, user.account_id, other, label, DEFAULT_TERMS)
    key_ids = [key.id for key in storage.reader.keys(user.account_id)]
    for day in range(days):
        if day % TOPUP_DAYS == 0:
            money = parse_nano("25.00")
            storage.writer.wait(topup, user.account_id, money, "stripe", f"pi_{day}")
        weekend = day % 7 in (5, 6)
        calls = dice.randint(2, 5) if weekend else dice.randint(6, calls_max)
        for _ in range(calls):
            clock.advance(DAY_SECONDS // (calls + 1))
            key_id = dice.choice(key_ids)
            call(storage, settings, user.account_id, thrown(dice), key_id)
        clock.advance(DAY_SECONDS // (calls + 1))


def thrown(dice: random.Random) -> Call:
    (model, provider, upstream_model, _), = dice.choices(
        MODELS, [often for *_, often in MODELS]
    )
    (outcome, status, _), = dice.choices(ENDS, [often for *_, often in ENDS])
    quantities = {
        "cache_read": dice.choice((0, 0, 1024, 4096)),
        "input": dice.randint(40, 6000),
        "output": dice.randint(20, 2400),
    }
    if model == "stable-diffusion":
        quantities = {"image": dice.choice((1, 1, 2, 4))}
    if model == "gen-2":
        quantities = {"generation": 1, "second": 10}
    total_ms = dice.randint(400, 14_000)
    if status != 200:
        quantities = {}
    return Call(
        model, provider, upstream_model, quantities, outcome, status, total_ms
    )


def call(
    storage: Storage,
    settings: Settings,
    account_id: int,
    ask: Call,
    key_id: int | None = None,
) -> str:
    """Held and charged, by the default key if no other is named; its request id."""
    if key_id is None:
        default = storage.reader.default_key(account_id)
        assert default is not None
        key_id = default[0].id
    price = settings.prices.at(ask.model, storage.clock.wall_ns())
    assert price is not None
    pico, buy = sell_pico(price, ask.quantities), buy_pico(price, ask.quantities)
    nano = charge_nano_rounded_up(pico)
    hold_id = storage.ids.make("req")
    tokens = sum(
        ask.quantities.get(meter, 0) for meter in ("cache_read", "input", "output")
    )
    admission = Admission(
        hold_id, account_id, key_id, 2 * nano + 1, price.id, ask.model, tokens, 0, 0, 0
    )
    assert isinstance(storage.writer.wait(admit, admission), Granted)
    record = UsageRecord(
        model=ask.model,
        provider=ask.provider,
        upstream_model=ask.upstream_model,
        evidence=evidence(ask),
        quantities=ask.quantities,
        outcome=ask.outcome,
        status=ask.status,
        attempts=1,
        first_byte_ms=ask.total_ms // 5 if ask.status == 200 else None,
        total_ms=ask.total_ms,
        tokens=tokens,
        stream=bool(tokens),
        upstream_id=f"up-{hold_id[-8:]}",
        finish="stop" if ask.outcome == "complete" else "",
        trail=(
            AttemptRecord(
                ask.provider,
                ask.upstream_model,
                ask.outcome,
                ask.status,
                3,
                ask.total_ms - 5,
            ),
        ),
    )
    if ask.status != 200:
        storage.writer.wait(void, hold_id, ask.outcome, record)
    else:
        settlement = Settlement(
            hold_id, nano, pico, record, charge_nano_rounded_up(buy), buy
        )
        storage.writer.wait(settle, settlement)
    return hold_id


def evidence(ask: Call) -> str:
    if ask.status != 200:
        return "none"
    return "reported" if ask.outcome == "complete" else "partial"
