"""A gateway worth looking at: two people, two months, and something in every list.

Everything in it was done through the ledger's verbs at the prices in force, by a clock
that then stands still: the same pages look the same tomorrow.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from addons.wire.videos import video_of
from config import Settings, load
from config.money import parse_nano
from dashboard.passwords import Passwords
from storage import Storage, open_storage
from storage.accounts import NewUser, Registered, UserRecord, register, set_role
from storage.acts import Act, log_act
from storage.jobs import Job
from storage.keys import KeyRecord, Terms, create_key, mint
from storage.media import MediaStore
from storage.vouchers import create_vouchers, new_code, redeem
from tests.dashboard.history import DAY_SECONDS, DAYS, Call, call, thrown
from tests.fakes.clock import FakeClock
from tests.fakes.studio import LEG, Studio
from tests.scenarios.harness import CONFIG, Gateway
from tests.storage.ordering import Till, new_order, paid

HOST = "ai.example.com"
ADDRESS = f"http://{HOST}"
NOW_NS = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * 10**9
ADA, GRACE = "ada@example.com", "grace@example.com"
PASSWORD = "correct horse"
QUICK_ROUNDS = 4
GRACE_DAYS = 20
QUIET_CALLS = 2
ORDER_DAYS = 15
WEEKEND = (5, 6)
RECENT_CALLS = 24
BATCHES = (("autumn-2026", "10.00", 20, 6), ("workshop", "5.00", 50, 11))
ENVIRON = {
    "AUTOLIST_PUBLIC_URL": ADDRESS,
    "STRIPE_SECRET_KEY": "sk_test_fake",
    "STRIPE_WEBHOOK_SECRET": "whsec_fake",
    "STRIPE_URL": "http://127.0.0.1:9",
    "EPAY_KEY": "epay-key",
    "EPAY_URL": "https://shop.example.com",
    "EPAY_PID": "1001",
}


@dataclass(frozen=True, slots=True)
class Exhibition:
    """Where it is served, and one request that is worth opening."""

    port: int
    request_id: str
    user_id: str


@contextmanager
def exhibition(data: Path) -> Iterator[Exhibition]:
    """Serves from a free port until the block ends; an empty folder to keep it in."""
    settings, clock = load(CONFIG, ENVIRON), FakeClock(NOW_NS - span_ns())
    storage = open_storage(
        data, settings.ledger, clock=clock, gateway=True, prices=settings.prices
    )
    try:
        user, request_id = furnish(storage, settings, clock)
    finally:
        storage.close()
    with Gateway(data, ENVIRON, demo=True, clock=clock) as gateway:
        yield Exhibition(gateway.port, request_id, user.id)


def span_ns() -> int:
    return (DAYS + GRACE_DAYS) * DAY_SECONDS * 10**9


def furnish(
    storage: Storage, settings: Settings, clock: FakeClock
) -> tuple[UserRecord, str]:
    """All that there is to see; the customer, and the last request of theirs."""
    grace = somebody(storage, GRACE)
    storage.writer.wait(set_role, grace.id, "operator")
    ada = somebody(storage, ADA)
    quiet_days(storage, settings, clock, grace)
    busy_days(storage, settings, clock, ada)
    clock.jump((NOW_NS - clock.wall_ns()) / 10**9 - 240)
    vouchers(storage, ada)
    orders(storage, clock, ada)
    videos(storage, settings, clock, ada)
    limited_key(storage, ada)
    visits(storage, clock, grace, ada)
    request_id = recent_calls(storage, settings, clock, ada)
    clock.jump((NOW_NS - clock.wall_ns()) / 10**9)
    return ada, request_id


def quiet_days(
    storage: Storage, settings: Settings, clock: FakeClock, grace: UserRecord
) -> None:
    """A few calls a day, from before the customer's months."""
    dice = random.Random(20260901)
    for _ in range(GRACE_DAYS * QUIET_CALLS):
        clock.advance(DAY_SECONDS / QUIET_CALLS)
        call(storage, settings, grace.account_id, asked(dice))


def busy_days(
    storage: Storage, settings: Settings, clock: FakeClock, ada: UserRecord
) -> None:
    """Two keys, calls every day, and an order whenever money runs out."""
    dice = random.Random(20261123)
    till = till_of(storage)
    other = mint(storage.secrets)
    storage.writer.wait(create_key, ada.account_id, other, "nightly-batch", Terms())
    key_ids = [key.id for key in storage.reader.keys(ada.account_id)]
    for day in range(DAYS):
        if day % ORDER_DAYS == 0:
            name = storage.ids.make("order")
            till.place(new_order(ada, name, parse_nano("25.00")))
            till.hear(paid(name, f"cs_{day}", f"pi_{day}", minor=2500), f"evt_d{day}")
        calls = dice.randint(2, 5) if day % 7 in WEEKEND else dice.randint(6, 18)
        for _ in range(calls):
            clock.advance(DAY_SECONDS / calls)
            key_id = dice.choice(key_ids)
            call(storage, settings, ada.account_id, asked(dice), key_id)


def asked(dice: random.Random) -> Call:
    """Few videos: each costs more than a day of talking."""
    ask = thrown(dice)
    if ask.model == "gen-2" and dice.random() < 0.8:
        return asked(dice)
    return ask


def till_of(storage: Storage) -> Till:
    return Till(SimpleNamespace(do=storage.writer.wait, storage=storage))


def somebody(storage: Storage, email: str) -> UserRecord:
    password = Passwords(QUICK_ROUNDS).hash(PASSWORD)
    new = NewUser(storage.ids.uuid(), email, password)
    key = mint(storage.secrets)
    made = storage.writer.wait(register, new, key, parse_nano("10.00"))
    assert isinstance(made, Registered)
    storage.writer.wait(log_act, Act("registered", made.user.id, made.user.id))
    return made.user


def vouchers(storage: Storage, ada: UserRecord) -> None:
    for batch, amount, count, spent in BATCHES:
        codes = [new_code() for _ in range(count)]
        storage.writer.wait(create_vouchers, codes, parse_nano(amount), batch)
        for code in codes[:spent]:
            storage.writer.wait(redeem, ada.account_id, code)


def orders(storage: Storage, clock: FakeClock, ada: UserRecord) -> None:
    """One that is paid, one that waits, and one of which too little was paid."""
    till = till_of(storage)
    names = []
    for number in range(3):
        clock.advance(1)
        names.append(storage.ids.make("order"))
        till.place(new_order(ada, names[number], parse_nano("20.00")))
    till.hear(paid(names[0], "cs_last", "pi_last", minor=2000))
    till.hear(paid(names[1], "cs_less", "pi_less", minor=1900))


def videos(
    storage: Storage, settings: Settings, clock: FakeClock, ada: UserRecord
) -> None:
    """One that is made, one that failed, and one that is being made."""
    media = MediaStore(
        storage.data / "media", storage.secrets, clock, settings.media
    )
    studio = Studio(storage, media, settings.prices)
    studio.finish(film(storage, settings, studio, clock, ada))
    failing = studio.begin(film(storage, settings, studio, clock, ada))
    studio.fail(failing, "upstream_error", "The provider failed.", 502)
    studio.poll(studio.begin(film(storage, settings, studio, clock, ada), LEG), 40)


def film(
    storage: Storage,
    settings: Settings,
    studio: Studio,
    clock: FakeClock,
    ada: UserRecord,
) -> Job:
    rules = settings.models["gen-2"].videos
    assert rules is not None
    clock.advance(20)
    ask = video_of({"model": "gen-2", "prompt": "海浪拍打沙滩"}).within(rules)
    return studio.order(default_key(storage, ada), ask)


def default_key(storage: Storage, user: UserRecord) -> KeyRecord:
    found = storage.reader.default_key(user.account_id)
    assert found is not None
    return found[0]


def limited_key(storage: Storage, ada: UserRecord) -> None:
    terms = Terms(models=("gpt-4o-mini",), rpm=60)
    key = mint(storage.secrets)
    storage.writer.wait(create_key, ada.account_id, key, "laptop", terms)


def visits(
    storage: Storage, clock: FakeClock, grace: UserRecord, ada: UserRecord
) -> None:
    for user, what in ((ada, "sign_in_failed"), (ada, "signed_in")):
        clock.advance(1)
        act = Act(what, user.id, user.id, user.email, "203.0.113.7")
        storage.writer.wait(log_act, act)
    clock.advance(1)
    details = {"amount": "5.00", "reason": "sorry for Tuesday"}
    act = Act("granted", grace.id, ada.id, ada.email, "198.51.100.4", details)
    storage.writer.wait(log_act, act)


def recent_calls(
    storage: Storage, settings: Settings, clock: FakeClock, ada: UserRecord
) -> str:
    """Enough for the counters of the last minutes; the last one was answered."""
    dice = random.Random(20261120)
    made = ""
    for _ in range(RECENT_CALLS):
        clock.advance(5)
        ask = asked(dice)
        request_id = call(storage, settings, ada.account_id, ask)
        if ask.outcome == "complete" and ask.model.startswith("gpt"):
            made = request_id
    return made
