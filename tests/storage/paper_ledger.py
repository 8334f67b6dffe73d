"""The ledger on paper: the same promises in plain dictionaries.

Written from the ledger's description and not from its code, with none of its means: no
SQL, no counters kept beside the rows they count. Where the two differ one of them is
wrong. Answers are tuples that begin with the name of the real answer.
"""

from dataclasses import dataclass, field

WINDOW_NS = 60 * 10**9
ILLEGAL = ("IllegalMove",)


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


@dataclass
class PaperLedger:
    posted: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    holds: dict = field(default_factory=dict)
    booked: dict = field(default_factory=dict)
    revenue: int = 0
    shortfall: int = 0

    def available(self, account):
        opened = [h for h in self.holds.values() if h.state == "open"]
        held = sum(h.amount for h in opened if h.account == account)
        return self.posted[account] - held

    def running(self, key):
        return sum(h.key == key and h.state == "open" for h in self.holds.values())

    def admit(self, now, hold_id, account, key, amount, tokens, rpm, tpm, most):
        ask = (account, key, amount, tokens)
        hold = self.holds.get(hold_id)
        if hold is not None:
            if hold.state != "open" or hold.ask != ask:
                return ILLEGAL
            return self.granted(now, account, key, rpm, tpm)
        if self.status[account] != "open":
            return ("Blocked", "account")
        if self.available(account) < amount:
            return ("Insufficient", amount, self.available(account))
        it = self.keys[key]
        if it.account != account:
            return ILLEGAL
        if it.status != "active":
            return ("Blocked", "key")
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
        return self.granted(now, account, key, rpm, tpm)

    def granted(self, now, account, key, rpm, tpm):
        it = self.keys[key]
        requests = max(0, rpm - it.requests) if rpm else None
        tokens = max(0, tpm - it.tokens) if tpm else None
        seconds = left(now, it.window)
        return ("Granted", self.available(account), requests, tokens, seconds)

    def extend(self, hold_id, extra):
        hold = self.holds.get(hold_id)
        if hold is None:
            return ILLEGAL
        if hold.state != "open":
            return ("Closed",)
        free = self.available(hold.account)
        if self.status[hold.account] != "open" or free < extra:
            return ("Insufficient", extra, free)
        hold.amount += extra
        return ("Extended", hold.amount, free - extra)

    def settle(self, hold_id, cost, tokens):
        hold = self.holds.get(hold_id)
        if hold is None:
            return ILLEGAL
        if hold.charged is None:
            if hold.state == "open":
                self.leave(hold, "settled", tokens)
            paid = min(cost, self.available(hold.account))
            hold.charged = (paid, cost - paid)
            self.posted[hold.account] -= paid
            self.revenue += cost
            self.shortfall += cost - paid
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
        return ("Created", self.available(account))


def left(now, window):
    return min(60, max(1, -((now - window - WINDOW_NS) // 10**9)))
