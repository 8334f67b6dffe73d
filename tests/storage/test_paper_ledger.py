"""Thousands of random verbs, told to the ledger and to one on paper.

Each batch of verbs is one transaction, as under load. After each batch the answers and
the counters are compared and the audit must find nothing. The seed is the test's name:
a failure repeats.
"""

import random
from dataclasses import replace

import pytest

from storage import ledger
from storage.accounts import set_account_status
from storage.errors import IllegalMove
from storage.keys import Caps, add_key, mint, revoke_key, set_caps
from storage.replays import KeptAnswer, NotKept, Replayed, ReplayKey
from tests.storage.paper_ledger import ILLEGAL, PaperKey, PaperLedger
from tests.storage.teller import PRICE, USED, settlement

BATCHES = 160
AUDIT_EVERY = 5
ACCOUNTS = 3
# Each is a story of its own that meets every kind of answer; CI tells them all.
MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 8)]
SEEDS = [*range(3), *MORE]
KINDS = (
    "Granted Insufficient Blocked RateLimited/rpm RateLimited/tpm "
    "RateLimited/concurrency Oversized OverBudget/total OverBudget/month "
    "OverBudget/day Extended Closed InFlight Replayed NotKept KeyReused Settled Voided "
    "Created Exists Excessive Adjusted IllegalMove"
).split()


def told(db, call):
    """A verb's answer as the paper writes it; a refused move leaves nothing."""
    db.sql("SAVEPOINT told")
    try:
        answer = plain(call(db))
    except IllegalMove:
        db.sql("ROLLBACK TO told")
        answer = ILLEGAL
    db.sql("RELEASE told")
    return answer


def plain(answer):
    name = type(answer).__name__
    match answer:
        case ledger.Granted(_, available, rate):
            return (
                name,
                available,
                rate.requests_remaining,
                rate.tokens_remaining,
                rate.reset_seconds,
            )
        case None | ledger.Closed() | ledger.Exists():
            return (name,)
        case bool():
            return (name, answer)
        case ledger.Created(_, available):
            return (name, available)
        case NotKept(first):
            return (name, first)
        case Replayed(first, answer, paid):
            return (name, first, paid, answer.body)
        case ledger.Adjusted(_, amount, shortfall, available):
            return (name, amount, shortfall, available)
    return (name, *[getattr(answer, field) for field in answer.__slots__])


class Story:
    """Draws verbs; each is a call for the ledger and the paper's answer."""

    def __init__(self, seed, teller, clock):
        self.draw = random.Random(seed)
        self.teller = teller
        self.clock = clock
        self.paper = PaperLedger()
        self.holds = 0
        self.accounts = []
        for number in range(ACCOUNTS):
            self.join(teller.caller(1000, f"user{number}@example.com"))

    def join(self, caller):
        account_id = caller.account_id
        self.accounts.append(account_id)
        self.paper.posted[account_id] = 1000
        self.paper.status[account_id] = "open"
        self.paper.keys[caller.key_id] = PaperKey(account_id)
        for _ in range(2):
            self.add_key(account_id)

    def add_key(self, account_id):
        key = mint(self.teller.storage.secrets)
        key_id = self.teller.do(add_key, account_id, key, "", False)
        self.paper.keys[key_id] = PaperKey(account_id)

    def hold_id(self):
        """Mostly one of the newest, so that states are met while they are fresh."""
        number = max(0, self.holds - self.draw.randrange(12))
        return f"r{number}"

    def step(self):
        verbs = [
            (self.admit, 40),
            (self.settle, 20),
            (self.void, 8),
            (self.extend, 8),
            (self.topup, 8),
            (self.promo, 4),
            (self.refund, 8),
            (self.adjust, 5),
            (self.cap, 3),
            (self.block, 2),
            (self.revoke, 1),
            (self.wait, 6),
        ]
        (verb,) = self.draw.choices(*zip(*verbs, strict=True))
        return verb()

    def admit(self):
        draw = self.draw
        if draw.random() < 0.9:
            self.holds += 1
        key_id, key = draw.choice(list(self.paper.keys.items()))
        account = key.account if draw.random() < 0.97 else draw.choice(self.accounts)
        ask = ledger.Admission(
            f"r{self.holds}",
            account,
            key_id,
            draw.choice([1, 7, 50, 300, 900]),
            PRICE.id,
            "gpt-4o",
            draw.choice([0, 5, 40, 70]),
            draw.choice([0, 2, 4, 10]),
            draw.choice([0, 50, 80, 200]),
            draw.choice([0, 2, 5]),
            self.name(),
        )
        answer = self.paper.admit(
            self.clock.wall_ns(),
            ask.hold_id,
            account,
            key_id,
            ask.amount_nano,
            ask.tokens,
            ask.rpm,
            ask.tpm,
            ask.concurrency,
            ask.replay and (ask.replay.name, ask.replay.fingerprint),
        )
        return lambda db: ledger.admit(db, ask), answer

    def name(self):
        """Few names, so that they meet each other; most requests have none."""
        if self.draw.random() < 0.5:
            return None
        asked = self.draw.choice([b"this", b"this", b"this", b"that"])
        return ReplayKey(f"n{self.draw.randrange(9)}", asked)

    def settle(self):
        hold_id, cost = self.hold_id(), self.draw.choice([0, 1, 6, 50, 400])
        tokens = self.draw.choice([0, 3, 50])
        record = replace(USED, tokens=tokens)
        final = settlement(hold_id, cost, record)
        kept = self.draw.random() < 0.5
        if kept:
            final = replace(final, answer=written)
        return (
            lambda db: ledger.settle(db, final),
            self.paper.settle(self.clock.wall_ns(), hold_id, cost, tokens, kept),
        )

    def void(self):
        hold_id = self.hold_id()
        return lambda db: ledger.void(db, hold_id, "x", None), self.paper.void(hold_id)

    def extend(self):
        hold_id, extra = self.hold_id(), self.draw.choice([1, 20, 500])
        return (
            lambda db: ledger.extend(db, hold_id, extra),
            self.paper.extend(self.clock.wall_ns(), hold_id, extra),
        )

    def topup(self):
        return self.credit("topup", lambda *call: ledger.topup(*call[:3], "p", call[3]))

    def promo(self):
        return self.credit("promo", ledger.promo)

    def credit(self, kind, verb):
        account, amount = self.draw.choice(self.accounts), self.draw.choice([5, 300])
        ref = str(self.draw.randrange(150))
        return (
            lambda db: verb(db, account, amount, ref),
            self.paper.credit((kind, ref), account, amount),
        )

    def refund(self):
        """Of something that moved, or of something that never was."""
        known = [*self.paper.moved, "usage:nothing"]
        original, amount = self.draw.choice(known), self.draw.choice([1, 5, 40])
        ref = str(self.draw.randrange(300))
        decision = ledger.Decision(ref, "why", "who")
        return (
            lambda db: ledger.refund(db, booked(original), amount, decision),
            self.paper.refund(f"refund {ref}", original, amount),
        )

    def adjust(self):
        account = self.draw.choice(self.accounts)
        amount = self.draw.choice([-300, -30, -1, 2, 90])
        ref = str(self.draw.randrange(200))
        decision = ledger.Decision(ref, "why", "who")
        return (
            lambda db: ledger.adjust(db, account, amount, decision),
            self.paper.adjust(f"adjust {ref}", account, amount),
        )

    def cap(self):
        key_id = self.draw.choice(list(self.paper.keys))
        if self.paper.keys[key_id].status == "revoked":
            return None
        # One at a time and from what is spent by now, so that each is met.
        spent = sum(paid for _, paid in self.paper.keys[key_id].spent)
        caps = [None, None, None]
        caps[self.draw.randrange(3)] = self.draw.choice([None, 60, spent + 60])
        total, month, day = caps
        self.paper.keys[key_id].caps = (total, month, day)
        caps = Caps(total, day, month)
        return lambda db: set_caps(db, key_id, caps) and None, ("NoneType",)

    def block(self):
        account = self.draw.choice(self.accounts)
        status = self.draw.choice(["open", "open", "blocked"])
        self.paper.status[account] = status
        return lambda db: set_account_status(db, account, status), ("NoneType",)

    def revoke(self):
        """A key goes; another comes with the next batch."""
        key_id = self.draw.choice(list(self.paper.keys))
        again = self.paper.keys[key_id].status == "revoked"
        self.paper.keys[key_id].status = "revoked"
        return lambda db: revoke_key(db, key_id), ("bool", not again)

    def wait(self):
        """Time is the same for a whole batch, so it passes between batches."""
        return None


def written(paid):
    return KeptAnswer(200, "text/plain", b"%d" % paid)


def booked(original):
    """The ledger's name of what the paper calls topup:7: it was by the provider p."""
    kind, _, rest = original.partition(":")
    return f"topup:p:{rest}" if kind == "topup" else original


def kind_of(answer):
    named = answer[0] in ("RateLimited", "OverBudget")
    return "/".join(answer[:2]) if named else answer[0]


def compare(teller, paper):
    rows = teller.sql(
        "SELECT id, credits_posted - debits_posted, debits_pending, kind FROM account"
    )
    balances = {
        account: (posted, posted - pending)
        for account, posted, pending, kind in rows
        if kind == "user"
    }
    assert balances == {
        account: (posted, paper.available(account))
        for account, posted in paper.posted.items()
    }
    assert teller.house("revenue") == paper.revenue
    assert teller.house("shortfall") == -paper.shortfall
    assert teller.house("adjustment") == paper.adjusted
    assert (teller.house("payable"), teller.house("cost")) == (
        paper.bought,
        -paper.bought,
    )
    keys = teller.sql("SELECT id, window_tokens, open_holds FROM key ORDER BY id")
    assert keys == [
        (key_id, key.tokens, paper.running(key_id))
        for key_id, key in sorted(paper.keys.items())
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ledger_agrees_with_the_one_on_paper(teller, clock, seed):
    story = Story(seed, teller, clock)
    kinds = set()
    for number in range(BATCHES):
        steps = [story.step() for _ in range(story.draw.randrange(1, 60))]
        steps = [step for step in steps if step is not None]
        answers = teller.do(
            lambda db, calls: [told(db, call) for call in calls],
            [call for call, _ in steps],
        )
        assert answers == [answer for _, answer in steps]
        kinds.update(kind_of(answer) for answer in answers)
        compare(teller, story.paper)
        if number % AUDIT_EVERY == 0:
            assert teller.audit() == []
        clock.advance(story.draw.choice([0, 0, 1, 20, 61]))
        clock.jump(story.draw.choice([0, 0, 0, 0, -3600, 86400]))
        if story.draw.random() < 0.3:
            story.add_key(story.draw.choice(story.accounts))
    # A story in which nothing happened would agree with everything.
    assert set(KINDS) <= kinds
