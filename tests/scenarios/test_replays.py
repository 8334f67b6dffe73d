"""The same request twice: run once, charged once, answered the same.

Every test ends with the proof of its ledger. `key` is the caller's API key here, `name`
the Idempotency-Key.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import DefaultHttpxClient, OpenAI

from storage import DATABASE
from storage.replays import BODY_BYTES_MAX
from storage.sqlite import SqliteEngine
from tests.fakes.clock import FakeClock
from tests.fakes.openai_script import Answer, End, Gate, Silence, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, prove
from tests.scenarios.conftest import Start
from tests.scenarios.dial import CHAT, Dial, Reply, all_but_one, ask_body, request
from tests.scenarios.harness import Caller, Gateway, environ_of, with_limits

AT_ONCE = 20
WAIT_SECONDS = 20.0
DAY_SECONDS = 24 * 3600
IN_USE = "idempotency_key_in_use"
REUSED = "idempotency_key_reused"
NOT_KEPT = "idempotency_answer_not_kept"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    # However the test ended, nobody waits behind it.
    gate.open()


def named(
    key: str, name: str = "order-1", path: str = CHAT, **parameters: Any
) -> bytes:
    """A chat request under a name."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": name}
    return request("POST", path, ask_body(**parameters), headers)


def ask(port: int, asked: bytes) -> Reply:
    """One request over a connection of its own."""
    with Dial(port) as dial:
        return dial.ask(asked)


def is_replay_of(first: Reply, again: Reply) -> bool:
    same = ("x-request-id", "x-autolist-cost", "x-autolist-provider", "content-type")
    told = [(one.headers[name] for name in same) for one in (first, again)]
    return (
        (again.status, again.body) == (first.status, first.body)
        and again.headers.get("x-autolist-replayed") == "true"
        and [*told[0]] == [*told[1]]
    )


def advice(reply: Reply) -> tuple[int, str, str | None, str | None]:
    """What a client's program goes by."""
    headers = reply.headers
    return (
        reply.status,
        reply.error["code"],
        headers.get("retry-after"),
        headers.get("x-should-retry"),
    )


# At once.


def test_twenty_at_once_are_one(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, gate: Gate
) -> None:
    fake.always(Answer(edits=[after(0, gate)]))
    asked = named(caller.key)
    with ExitStack() as stack:
        dials = [stack.enter_context(Dial(gateway.port)) for _ in range(AT_ONCE)]
        refused, runner = all_but_one(dials, asked)
        # The one that is left is the only one that got any further.
        fake.wait_for(1)
        gate.open()
        first = runner.reply()
    assert {advice(reply) for reply in refused} == {(409, IN_USE, "1", "true")}
    assert first.status == 200 and "x-autolist-replayed" not in first.headers
    assert {reply.error["request_id"] for reply in refused} == {
        first.headers["x-request-id"]
    }
    assert is_replay_of(first, ask(gateway.port, asked))
    assert len(fake.requests) == 1
    (charge,) = gateway.charges(caller)
    assert charge.paid_nano > 0


def test_many_names_at_once_do_not_get_in_each_others_way(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    names = [f"order-{number % 5}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda name: ask(gateway.port, named(caller.key, name)), names)
        )
    assert {reply.status for reply in replies} <= {200, 409}
    assert len(fake.requests) == len(gateway.charges(caller)) == 5
    bodies = {reply.body for reply in replies if reply.status == 200}
    assert len(bodies) == 5


# Again.


def test_a_replay_is_the_first_answer_and_costs_nothing(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    first = ask(gateway.port, named(caller.key))
    available = gateway.available_nano(caller)
    for path in (CHAT, "/v1/chat/completions", CHAT + "/", CHAT + "?x=1"):
        assert is_replay_of(first, ask(gateway.port, named(caller.key, path=path)))
    assert gateway.available_nano(caller) == available
    assert (len(fake.requests), len(gateway.charges(caller))) == (1, 1)


def test_a_replay_uses_up_no_limit(start: Start, fake: FakeOpenAI) -> None:
    gateway = start(change=with_limits(rpm=1))
    caller = gateway.caller()
    first = ask(gateway.port, named(caller.key))
    for _ in range(5):
        assert is_replay_of(first, ask(gateway.port, named(caller.key)))
    assert ask(gateway.port, named(caller.key, "order-2")).status == 429


def test_a_page_may_send_a_name_and_read_that_it_was_a_replay(
    gateway: Gateway, caller: Caller
) -> None:
    asked = {
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key",
    }
    preflight = ask_options(gateway, asked)
    assert "*" in preflight.headers["access-control-allow-headers"]
    ask(gateway.port, named(caller.key))
    again = ask(gateway.port, named(caller.key))
    assert again.headers["access-control-allow-origin"] == "*"
    assert again.headers["access-control-expose-headers"] == "*"


def ask_options(gateway: Gateway, headers: Mapping[str, str]) -> Reply:
    return ask(gateway.port, request("OPTIONS", CHAT, b"", headers))


@pytest.mark.parametrize(
    "other", [{"temperature": 1}, {"stream": True}, {"model": "gpt-4o-mini"}]
)
def test_another_request_under_the_same_name_is_refused(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, other: dict[str, Any]
) -> None:
    first = ask(gateway.port, named(caller.key))
    reply = ask(gateway.port, named(caller.key, **other))
    assert advice(reply) == (422, REUSED, None, "false")
    assert reply.error["request_id"] == first.headers["x-request-id"]
    assert len(fake.requests) == 1


def test_a_name_is_its_accounts_own(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    other = gateway.caller()
    replies = [ask(gateway.port, named(one.key)) for one in (caller, other)]
    assert [reply.status for reply in replies] == [200, 200]
    assert len({reply.body for reply in replies}) == 2
    assert len(fake.requests) == 2


# What leaves the name free, and what does not.


@pytest.mark.parametrize("failure", [Status(500), Status(400), Status(429)])
def test_after_a_failure_of_the_provider_the_request_runs_again(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, failure: Status
) -> None:
    fake.script(failure)
    assert ask(gateway.port, named(caller.key)).status >= 400
    again = ask(gateway.port, named(caller.key))
    assert again.status == 200 and "x-autolist-replayed" not in again.headers
    assert is_replay_of(again, ask(gateway.port, named(caller.key)))
    assert len(fake.requests) == 2


def test_a_request_that_was_refused_here_leaves_its_name_free(
    gateway: Gateway, fake: FakeOpenAI
) -> None:
    poor = gateway.caller("0.000001")
    assert ask(gateway.port, named(poor.key)).status == 402
    assert ask(gateway.port, named(poor.key, model="gpt-9")).status == 404
    assert ask(gateway.port, named(poor.key, temperature=3)).status == 400
    assert ask(gateway.port, named(poor.key, temperature=1)).status == 402
    assert fake.requests == []


def test_a_stream_that_ended_is_not_run_again(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    asked = named(caller.key, stream=True)
    first = ask(gateway.port, asked)
    assert first.events[-1] == "[DONE]"
    again = ask(gateway.port, asked)
    assert advice(again) == (409, NOT_KEPT, None, "false")
    assert "stream" in again.error["message"]
    assert again.error["request_id"] == first.headers["x-request-id"]
    assert len(fake.requests) == 1


def test_a_stream_that_broke_off_and_was_charged_is_not_run_again(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.script(Answer("one two three four", edits=[after(3, End.FIN)]))
    asked = named(caller.key, stream=True)
    assert "error" in ask(gateway.port, asked).events[-1]
    assert advice(ask(gateway.port, asked)) == (409, NOT_KEPT, None, "false")
    (charge,) = gateway.charges(caller)
    assert (charge.record.evidence, charge.paid_nano > 0) == ("partial", True)


def test_a_stream_that_broke_before_it_began_runs_again(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.script(Silence(End.FIN))
    asked = named(caller.key, stream=True)
    assert ask(gateway.port, asked).status == 502
    assert ask(gateway.port, asked).events[-1] == "[DONE]"


# A client that leaves.


def test_an_answer_that_its_client_did_not_wait_for_is_there_for_the_retry(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, gate: Gate
) -> None:
    fake.always(Answer(edits=[after(1, gate)]))
    asked = named(caller.key)
    with Dial(gateway.port) as dial:
        dial.send(asked)
        (received,) = fake.wait_for(1)
        assert gate.reached.wait(WAIT_SECONDS)
        dial.reset()
    gateway.unheard()
    assert advice(ask(gateway.port, asked)) == (409, IN_USE, "1", "true")
    gate.open()
    gateway.settled()
    again = ask(gateway.port, asked)
    assert again.json["choices"][0]["message"]["content"] == "You said: 你好 there"
    assert again.headers["x-autolist-replayed"] == "true"
    assert not received.disconnected.is_set()
    (charge,) = gateway.charges(caller)
    assert (charge.record.outcome, charge.record.evidence) == ("complete", "reported")
    assert len(fake.requests) == 1


def test_a_provider_that_fails_after_its_client_left_leaves_the_name_free(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, gate: Gate
) -> None:
    fake.script(Answer(edits=[after(1, gate, End.RST)]))
    asked = named(caller.key)
    with Dial(gateway.port) as dial:
        dial.send(asked)
        assert gate.reached.wait(WAIT_SECONDS)
    gateway.unheard()
    gate.open()
    gateway.settled()
    assert [one.paid_nano for one in gateway.charges(caller)] == [0]
    assert ask(gateway.port, asked).status == 200


def test_a_drain_waits_also_for_an_answer_that_nobody_waits_for(
    start: Start, fake: FakeOpenAI, gate: Gate
) -> None:
    gateway = start()
    caller = gateway.caller()
    fake.always(Answer(edits=[after(1, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(named(caller.key))
        assert gate.reached.wait(WAIT_SECONDS)
        dial.reset()
    gateway.unheard()
    gateway.loop.call_soon_threadsafe(gateway.master.stop)
    gate.open()
    gateway.thread.join()
    (charge,) = gateway.charges(caller)
    assert (charge.record.outcome, charge.paid_nano > 0) == ("complete", True)


def test_an_sdk_that_lost_its_connection_gets_the_answer_it_paid_for(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, gate: Gate
) -> None:
    """Its own retries are enough: it sends the header again, and waits as it is told.

    The SDK makes no key of its own; a program gives one with `extra_headers`.
    """
    fake.always(Answer(edits=[after(0, gate)]))
    statuses = []

    def hear(reply: httpx.Response) -> None:
        statuses.append(reply.status_code)
        gate.open()

    http = DefaultHttpxClient(trust_env=False, event_hooks={"response": [hear]})
    with OpenAI(
        base_url=gateway.api, api_key=caller.key, http_client=http, max_retries=9
    ) as client:
        answer = client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "Hi"}],
            extra_headers={"Idempotency-Key": "order-1"},
            timeout=0.5,
        )
    assert answer.choices[0].message.content == "You said: Hi"
    assert (statuses[0], statuses[-1]) == (409, 200)
    gateway.settled()
    (charge,) = gateway.charges(caller)
    assert charge.record.outcome == "complete"
    assert len(fake.requests) == 1


def test_an_sdk_knows_a_reused_name_from_one_in_use(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    ask(gateway.port, named(caller.key))
    statuses = []
    http = DefaultHttpxClient(
        trust_env=False,
        event_hooks={"response": [lambda reply: statuses.append(reply.status_code)]},
    )
    with OpenAI(base_url=gateway.api, api_key=caller.key, http_client=http) as client:
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": "something else"}],
                extra_headers={"Idempotency-Key": "order-1"},
            )
    assert (caught.value.code, statuses) == (REUSED, [422])


# Limits.


@pytest.mark.parametrize(("length", "status"), [(255, 200), (256, 400)])
def test_a_name_has_a_length(
    gateway: Gateway, caller: Caller, length: int, status: int
) -> None:
    reply = ask(gateway.port, named(caller.key, "n" * length))
    assert reply.status == status
    if status == 400:
        assert reply.error["param"] == "Idempotency-Key"
        assert "1 to 255 printable ASCII" in reply.error["message"]


@pytest.mark.parametrize("name", ["", "caf\xe9", "a\tb"])
def test_what_is_no_name_is_refused_before_the_body_comes(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, name: str
) -> None:
    headers = {
        "Authorization": f"Bearer {caller.key}",
        "Idempotency-Key": name,
        "Content-Length": "1000",
    }
    with Dial(gateway.port) as dial:
        reply = dial.ask(request("POST", CHAT, b"", headers))
    assert (reply.status, reply.error["param"]) == (400, "Idempotency-Key")
    assert fake.requests == []


def test_where_nothing_is_paid_a_name_means_nothing(
    gateway: Gateway, caller: Caller
) -> None:
    headers = {"Authorization": f"Bearer {caller.key}", "Idempotency-Key": "\xff"}
    reply = ask(gateway.port, request("GET", "/api/v1/models", b"", headers))
    assert reply.status == 200


@pytest.mark.parametrize("above", [0, 1])
def test_an_answer_is_kept_up_to_256_kib(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, above: int
) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    # All but the text is as long in each answer.
    fake.always(Answer("x", usage=usage))
    rest = len(ask(gateway.port, named(caller.key, "short")).body) - 1
    fake.always(Answer("x" * (BODY_BYTES_MAX + above - rest), usage=usage))
    first = ask(gateway.port, named(caller.key))
    assert len(first.body) == BODY_BYTES_MAX + above
    again = ask(gateway.port, named(caller.key))
    if not above:
        assert is_replay_of(first, again)
        return
    assert advice(again) == (409, NOT_KEPT, None, "false")
    assert "too large" in again.error["message"]


def test_a_name_is_free_again_after_a_day(start: Start, fake: FakeOpenAI) -> None:
    clock = FakeClock()
    gateway = start(clock=clock)
    caller = gateway.caller()
    first = ask(gateway.port, named(caller.key))
    clock.advance(DAY_SECONDS - 1)
    assert is_replay_of(first, ask(gateway.port, named(caller.key)))
    clock.advance(1)
    later = ask(gateway.port, named(caller.key, temperature=1))
    assert (later.status, len(fake.requests)) == (200, 2)
    assert later.headers["x-request-id"] != first.headers["x-request-id"]


# Faults.


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_after_a_kill_the_request_runs_again(
    fake: FakeOpenAI, tmp_path: Path, gate: Gate, stream: bool
) -> None:
    fake.always(Answer(edits=[after(1, gate)]))
    with Child(tmp_path, environ_of(fake)) as child:
        asked = named(child.register("user@example.com"), stream=stream)
        with Dial(child.port) as dial:
            dial.send(asked)
            fake.wait_for(1)
            assert gate.reached.wait(WAIT_SECONDS)
            child.kill()
    fake.always(Answer())
    with Child(tmp_path, environ_of(fake)) as child:
        first = ask(child.port, asked)
        again = ask(child.port, asked)
        assert child.stop() == 0
    assert first.status == 200
    if stream:
        assert advice(again) == (409, NOT_KEPT, None, "false")
    else:
        assert is_replay_of(first, again)
    assert len(fake.requests) == 2
    with SqliteEngine(tmp_path / DATABASE).snapshot() as snapshot:
        outcomes = snapshot.rows("SELECT outcome FROM usage ORDER BY at_ns")
        assert [outcome for (outcome,) in outcomes] == ["recovered", "complete"]
    prove(tmp_path)


@pytest.mark.slow
def test_after_a_kill_what_was_charged_is_still_answered(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    with Child(tmp_path, environ_of(fake)) as child:
        asked = named(child.register("user@example.com"))
        first = ask(child.port, asked)
        child.kill()
    with Child(tmp_path, environ_of(fake)) as child:
        assert is_replay_of(first, ask(child.port, asked))
        assert child.stop() == 0
    assert len(fake.requests) == 1
    prove(tmp_path)


# Money in.


def test_twenty_top_ups_at_once_are_one_credit(start: Start) -> None:
    gateway = start(demo=True)
    ready = threading.Barrier(AT_ONCE)

    def pay(visitor: httpx.Client, amount: str) -> httpx.Response:
        return visitor.post(
            "/api/user.php?action=charge",
            json={"method": "test", "amount": amount},
            headers={"Idempotency-Key": "payment-1"},
        )

    def race(visitor: httpx.Client) -> httpx.Response:
        ready.wait(WAIT_SECONDS)
        return pay(visitor, "5.00")

    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=20) as visitor:
        registered = visitor.post(
            "/api/auth.php?action=register",
            json={"email": "user@example.com", "password": "password"},
        )
        key = registered.json()["data"]["user"]["api_key"]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(race, [visitor] * AT_ONCE))
        other = pay(visitor, "6.00")
        profile = visitor.get("/api/user.php?action=profile").json()["data"]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    replays = [one for one in answers if one.headers.get("x-autolist-replayed")]
    assert len(replays) == AT_ONCE - 1
    assert (other.status_code, other.json()["success"]) == (422, False)
    assert "15.00" in json.dumps(profile)
    # One namespace: what named a payment names no request.
    assert ask(gateway.port, named(key, "payment-1")).error["code"] == REUSED
