"""Nobody's secret is where it must not be: in no log and no metric, in no answer to
others, at no provider but its own, in nothing that the inspector is sent or shows, and
in the database only hashed or sealed.

A gateway in a process of its own, as talkative as it can be told to be, is led through
everything that can happen to a request: good answers, refusals, providers that fail in
each way and give our credential back in each word, clients that leave, bytes that are
no HTTP, and all that people do on the web side. Every secret is marked, so it is found
wherever it turns up, also in the usual encodings. The order is drawn by a seed.
"""

import base64
import json
import random
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.fakes.openai_script import (
    DONE,
    MALFORMED,
    Answer,
    End,
    Gate,
    Images,
    Raw,
    Silence,
    Status,
    after,
    error,
    frame,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.stripe_server import Failure, FakeStripe, event, signed
from tests.scenarios.child import LOG, Child, command, prove
from tests.scenarios.dial import CHAT, Dial, chat
from tests.scenarios.harness import CONFIG
from tests.scenarios.looking import Looking, request_id
from tests.scenarios.tap import Tap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EVENT_STREAM = "text/event-stream"
WAIT_SECONDS = 20
LEVEL = 'level: "${AUTOLIST_WEB_LEVEL:-}"'


def encodings(secret: str) -> set[bytes]:
    """The ways in which a text is written down without being hidden."""
    plain = secret.encode()
    # Where in a longer text it begins decides which of three it is in base64.
    shifted = [base64.b64encode(b"\0" * at + plain)[4:-4] for at in range(3)]
    return {plain, quote(secret).encode(), plain.hex().encode(), *shifted}


@dataclass
class Person:
    """Somebody with secrets of their own."""

    name: str
    password: str
    url: str
    key: str = ""
    cookies: set[str] = field(default_factory=set)
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.email = f"{self.name}@example.com"
        self.web = httpx.Client(base_url=self.url, trust_env=False, timeout=60)
        self.web.headers["Origin"] = self.url

    def hear(self, answer: httpx.Response) -> httpx.Response:
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.heard.append(head.encode() + answer.content)
        for name in ("session", "autolist_session"):
            if name in answer.cookies:
                self.cookies.add(answer.cookies[name])
        self.cookies |= set(self.web.cookies.values())
        return answer

    def act(self, place: str, action: str, **fields: Any) -> httpx.Response:
        return self.hear(
            self.web.post(f"/api/{place}.php?action={action}", json=fields)
        )

    def look(self, place: str, action: str, **query: str) -> httpx.Response:
        return self.hear(
            self.web.get(f"/api/{place}.php", params={"action": action, **query})
        )

    def ask(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
        own = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return self.hear(self.web.post(path, json=body, headers=own))


class Lab:
    """The gateway, who talks to it, and the secrets of all."""

    def __init__(
        self,
        directory: Path,
        fake: FakeOpenAI,
        stripe: FakeStripe,
        seed: int,
        shown: Mapping[str, str],
    ) -> None:
        self.dice = random.Random(seed)
        self.fake, self.stripe = fake, stripe
        self.data = directory / "data"
        self.ours = {
            name: self.mark(name)
            for name in ("credential", "stripekey", "webhook", "epaykey", "token")
        }
        fake.api_key, stripe.api_key = self.ours["credential"], self.ours["stripekey"]
        self.prompt, self.film, self.words = map(
            self.mark, ("prompt", "film", "answer")
        )
        self.voucher = ""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.child = Child(
            self.data,
            {
                "AUTOLIST_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "OPENAI_BASE_URL": fake.base_url,
                "OPENAI_API_KEY": self.ours["credential"],
                "STRIPE_SECRET_KEY": self.ours["stripekey"],
                "STRIPE_WEBHOOK_SECRET": self.ours["webhook"],
                "STRIPE_URL": stripe.address,
                "EPAY_KEY": self.ours["epaykey"],
                "EPAY_URL": "https://shop.example.com",
                "EPAY_PID": "1001",
                "AUTOLIST_METRICS_TOKEN": self.ours["token"],
            },
            *("--demo", "--config", str(talkative(directory, shown))),
            *("--web", "--web-port", "0"),
            port=port,
        )

    def mark(self, name: str) -> str:
        """A secret that nobody can mistake, and no pattern of usual ones finds."""
        letters = self.dice.choices("abcdefghijkmnopqrstuvwxyz23456789", k=24)
        return f"{name}{''.join(letters)}"

    def meet(self) -> None:
        self.alice, self.bob = (
            Person(name, self.mark("password"), self.child.url)
            for name in ("alice", "bob")
        )
        for person in (self.alice, self.bob):
            answer = person.act(
                "auth", "register", email=person.email, password=person.password
            )
            person.key = answer.json()["data"]["user"]["api_key"]
        made = command(self.data, "voucher", "create", "--amount", "5")
        (self.voucher,) = made["codes"]

    def messages(self) -> list[dict[str, str]]:
        return [{"role": "user", "content": self.prompt}]

    def chat(self, **fields: Any) -> httpx.Response:
        return self.alice.ask(
            CHAT, **{"model": "gpt-4o", "messages": self.messages(), **fields}
        )

    def metrics(self) -> bytes:
        with httpx.Client(base_url=self.child.url, trust_env=False) as client:
            held = {"Authorization": f"Bearer {self.ours['token']}"}
            text = client.get("/metrics", headers=held).raise_for_status().content
            assert client.get("/metrics").status_code == 401
        return text


def talkative(directory: Path, shown: Mapping[str, str]) -> Path:
    """The shipped configuration, but that all there is to say is said, and that the
    inspector shows as much as is wanted here."""
    config = directory / "config"
    shutil.copytree(CONFIG, config, ignore=shutil.ignore_patterns("*.py*"))
    path = config / "gateway.yaml"
    text = path.read_text("utf-8")
    changes = {
        "level: warning": "level: debug",
        # Nothing of this is about waiting.
        "attempts_max: 6": "attempts_max: 1",
        **shown,
    }
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return config


# What happens.


def good_answers(lab: Lab) -> None:
    lab.fake.always(Answer(lab.words))
    assert lab.chat().status_code == 200
    assert lab.chat(stream=True).status_code == 200
    name = {"Idempotency-Key": "once"}
    lab.fake.always(Answer("kept"))
    plain = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    for _ in "12":
        assert lab.alice.ask(CHAT, name, **plain).status_code == 200
    receipt = lab.chat().headers["x-request-id"]
    own = {"Authorization": f"Bearer {lab.alice.key}"}
    others = {"X-API-Key": lab.bob.key}
    for path in (f"receipts/{receipt}", f"generation?id={receipt}", "key", "credits"):
        lab.alice.hear(lab.alice.web.get(f"/api/v1/{path}", headers=own))
        lab.bob.hear(lab.bob.web.get(f"/api/v1/{path}", headers=others))
    lab.alice.ask("/api/v1/quote", model="gpt-4o", messages=lab.messages())


def images_and_videos(lab: Lab) -> None:
    lab.fake.always(Images(revised_prompt=lab.words))
    for form in ("url", "b64_json"):
        answer = lab.alice.ask(
            "/api/v1/images/generations",
            model="dall-e-3",
            prompt=lab.prompt,
            response_format=form,
        )
        assert answer.status_code == 200
    lab.fake.always(Images(url=f"http://127.0.0.1:9/{lab.ours['credential']}.png"))
    lab.alice.ask("/api/v1/images/generations", model="dall-e-3", prompt=lab.prompt)
    answer = lab.alice.ask(
        "/api/v1/videos/generations", model="gen-2", prompt=lab.film
    )
    assert answer.status_code == 200


def refusals(lab: Lab) -> None:
    prompt, key = lab.prompt, lab.alice.key
    lab.chat(model=prompt)
    lab.chat(model=key)
    lab.chat(temperature=prompt)
    lab.chat(messages=prompt)
    lab.chat(tools=[{prompt: prompt}])
    lab.chat(max_tokens=10**9, n=128)
    lab.alice.ask(CHAT, {"Idempotency-Key": "\x7f" + prompt}, model="gpt-4o")
    web = lab.alice.web
    for bad in (key + "x", "tk_" + prompt, prompt):
        lab.bob.hear(web.post(CHAT, headers={"X-API-Key": bad}, content=b"{}"))
    for path in (
        f"/api/v1/chat/completions?key={key}",
        f"/api/v1/models/{key}",
        f"/api/v1/receipts/{key}",
        f"/v1/{key}",
        f"/{key}?password={lab.alice.password}",
        f"/media/{key}.png?expires=1&signature={prompt}",
    ):
        lab.alice.hear(web.get(path, headers={"Authorization": f"Bearer {key}"}))
    lab.alice.hear(
        web.post(
            CHAT,
            headers={"Authorization": f"Bearer {key}"},
            content=b'{"messages": "' + prompt.encode(),
        )
    )


def provider_failures(lab: Lab) -> None:
    secret = lab.ours["credential"]
    told = error(f"Bad key {secret}", secret, secret, secret)
    body = json.dumps(told).encode()
    page = f"<html>{secret} {lab.prompt}</html>".encode()
    echoes = {"x-request-id": secret, "retry-after": "0", "x-echo": secret}
    behaviours = [
        *(
            Status(status, f"Bad {secret}", secret, secret, secret, echoes)
            for status in (400, 401, 402, 403, 404, 422, 429, 500, 503)
        ),
        *(Raw(page, status, "text/html", echoes) for status in (200, 302, 404, 502)),
        Raw(body, 529, headers=echoes),
        Raw(body, 200, headers=echoes),
        Raw(b"", 200, headers=echoes),
        Raw(frame(told), 200, EVENT_STREAM, echoes),
        Raw(MALFORMED + secret.encode(), 200, EVENT_STREAM, echoes),
        Raw(DONE, 200, EVENT_STREAM, echoes),
        Silence(End.RST),
        Silence(End.FIN),
        Raw(page, 302, "text/html", {"location": f"http://127.0.0.1:9/{secret}"}),
    ]
    for behaviour in behaviours:
        lab.fake.always(behaviour)
        for stream in (False, True):
            assert lab.chat(stream=stream).status_code >= 400
        if isinstance(behaviour, Status):
            lab.alice.ask(
                "/api/v1/images/generations", model="dall-e-3", prompt=lab.prompt
            )


def providers_that_say_it_in_good_answers(lab: Lab) -> None:
    """In names only: what is in the content is the answer."""
    secret = lab.ours["credential"]
    choice = {"index": 0, "finish_reason": "stop"}
    message = {"role": "assistant", "content": "hi"}
    whole = {
        "id": secret,
        "model": secret,
        "system_fingerprint": "fp",
        "choices": [{**choice, "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, secret: 1},
    }
    lab.fake.always(Raw(json.dumps(whole).encode(), headers={"x-request-id": secret}))
    lab.chat()
    chunk = {"id": secret, "model": secret, "choices": [{**choice, "delta": message}]}
    lab.fake.always(Raw(frame(chunk) + DONE, content_type=EVENT_STREAM))
    lab.chat(stream=True)


def streams_that_die(lab: Lab) -> None:
    secret = lab.ours["credential"]
    told = frame(error(f"Bad key {secret}", secret, secret))
    for steps in ((End.FIN,), (End.RST,), (told,), (MALFORMED, End.FIN)):
        lab.fake.always(Answer(lab.words, edits=[after(3, *steps)]))
        lab.chat(stream=True)


def clients_that_leave(lab: Lab) -> None:
    for stream in (False, True):
        gate = Gate()
        lab.fake.always(Answer(edits=[after(3 if stream else 0, gate)]))
        asked = chat(lab.alice.key, stream=stream, messages=lab.messages())
        with Dial(lab.child.port) as dial:
            dial.send(asked)
            assert gate.reached.wait(WAIT_SECONDS)
            dial.reset()
        gate.open()
        with Dial(lab.child.port) as dial:
            dial.send(asked[: len(asked) // 2])
            dial.reset()


def bytes_that_are_no_request(lab: Lab) -> None:
    key, prompt = lab.alice.key.encode(), lab.prompt.encode()
    head = b"POST " + CHAT.encode() + b" HTTP/1.1\r\nAuthorization: Bearer " + key
    for raw in (
        head + b"\r\nContent-Length: x\r\n\r\n" + prompt,
        head + b"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + prompt,
        head + b"\r\nbad header " + key + b"\r\n\r\n",
        head + b"\r\nX: \0" + key + b"\r\n\r\n",
        head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + prompt,
        head + b"\r\nX: " + key * 4000 + b"\r\n\r\n",
        key + b" " + prompt + b"\r\n\r\n",
        b"CONNECT " + key + b":443 HTTP/1.1\r\n\r\n",
        b"GET http://" + key + b"/ HTTP/1.1\r\nHost: " + key + b"\r\n\r\n",
        b"\x16\x03\x01" + key + prompt,
        head,
    ):
        with Dial(lab.child.port) as dial:
            dial.send(raw)
            dial.socket.shutdown(1)
            lab.bob.heard.append(dial.rest())


def what_people_do(lab: Lab) -> None:
    alice, bob = lab.alice, lab.bob
    wrong = lab.mark("password")
    for place, email in ((alice, alice.email), (bob, alice.email)):
        place.act("auth", "login", email=email, password=wrong)
    alice.act("auth", "login", email=alice.email, password=alice.password)
    bob.act("auth", "register", email=alice.email, password=bob.password)
    alice.act("auth", "register", email=alice.password, password=alice.password)
    alice.act("user", "reveal_key", password=alice.password)
    alice.act("user", "reveal_key", password=wrong)
    made = alice.act("user", "create_key", label="ci").json()["data"]["api_key"]
    alice.act("user", "create_key", label=made * 20)
    for action in ("profile", "keys", "sessions", "activity", "overview", "usage"):
        alice.look("user", action)
        bob.look("user", action)
    for action in ("transactions", "requests", "transactions_csv", "usage_csv"):
        alice.look("user", action)
    changed = lab.mark("password")
    alice.act(
        "user",
        "change_password",
        password=alice.password,
        new_password=changed,
        current_password=alice.password,
    )
    alice.act("admin", "users", search=alice.password)
    alice.act("auth", alice.password, email=alice.email)
    alice.act("auth", "logout")
    alice.act("auth", "login", email=alice.email, password=changed)
    alice.act("auth", "login", email=alice.email, password=alice.password)


def what_people_pay(lab: Lab) -> None:
    bob = lab.bob
    bob.act("user", "charge", method="voucher", code=lab.voucher[:-1])
    bob.act("user", "charge", method="voucher", code=lab.voucher)
    bob.act("user", "charge", method="voucher", code=lab.voucher)
    bob.act("user", "charge", method=lab.voucher, code=lab.voucher)
    for behaviour in (
        Failure(401, lab.ours["stripekey"]),
        Failure(500, lab.ours["stripekey"]),
        Raw(f"<html>{lab.ours['stripekey']}</html>".encode(), 502, "text/html"),
    ):
        lab.stripe.script(behaviour)
        bob.act("user", "charge", method="stripe", amount="10")
    bob.act("user", "charge", method="stripe", amount="10")
    bob.act("user", "charge", method="epay", amount="10", type="alipay")
    body = event("checkout.session.completed", {"id": lab.ours["webhook"]})
    for signature in ("t=1,v1=" + lab.ours["webhook"], signed(body, 1, "whsec_x"), ""):
        headers = {"Stripe-Signature": signature}
        path = "/api/payments/stripe"
        bob.hear(bob.web.post(path, content=body, headers=headers))
    bob.hear(bob.web.get(f"/api/payments/epay?sign={lab.voucher}&pid=1001"))


STEPS: tuple[Callable[[Lab], None], ...] = (
    good_answers,
    images_and_videos,
    refusals,
    provider_failures,
    providers_that_say_it_in_good_answers,
    streams_that_die,
    clients_that_leave,
    bytes_that_are_no_request,
    what_people_do,
    what_people_pay,
)


# What must not be seen.


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def own_fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


def secrets_of(person: Person) -> set[str]:
    return {person.key, person.password, *person.cookies} - {""}


@dataclass(frozen=True)
class Shown:
    """How much the inspector shows: by which settings, and whether that has texts."""

    settings: Mapping[str, str]
    texts: bool = False


SHOWN = {
    "full": Shown({LEVEL: 'level: "full"'}, texts=True),
    "headers": Shown({LEVEL: 'level: "headers"'}),
    "withheld": Shown({LEVEL: 'level: "full"', "prompts: show": "prompts: withhold"}),
}


def looked_at(looking: Looking) -> bytes:
    """All that can be had of the inspector, by a browser or as a file."""
    for path in ("", "flows", "nowhere"):
        # As some do who have no wish to type it.
        looking.client.get(path, params={"token": looking.password})
    found = [looking.saved()]
    paths = ["flows", "events", "options", "state", "commands", "filter-help"]
    for flow in looking.flows():
        for message in ("request", "response"):
            paths.append(f"flows/{flow['id']}/{message}/content.data")
            paths.append(f"flows/{flow['id']}/{message}/content/auto.json")
    for path in paths:
        answer = looking.client.get(path)
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        found += [head.encode(), answer.content]
    return b"\n".join(found)


@pytest.mark.parametrize(
    ("seed", "shown"), [(1, "full"), (2, "headers"), (3, "withheld")]
)
def test_no_secret_is_where_it_must_not_be(
    own_fake: FakeOpenAI, stripe: FakeStripe, tmp_path: Path, seed: int, shown: str
) -> None:
    lab = Lab(tmp_path, own_fake, stripe, seed, SHOWN[shown].settings)
    with (
        Tap(lab.data, lambda: lab.child.workers()[0]) as tap,
        lab.child,
        Looking(lab.child) as looking,
    ):
        lab.meet()
        steps = list(STEPS)
        lab.dice.shuffle(steps)
        for step in steps:
            step(lab)
        metrics = lab.metrics()
        last = lab.chat().headers["x-request-id"]
        while last not in {request_id(flow) for flow in looking.flows()}:
            continue
        seen = looked_at(looking)
        for person in (lab.alice, lab.bob):
            person.web.close()
        assert lab.child.stop() == 0
    ours, theirs = set(lab.ours.values()), secrets_of(lab.alice) | secrets_of(lab.bob)
    assert len(theirs) >= 6, "keys, passwords and cookies of both"
    theirs |= {lab.voucher, looking.password}
    said = {lab.prompt, lab.film, lab.words}
    people = {lab.alice.email, lab.bob.email}
    leaks = Leaks()
    log = (lab.data / LOG).read_bytes()
    assert log.count(b'"autolist.requests"') > 100
    leaks.look("log", log, ours | theirs | said)
    leaks.look("metrics", metrics, ours | theirs | said)
    hidden = set() if SHOWN[shown].texts else said
    for place, told in (("inspector", seen), ("inspector's socket", bytes(tap.heard))):
        if SHOWN[shown].texts:
            assert lab.prompt.encode() in told, "or nothing was looked at"
        assert told.count(b"req_") > 100
        leaks.look(place, told, ours | theirs | people | hidden)
    for path in sorted(lab.data.rglob("*")):
        # The log is in the same place; by `secret` all else is hashed and sealed.
        if path.is_file() and path.name not in (LOG, "secret"):
            # A picture may show what it was asked to be of.
            picture = "media" in path.relative_to(lab.data).parts
            hidden = set() if picture else {lab.prompt, lab.words}
            leaks.look(path.name, path.read_bytes(), ours | theirs | hidden)
    for person, other in ((lab.alice, lab.bob), (lab.bob, lab.alice)):
        heard = b"\n".join(person.heard)
        leaks.look(f"answers to {person.name}", heard, ours | secrets_of(other))
    leaks.look("answers to bob", b"\n".join(lab.bob.heard), said)
    for name, fake, own in (
        ("openai", own_fake, {lab.ours["credential"]}),
        ("stripe", stripe, {lab.ours["stripekey"]}),
    ):
        got = b"\n".join(
            str(dict(one.headers)).encode() + one.path.encode() + one.body
            for one in fake.requests
        )
        assert got
        leaks.look(f"requests to {name}", got, (ours - own) | theirs)
    assert not leaks.found, "\n".join(leaks.found)
    prove(lab.data)


class Leaks:
    """Where a secret was found, with what stands around it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, place: str, data: bytes, secrets: set[str]) -> None:
        for secret in sorted(secrets):
            for form in sorted(encodings(secret)):
                at = data.find(form)
                if at >= 0:
                    around = data[max(0, at - 160) : at + len(form) + 40]
                    self.found.append(f"{place}: {secret}: {around!r}")


def test_what_is_looked_for_is_found() -> None:
    secret = "password-of-somebody"
    for text in (
        secret,
        f"a b {secret} c",
        quote(secret),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.b64encode(f"x{secret}yz".encode()).decode(),
        secret.encode().hex(),
    ):
        leaks = Leaks()
        leaks.look("here", text.encode(), {secret})
        assert leaks.found, text
