"""Customers: what people do with a gateway, and what they hold in their hands after.

Each is a thread with one connection that buys one thing after the other until the
gateway is gone. A receipt is written only for an answer that was read to its end: whole
answers by their length, streams by their [DONE]. What was asked and never answered is
in doubt, and is remembered as such.
"""

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import httpx

from config.money import dollars, parse_nano
from storage import Storage
from storage.ledger import Created, topup
from storage.vouchers import code_hash
from tests.scenarios.child import Child
from tests.scenarios.dial import Dial, Reply, chat, request

PASSWORD = "password"
CHARGE = "/api/user.php?action=charge"
DONE = "[DONE]"
# By hand, in nano-dollars a token: $2.50 and $10.00 a million, $0.15 and $0.60.
RATES = {"gpt-4o": (2500, 10_000), "gpt-4o-mini": (150, 600)}
VIDEO_NANO = 150_000_000
TEST_NANO = 10_000_000
GENERATIONS = "/api/v1/videos/generations"

CHAT, STREAM, VOUCHER, TEST, VERB = "chat", "stream", "voucher", "test money", "verb"
# A video that is waited for, and one that is not: its receipt is the order's.
VIDEO, ORDER = "video", "order"
KINDS = {CHAT: 40, STREAM: 35, VOUCHER: 10, TEST: 10, VERB: 5, VIDEO: 5, ORDER: 5}


@dataclass(frozen=True, slots=True)
class User:
    account_id: int
    key: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """An answer that somebody has: of a request, of a transfer of money in, or of the
    order of a video, which nobody has paid yet."""

    kind: str
    account_id: int
    id: str
    nano: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was asked; no two top-ups are of the same amount, so it names itself."""

    kind: str
    account_id: int
    nano: int = 0
    code: str = ""

    @property
    def voucher_id(self) -> str:
        return f"topup:voucher:{code_hash(self.code).hex()}"


@dataclass
class Counter:
    """The shop's till roll: receipts, doubts, and vouchers that are for sale."""

    receipts: list[Receipt] = field(default_factory=list)
    doubts: list[Attempt] = field(default_factory=list)
    spent: list[Attempt] = field(default_factory=list)
    vouchers: SimpleQueue[Attempt] = field(default_factory=SimpleQueue)
    changed: threading.Condition = field(default_factory=threading.Condition)
    serial: int = 0

    def take(self, receipt: Receipt) -> None:
        with self.changed:
            self.receipts.append(receipt)
            self.changed.notify_all()

    def number(self) -> int:
        with self.changed:
            self.serial += 1
            return self.serial

    def wait_for(self, count: int, seconds: float) -> None:
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.receipts) >= count, seconds):
                raise TimeoutError(f"{len(self.receipts)} of {count} receipts came")


class Customer(threading.Thread):
    def __init__(
        self,
        port: int,
        user: User,
        counter: Counter,
        beside: Storage,
        dice: random.Random,
    ) -> None:
        super().__init__(daemon=True)
        self.port, self.user, self.counter = port, user, counter
        self.beside, self.dice = beside, dice
        self.attempt: Attempt | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with suppress(OSError, EOFError), Dial(self.port) as dial:
                while True:
                    self.buy(dial)
        except BaseException as failure:
            self.failure = failure
        if self.attempt is not None:
            self.counter.doubts.append(self.attempt)

    def buy(self, dial: Dial) -> None:
        (kind,) = self.dice.choices(list(KINDS), list(KINDS.values()))
        receipt = ACTIONS[kind](self, dial)
        self.attempt = None
        if receipt is not None:
            self.counter.take(receipt)

    def buy_chat(self, dial: Dial) -> Receipt:
        return self.answer(CHAT, dial, stream=False)

    def buy_stream(self, dial: Dial) -> Receipt:
        return self.answer(STREAM, dial, stream=True)

    def answer(self, kind: str, dial: Dial, stream: bool) -> Receipt:
        model = self.dice.choice(list(RATES))
        words = "word " * self.dice.randint(1, 40)
        self.attempt = Attempt(kind, self.user.account_id)
        reply = dial.ask(
            chat(
                self.user.key,
                model=model,
                messages=[{"role": "user", "content": words}],
                stream=stream,
                max_tokens=100,
            )
        )
        assert reply.status == 200, reply
        if stream:
            assert reply.events[-1] == DONE, reply
        usage = reply.events[-2]["usage"] if stream else reply.json["usage"]
        told = f'"cost":{dollars(rated(model, usage))}}}'
        assert told in reply.body.decode(), (told, reply)
        id = reply.headers["x-request-id"]
        return Receipt(kind, self.user.account_id, id, rated(model, usage))

    def buy_video(self, dial: Dial) -> Receipt | None:
        """Waits for it."""
        self.attempt = Attempt(VIDEO, self.user.account_id)
        reply = self.film(dial)
        if reply.status == 502:
            # The worker that submitted it was killed: it is free, and there is none.
            assert reply.error["code"] == "submission_lost", reply
            self.counter.doubts.append(self.attempt)
        if reply.status in (429, 502):
            return None
        assert (reply.status, reply.json["status"]) == (200, "completed"), reply
        told = f'"cost":{dollars(VIDEO_NANO)}}}'
        assert told in reply.body.decode(), (told, reply)
        id = reply.headers["x-request-id"]
        return Receipt(VIDEO, self.user.account_id, id, VIDEO_NANO)

    def order_video(self, dial: Dial) -> Receipt | None:
        self.attempt = Attempt(ORDER, self.user.account_id)
        reply = self.film(dial, **{"async": True})
        if reply.status == 429:
            return None
        assert (reply.status, reply.json["status"]) == (202, "queued"), reply
        return Receipt(ORDER, self.user.account_id, reply.json["id"], 0)

    def film(self, dial: Dial, **fields: bool) -> Reply:
        """No two of them ask for the same; 429 says that too many are unfinished."""
        asked = {"model": "gen-2", "prompt": f"made {self.counter.number()}", **fields}
        headers = {"Authorization": f"Bearer {self.user.key}", "Host": "gateway.test"}
        body = json.dumps(asked).encode()
        return dial.ask(request("POST", GENERATIONS, body, headers))

    def buy_voucher(self, dial: Dial) -> Receipt | None:
        try:
            one = self.counter.vouchers.get_nowait()
        except Empty:
            return None
        self.attempt = Attempt(VOUCHER, self.user.account_id, one.nano, one.code)
        reply = self.charge(dial, method="voucher", code=one.code)
        if reply.status == 409:
            # Somebody tried before the last crash, and it had happened.
            self.counter.spent.append(one)
            return None
        return self.credited(VOUCHER, one.nano, reply)

    def buy_test_money(self, dial: Dial) -> Receipt:
        nano = TEST_NANO + self.counter.number()
        self.attempt = Attempt(TEST, self.user.account_id, nano)
        reply = self.charge(dial, method="test", amount=dollars(nano))
        return self.credited(TEST, nano, reply)

    def pay_by_verb(self, dial: Dial) -> Receipt:
        """Not through the gateway: another process writes the same file."""
        nano = self.counter.number()
        account_id = self.user.account_id
        self.attempt = Attempt(VERB, account_id, nano)
        made = self.beside.writer.wait(topup, account_id, nano, "verb", str(nano))
        assert isinstance(made, Created)
        return Receipt(VERB, account_id, made.transfer_id, nano)

    def charge(self, dial: Dial, **fields: str) -> Reply:
        headers = {"Cookie": self.user.cookie, "Content-Type": "application/json"}
        return dial.ask(request("POST", CHARGE, json.dumps(fields).encode(), headers))

    def credited(self, kind: str, nano: int, reply: Reply) -> Receipt:
        assert reply.status == 200 and reply.json["success"] is True, reply
        data = reply.json["data"]
        assert parse_nano(data["amount_exact"]) == nano
        return Receipt(kind, self.user.account_id, data["transaction_id"], nano)


ACTIONS: dict[str, Callable[[Customer, Dial], Receipt | None]] = {
    CHAT: Customer.buy_chat,
    STREAM: Customer.buy_stream,
    VOUCHER: Customer.buy_voucher,
    TEST: Customer.buy_test_money,
    VERB: Customer.pay_by_verb,
    VIDEO: Customer.buy_video,
    ORDER: Customer.order_video,
}


def rated(model: str, usage: dict[str, int]) -> int:
    """What this must cost, computed from nothing but the answer."""
    input_nano, output_nano = RATES[model]
    return (
        usage["prompt_tokens"] * input_nano + usage["completion_tokens"] * output_nano
    )


def sign_up(child: Child, beside: Storage, number: int) -> User:
    """A user with a session that outlives the gateway."""
    who = {"email": f"customer{number}@example.com", "password": PASSWORD}
    with child.visitor() as visitor:
        made = visitor.post("/api/auth.php?action=register", json=who)
        key = made.raise_for_status().json()["data"]["user"]["api_key"]
        visitor.post("/api/auth.php?action=login", json=who).raise_for_status()
        cookie = cookie_of(visitor)
    found = beside.reader.user_by_email(who["email"])
    assert found is not None
    return User(found.account_id, key, cookie)


def cookie_of(visitor: httpx.Client) -> str:
    return "; ".join(f"{one.name}={one.value}" for one in visitor.cookies.jar)
