"""What a request would cost and what a key has left, as programs ask for it.

A quote is held beside what the gateway then really holds and charges; the standing of
a key beside what its requests cost; keys are made by the operator's own command while
the gateway runs.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from run_proxy import main
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.dial import (
    CHAT,
    HELLO,
    Dial,
    Reply,
    ask_body,
    chat,
    request,
)
from tests.scenarios.harness import Caller, Gateway, with_listen

QUOTE, KEY, CREDITS = "/api/v1/quote", "/api/v1/key", "/api/v1/credits"
PROMPT = {"prompt": "海浪拍打沙滩"}
# Six tokens in, five out, at 2.50 and 10.00 dollars per million.
COST = "0.000065"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def ask(gateway: Gateway, *wire: bytes, method: str = "POST") -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(*wire, method=method)


def look(gateway: Gateway, key: str, target: str, method: str = "GET") -> Reply:
    return ask(gateway, request(method, target, headers=bearer(key)), method=method)


def standing(gateway: Gateway, key: str, target: str = KEY) -> Any:
    reply = look(gateway, key, target)
    assert reply.status == 200, reply.body
    return reply.json["data"]


def quote(gateway: Gateway, key: str, body: bytes) -> Reply:
    return ask(gateway, request("POST", QUOTE, body, bearer(key)))


def quoted(gateway: Gateway, key: str, body: bytes) -> Any:
    reply = quote(gateway, key, body)
    assert reply.status == 200, reply.body
    return reply.json


def email_of(gateway: Gateway, caller: Caller) -> str:
    users = gateway.storage.reader.users()
    (email,) = [one.email for one in users if one.account_id == caller.account_id]
    return str(email)


def operate(gateway: Gateway, *arguments: str) -> Any:
    """What an operator's command says, beside the running gateway."""
    result = CliRunner().invoke(
        main, [*arguments, "--data", str(gateway.data), "--json"]
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def new_key(gateway: Gateway, caller: Caller, *options: str) -> str:
    made = operate(gateway, "key", "create", email_of(gateway, caller), *options)
    return str(made["api_key"])


# Where a key stands.


def test_a_request_is_found_in_what_key_and_account_used(
    gateway: Gateway, caller: Caller
) -> None:
    answer = ask(gateway, chat(caller.key))
    assert answer.headers["x-autolist-cost"] == COST
    reply = look(gateway, caller.key, KEY)
    assert f'"usage":{COST},"usage_daily":{COST},' in reply.body.decode()
    found = reply.json["data"]
    assert found["usage_exact"] == found["usage_monthly_exact"] == COST
    assert found["usage_weekly_exact"] == COST
    assert (found["limit"], found["limit_remaining"]) == (None, None)
    assert (found["is_free_tier"], found["held_exact"]) == (True, "0.00")
    assert found["rate_limit"]["requests"] == 6000
    text = look(gateway, caller.key, CREDITS).body.decode()
    assert f'"total_credits":10.00,"total_usage":{COST},"balance":9.999935' in text
    assert answer.headers["x-autolist-balance"] == found["balance_exact"]


def test_another_key_of_the_account_has_used_nothing(
    gateway: Gateway, caller: Caller
) -> None:
    second = new_key(gateway, caller, "--label", "second")
    ask(gateway, chat(caller.key))
    mine, other = standing(gateway, caller.key), standing(gateway, second)
    assert (mine["usage_exact"], other["usage_exact"]) == (COST, "0.00")
    assert (other["label"], mine["label"]) == ("second", mine["mask"])
    assert mine["balance_exact"] == other["balance_exact"] == "9.999935"
    used = standing(gateway, second, CREDITS)["total_usage_exact"]
    assert used == COST


@pytest.mark.parametrize("target", [KEY, CREDITS, "/v1/key", "/api/v1/auth/key"])
def test_the_answer_is_for_programs_everywhere(
    gateway: Gateway, caller: Caller, target: str
) -> None:
    reply = look(gateway, caller.key, target)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.headers["access-control-allow-origin"] == "*"
    head = look(gateway, caller.key, target, "HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "target", "key", "status", "code"),
    [
        ("GET", KEY, "tk_" + "x" * 32, 401, "invalid_api_key"),
        ("GET", CREDITS, "", 401, "invalid_api_key"),
        ("POST", QUOTE, "", 401, "invalid_api_key"),
        ("POST", KEY, None, 405, "method_not_allowed"),
        ("GET", QUOTE, None, 405, "method_not_allowed"),
    ],
)
def test_nobody_else_is_answered(
    gateway: Gateway, caller: Caller, method, target, key, status, code
) -> None:
    key = caller.key if key is None else key
    reply = look(gateway, key, target, method)
    assert (reply.status, reply.error["code"]) == (status, code)


# What it would cost.


def test_a_quote_is_what_is_held_and_bounds_what_is_charged(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, gate: Gate
) -> None:
    body = ask_body(max_tokens=100)
    found = quoted(gateway, caller.key, body)
    assert fake.requests == []
    assert gateway.storage.reader.open_holds() == []
    fake.always(Answer(edits=[after(0, gate)]))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, gateway, chat(caller.key, max_tokens=100))
        fake.wait_for(1)
        held = standing(gateway, caller.key)
        gate.open()
        answer = waiting.result()
    assert held["held_exact"] == found["hold_exact"]
    assert held["held_exact"] == found["worst_case"]["cost_exact"]
    assert fake.requests[0].json["max_completion_tokens"] == found["max_tokens"]
    charged = json.loads(answer.body)["usage"]["cost"]
    assert charged <= found["worst_case"]["cost"]
    (counted, _) = found["expected"]["lines"]
    assert counted["quantity"] >= json.loads(answer.body)["usage"]["prompt_tokens"]


@pytest.fixture
def gate(fake: FakeOpenAI) -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def test_a_quote_costs_nothing_and_counts_for_no_limit(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    key = new_key(gateway, caller, "--rpm", "1")
    for _ in range(3):
        quoted(gateway, key, ask_body())
    assert gateway.available_nano(caller) == 10 * 10**9
    assert (fake.requests, gateway.charges(caller)) == ([], [])
    assert ask(gateway, chat(key)).status == 200


@pytest.mark.parametrize(
    ("endpoint", "body", "model", "cost"),
    [
        ("images/generations", {}, "dall-e-3", "0.04"),
        ("images/generations", {"n": 10, "quality": "hd"}, "dall-e-3", "0.40"),
        ("videos/generations", {}, "gen-2", "0.15"),
    ],
)
def test_images_and_videos_are_quoted_by_the_documents_prices(
    gateway: Gateway, caller: Caller, endpoint: str, body, model: str, cost: str
) -> None:
    wrapped = {"endpoint": endpoint, "request": {**PROMPT, **body}}
    found = quoted(gateway, caller.key, json.dumps(wrapped).encode())
    assert (found["endpoint"], found["model"]) == (endpoint, model)
    assert found["worst_case"]["cost_exact"] == cost
    assert found["affordable"] is True


def test_an_image_that_nobody_makes_has_no_quote(
    gateway: Gateway, caller: Caller
) -> None:
    """As a chat has none; these tests have keys for two providers only."""
    asked = {**PROMPT, "model": "qwen-vl"}
    body = json.dumps({"endpoint": "images/generations", "request": asked}).encode()
    reply = quote(gateway, caller.key, body)
    assert (reply.status, reply.error["code"]) == (503, "model_unavailable")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        ask_body(temperature=3),
        ask_body(messages=[]),
        ask_body(messages=None),
        ask_body(max_tokens=10**6),
        ask_body(n=0),
        ask_body(model="gpt-2"),
        ask_body(model="dall-e-3"),
        # Its provider has no credential here.
        ask_body(model="qwen-plus"),
    ],
)
def test_what_the_endpoint_refuses_the_quote_refuses_alike(
    gateway: Gateway, caller: Caller, body: bytes
) -> None:
    real = ask(gateway, request("POST", CHAT, body, bearer(caller.key)))
    for sent in {body, wrapped(body)}:
        reply = quote(gateway, caller.key, sent)
        assert real.status >= 400
        assert (reply.status, reply.error) == (real.status, real.error)


def wrapped(body: bytes) -> bytes:
    """The same in an envelope, if it is an object at all."""
    if not body.endswith(b"}"):
        return body
    return b'{"endpoint":"chat/completions","request":%s}' % body


def test_a_model_without_a_price_is_told_so(
    start: Callable[..., Gateway],
) -> None:
    def unpriced(settings):
        prices = [one for one in settings.prices if one.model != "gpt-4o"]
        return replace(settings, prices=type(settings.prices)(prices))

    gateway = start(change=unpriced)
    key = gateway.caller().key
    for reply in (ask(gateway, chat(key)), quote(gateway, key, ask_body())):
        assert (reply.status, reply.error["code"]) == (503, "price_unknown")


def test_a_quote_has_the_same_bound_as_what_it_is_about(
    start: Callable[..., Gateway],
) -> None:
    gateway = start(change=with_listen(body_bytes=2_000, form_bytes=1_000))
    key = gateway.caller().key
    long = [{"role": "user", "content": "x" * 1_500}]
    assert quoted(gateway, key, ask_body(messages=long))["affordable"]
    reply = quote(gateway, key, ask_body(messages=2 * long))
    assert (reply.status, reply.error["code"]) == (413, "body_too_large")


# Keys with limits of their own, made while the gateway runs.


@pytest.mark.parametrize(
    ("options", "served", "code"),
    [
        (("--rpm", "2"), 2, "rate_limit_exceeded"),
        # Each asks for 44 of input at most and 100 of output, and uses 11.
        (("--tpm", "150"), 1, "rate_limit_exceeded"),
        (("--limit", "0"), 0, "key_budget_exceeded"),
        (("--limit-day", "0"), 0, "key_budget_exceeded"),
        (("--limit-month", "0"), 0, "key_budget_exceeded"),
    ],
)
def test_a_keys_own_limits_hold_from_its_first_request(
    gateway: Gateway, caller: Caller, options, served: int, code: str
) -> None:
    key = new_key(gateway, caller, *options)
    replies = [ask(gateway, chat(key, max_tokens=100)) for _ in range(served + 1)]
    assert [one.status for one in replies[:-1]] == [200] * served
    assert replies[-1].error["code"] == code
    # The user's other key is free of them.
    assert ask(gateway, chat(caller.key)).status == 200


def test_a_keys_own_concurrency_holds(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, gate: Gate
) -> None:
    key = new_key(gateway, caller, "--concurrency", "1")
    fake.always(Answer(edits=[after(0, gate)]))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, gateway, chat(key))
        fake.wait_for(1)
        refused = ask(gateway, chat(key))
        gate.open()
        assert waiting.result().status == 200
    assert (refused.status, refused.error["limit"]) == (429, "concurrency")


def test_the_output_is_lowered_to_what_the_key_may_spend(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    """The quote says so first, and then the answer does."""
    key = new_key(gateway, caller, "--limit-day", "0.01")
    found = quoted(gateway, key, ask_body())
    assert (found["affordable"], found["admitted"], found["lowered"]) == (
        False,
        True,
        True,
    )
    answer = ask(gateway, chat(key))
    assert answer.status == 200
    lowered = int(answer.headers["x-autolist-max-tokens"])
    assert lowered == found["max_tokens"] < 1000
    assert fake.requests[-1].json["max_completion_tokens"] == lowered
    data = standing(gateway, key)
    assert (data["limit"], data["limit_reset"]) == (0.01, "daily")
    assert data["limit_remaining"] == pytest.approx(0.01 - 0.000065)
    assert data["caps"]["day"] == {
        "limit_exact": "0.01",
        "spent_exact": COST,
        "remaining_exact": "0.009935",
    }


def test_a_cap_is_used_up_exactly_and_then_refuses(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    """A cap for the worst case, all of which the answer then costs."""
    body = {"model": "gpt-4o", "messages": HELLO, "max_tokens": 300}
    found = quoted(gateway, caller.key, json.dumps(body).encode())
    (fed, made) = found["worst_case"]["lines"]
    assert made["quantity"] == 300
    usage = {"prompt_tokens": fed["quantity"], "completion_tokens": 300}
    usage["total_tokens"] = sum(usage.values())
    fake.always(Answer(usage=usage))
    key = new_key(gateway, caller, "--limit", found["worst_case"]["cost_exact"])
    assert quoted(gateway, key, ask_body(max_tokens=300))["affordable"]
    answer = ask(gateway, chat(key, max_tokens=300))
    assert answer.headers["x-autolist-cost"] == found["worst_case"]["cost_exact"]
    assert "x-autolist-max-tokens" not in answer.headers
    assert standing(gateway, key)["caps"]["total"]["remaining_exact"] == "0.00"
    refused = ask(gateway, chat(key, max_tokens=1))
    assert (refused.status, refused.error["code"]) == (402, "key_budget_exceeded")
    assert refused.headers["x-should-retry"] == "false"
    told = quoted(gateway, key, ask_body(max_tokens=1))
    assert told["refusal"] == refused.error
    assert (told["admitted"], told["max_tokens"]) == (False, None)


def test_what_an_operator_refunds_is_credit_again(
    gateway: Gateway, caller: Caller
) -> None:
    answer = ask(gateway, chat(caller.key))
    why = ("--reason", "cut off", "--author", "grace")
    charge = f"usage:{answer.headers['x-request-id']}"
    operate(gateway, "refund", charge, COST, *why)
    data = standing(gateway, caller.key, CREDITS)
    assert data["balance_exact"] == "10.00"
    assert data["total_usage_exact"] == COST
    assert data["total_credits_exact"] == f"10{COST[1:]}"
    (listed,) = operate(gateway, "key", "list", email_of(gateway, caller))
    assert (listed["spent"], listed["held"]) == (COST, "0.00")
