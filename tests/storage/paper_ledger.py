"""The ledger on paper: the same promises in plain dictionaries.

Written from the ledger's description and not from its code, with none of its means: no
SQL, no counters kept beside the rows they count. Where the two differ one of them is
wrong. Answers are tuples that begin with the name of the real answer.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

WINDOW_NS = 60 * 10**9
DAY_NS = 86_400 * 10**9
FORGOTTEN_WITH_EACH = 4
ILLEGAL = ("IllegalMove",)
CAPS = ("total", "month", "day")


@dataclass
class PaperHold:
    ask: tuple
    account: int
    key: int
    amount: int
    tokens: int
    window: int
    state: str = "open"
    charged: tuple | None = None


@dataclass
class PaperKey:
    account: int
    status: str = "active"
    window: int = 0
    requests: int = 0
    tokens: int = 0
    caps: tuple = (None, None, None)
    spent: list = field(default_factory=list)


@dataclass
class PaperName:
    asked: bytes
    first: str
    opened: int
    answer: tuple | None = None


@dataclass
class PaperLedger:
    posted: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    holds: dict = field(default_factory=dict)
    booked: dict = field(default_factory=dict)
    moved: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    revenue: int = 0
    shortfall: int = 0
    adjusted: int = 0
    bought: int = 0

    def available(self, account):
        opened = [h for h in self.holds.values() if h.state == "open"]
        held = sum(h.amount for h in opened if h.account == account)
        return self.posted[account] - held

    def running(self, key):
        return sum(h.key == key and h.state == "open" for h in self.holds.values())

    def admit(
        self, now, hold_id, account, key, amount, tokens, rpm, tpm, most, named=None
    ):
        ask = (account, key, amount, tokens)
        hold = self.holds.get(hold_id)
        if hold is not None:
            if hold.state != "open" or hold.ask != ask:
                return ILLEGAL
            return self.granted(now, account, key, rpm, tpm)
        earlier = named and self.earlier(now, account, key, *named)
        if earlier:
            return earlier
        if self.status[account] != "open":
            return ("Blocked", "account")
        if self.available(account) < amount:
            return ("Insufficient", amount, self.available(account))
        it = self.keys[key]
        if it.account != account:
            return ILLEGAL
        if it.status != "active":
            return ("Blocked", "key")
        if tpm and tokens > tpm:
            return ("Oversized", tokens, tpm)
        over = self.over(now, key, amount)
        if over:
            return over
        if not 0 <= now - it.window < WINDOW_NS:
            window, requests, used = now, 0, 0
        else:
            window, requests, used = it.window, it.requests, it.tokens
        if rpm and requests + 1 > rpm:
            return ("RateLimited", "rpm", left(now, window))
        if tpm and used + tokens > tpm:
            return ("RateLimited", "tpm", left(now, window))
        if most and self.running(key) + 1 > most:
            return ("RateLimited", "concurrency", 1)
        it.window, it.requests, it.tokens = window, requests + 1, used + tokens
        self.holds[hold_id] = PaperHold(ask, account, key, amount, tokens, window)
        if named:
            self.names[account, named[0]] = PaperName(named[1], hold_id, now)
            self.forget(now)
        return self.granted(now, account, key, rpm, tpm)

    def earlier(self, now, account, key, name, asked):
        """What became of the first with this name; None if this one is the first."""
        found = self.names.get((account, name))
        if found is None:
            return None
        hold = self.holds[found.first]
        over = hold.charged is None or now - found.opened >= DAY_NS
        if hold.state != "open" and over:
            return None
        if self.status[account] != "open":
            return ("Blocked", "account")
        if self.keys[key].account != account:
            return ILLEGAL
        if self.keys[key].status != "active":
            return ("Blocked", "key")
        if found.asked != asked:
            return ("KeyReused", found.first)
        if hold.state == "open":
            return ("InFlight", found.first)
        if found.answer is None:
            return ("NotKept", found.first)
        return ("Replayed", found.first, *found.answer)

    def forget(self, now):
        """The oldest few of those whose day is over; not what still runs."""
        old = sorted(
            (one.opened, *where)
            for where, one in self.names.items()
            if now - one.opened >= DAY_NS and self.holds[one.first].state != "open"
        )
        for _, *where in old[:FORGOTTEN_WITH_EACH]:
            del self.names[tuple(where)]

    def over(self, now, key, amount):
        """Total, month and day; what is held counts in each, and the least decides."""
        it, moment = self.keys[key], date_of(now)
        opened = [h for h in self.holds.values() if h.state == "open"]
        held = sum(h.amount for h in opened if h.key == key)
        spans = (lambda d: True, lambda d: d[:2] == moment[:2], lambda d: d == moment)
        found = []
        for name, cap, within in zip(CAPS, it.caps, spans, strict=True):
            spent = sum(paid for day, paid in it.spent if within(day))
            if cap is not None and spent + held + amount > cap:
                found.append(("OverBudget", name, amount, max(0, cap - spent - held)))
        return min(found, key=lambda refusal: refusal[3], default=None)

    def granted(self, now, account, key, rpm, tpm):
        it = self.keys[key]
        requests = max(0, rpm - it.requests) if rpm else None
        tokens = max(0, tpm - it.tokens) if tpm else None
        seconds = left(now, it.window)
        return ("Granted", self.available(account), requests, tokens, seconds)

    def extend(self, now, hold_id, extra):
        hold = self.holds.get(hold_id)
        if hold is None:
            return ILLEGAL
        if hold.state != "open":
            return ("Closed",)
        free = self.available(hold.account)
        if self.status[hold.account] != "open" or free < extra:
            return ("Insufficient", extra, free)
        over = self.over(now, hold.key, extra)
        if over:
            return over
        hold.amount += extra
        return ("Extended", hold.amount, free - extra)

    def settle(self, now, hold_id, cost, tokens, kept=False):
        hold = self.holds.get(hold_id)
        if hold is None:
            return ILLEGAL
        if hold.charged is None:
            code = "usage" if hold.state == "open" else "late"
            if hold.state == "open":
                self.leave(hold, "settled", tokens)
            paid = min(cost, self.available(hold.account))
            hold.charged = (paid, cost - paid)
            self.posted[hold.account] -= paid
            for one in self.names.values():
                if one.first == hold_id and kept:
                    one.answer = (paid, b"%d" % paid)
            self.revenue += cost
            self.bought += cost
            self.shortfall += cost - paid
            self.keys[hold.key].spent.append((date_of(now), paid))
            self.moved[f"{code}:{hold_id}"] = [hold.account, paid, -1]
        return ("Settled", *hold.charged, self.available(hold.account))

    def void(self, hold_id):
        hold = self.holds.get(hold_id)
        if hold is None or hold.state == "settled":
            return ILLEGAL
        if hold.state == "open":
            self.leave(hold, "voided", 0)
        return ("Voided", self.available(hold.account))

    def leave(self, hold, state, tokens):
        hold.state = state
        it = self.keys[hold.key]
        if it.window == hold.window:
            it.tokens = max(0, it.tokens + tokens - hold.tokens)

    def credit(self, cause, account, amount):
        if cause in self.booked:
            return ("Exists",) if self.booked[cause] == (account, amount) else ILLEGAL
        self.booked[cause] = (account, amount)
        self.posted[account] += amount
        self.moved[":".join(cause)] = [account, amount, 1]
        return ("Created", self.available(account))

    def refund(self, ref, original, amount):
        """Each original has so much left to give back."""
        if ref in self.booked:
            same = self.booked[ref] == (original, amount)
            return ("Exists",) if same else ILLEGAL
        if original not in self.moved:
            return ILLEGAL
        account, left_over, sign = self.moved[original]
        if amount > left_over:
            return ("Excessive", left_over)
        if sign > 0 and amount > self.available(account):
            return ("Insufficient", amount, self.available(account))
        self.booked[ref] = (original, amount)
        self.moved[original][1] -= amount
        self.posted[account] -= sign * amount
        if sign < 0:
            self.revenue -= amount
        return ("Created", self.available(account))

    def adjust(self, ref, account, amount):
        if ref in self.booked:
            same = self.booked[ref] == (account, amount)
            return ("Exists",) if same else ILLEGAL
        self.booked[ref] = (account, amount)
        moved = max(amount, -self.available(account))
        self.posted[account] += moved
        self.adjusted -= amount
        self.shortfall += moved - amount
        return ("Adjusted", moved, moved - amount, self.available(account))


def date_of(now):
    day = datetime.fromtimestamp(now // 10**9, UTC)
    return day.year, day.month, day.day


def left(now, window):
    return min(60, max(1, -((now - window - WINDOW_NS) // 10**9)))
