"""Receipts over the whole path: however a request ended, what it cost is explained.

Each receipt is fetched as its owner would, checked with nothing but the public key, and
compared with the ledger to the nano-dollar. Prices are gpt-4o's: 2,500 nano-dollars an
input token, 10,000 an output token, 1,250 for input that the provider had cached.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.prices import Case, Price, PriceBook, When
from config.settings import Credential, Settings
from storage.receipt_check import check, read_receipt
from storage.signing import VerifyingKey
from tests.fakes.openai_script import Answer, End, Gate, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import bare, program
from tests.scenarios.dial import Dial, Reply, chat, request
from tests.scenarios.harness import Caller, Gateway, environ_of

WAIT_SECONDS = 10
RECEIPTS = "/api/v1/receipts/"


def get(gateway: Gateway, target: str, key: str | None = None) -> Reply:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with Dial(gateway.port) as dial:
        return dial.ask(request("GET", target, headers=headers))


def ask(gateway: Gateway, caller: Caller, **parameters: Any) -> str:
    """A chat, read to its end; its request's id."""
    with Dial(gateway.port) as dial:
        return dial.ask(chat(caller.key, **parameters)).headers["x-request-id"]


def public_key(gateway: Gateway) -> VerifyingKey:
    return VerifyingKey.parse(get(gateway, f"{RECEIPTS}key").body)


def receipt(gateway: Gateway, caller: Caller, request_id: str = "") -> dict[str, Any]:
    """The caller's receipt, which is true and says what the ledger says."""
    gateway.settled()
    charges = {one.request_id: one for one in gateway.charges(caller)}
    charge = charges[request_id or max(charges)]
    reply = get(gateway, RECEIPTS + charge.request_id, caller.key)
    assert reply.status == 200, reply.body
    shown = read_receipt(reply.body)
    assert check(shown, public_key(gateway)) == []
    assert (shown["charge_nano"], shown["paid_nano"], shown["shortfall_nano"]) == (
        str(charge.cost_nano),
        str(charge.paid_nano),
        str(charge.shortfall_nano),
    )
    assert shown["sum_pico"] == str(charge.cost_pico)
    return shown


def lines(shown: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [
        (line["meter"], line["quantity"], line["rate_pico"]) for line in shown["lines"]
    ]


# Answers that came.


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_explained(
    gateway: Gateway, caller: Caller, stream: bool
) -> None:
    shown = receipt(gateway, caller, ask(gateway, caller, stream=stream))
    assert (shown["state"], shown["outcome"], shown["evidence"]) == (
        "settled", "complete", "reported",
    )
    assert (shown["stream"], shown["finish_reason"], shown["status"]) == (
        stream, "stop", 200,
    )
    assert lines(shown) == [("input", 6, "2500000"), ("output", 5, "10000000")]
    assert (shown["charge"], shown["paid"]) == ("0.000065", "0.000065")
    assert shown["transfer"]["balance_nano"] == str(10 * 10**9 - 65_000)
    assert shown["transfer"]["id"] == f"usage:{shown['id']}"


def test_the_providers_own_name_for_the_request_is_in_it(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    shown = receipt(gateway, caller, ask(gateway, caller))
    (received,) = fake.requests
    assert shown["upstream_id"] == f"req_fake{received.number}"
    (attempt,) = shown["trail"]
    assert (attempt["provider"], attempt["outcome"], attempt["status"]) == (
        "openai", "complete", 200,
    )


def test_the_balance_and_the_times_are_those_of_the_ledger(
    gateway: Gateway, caller: Caller
) -> None:
    shown = receipt(gateway, caller, ask(gateway, caller, stream=True))
    newest = gateway.storage.reader.transactions(caller.account_id)[0]
    assert (shown["transfer"]["seq"], shown["transfer"]["balance_nano"]) == (
        newest.seq, str(newest.balance_nano),
    )
    assert shown["hold"]["opened_at"] < shown["hold"]["closed_at"]
    assert shown["first_byte_ms"] <= shown["total_ms"]


def test_cached_tokens_have_a_line_of_their_own(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Answer(cached_tokens=4))
    shown = receipt(gateway, caller, ask(gateway, caller))
    assert lines(shown) == [
        ("cache_read", 4, "1250000"),
        ("input", 2, "2500000"),
        ("output", 5, "10000000"),
    ]


def test_an_answer_that_was_counted_says_so(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Answer(report_usage=False))
    assert receipt(gateway, caller, ask(gateway, caller))["evidence"] == "counted"


def test_what_the_balance_did_not_cover_is_on_it(
    gateway: Gateway, fake: FakeOpenAI
) -> None:
    caller = gateway.caller("0.0033")
    usage = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
    fake.always(Answer(usage=usage))
    shown = receipt(gateway, caller, ask(gateway, caller, max_tokens=300))
    assert (shown["charge"], shown["paid"], shown["shortfall"]) == (
        "0.0055", "0.0033", "0.0022",
    )
    assert shown["transfer"]["amount_nano"] == "3300000"


TIERED = Price.of(
    "gpt-4o",
    0,
    {"input": 1_000_001, "cache_read": 7, "output": 3_000_003, "reasoning": 5_000_000},
    {"input": 1, "output": 1},
    [
        Case(When(input_above=5), {"input": 2_000_001, "cache_read": 9}, {}),
        Case(When(input_above=10**6), {"output": 9_000_000}, {}),
    ],
)


def priced(settings: Settings) -> Settings:
    return replace(settings, prices=PriceBook([TIERED]))


def test_a_tier_and_reasoning_are_explained(start, fake: FakeOpenAI) -> None:
    gateway = start(change=priced)
    caller = gateway.caller()
    fake.always(
        Answer(
            usage={
                "prompt_tokens": 6,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 20},
            }
        )
    )
    shown = receipt(gateway, caller, ask(gateway, caller))
    assert shown["applied"] == ["input above 5 tokens"]
    assert lines(shown) == [
        ("cache_read", 1, "9"),
        ("input", 5, "2000001"),
        ("output", 30, "3000003"),
        ("reasoning", 20, "5000000"),
    ]
    # By hand: 9 + 10,000,005 + 90,000,090 + 100,000,000 pico.
    assert (shown["sum_pico"], shown["charge_nano"]) == ("200000104", "200001")
    assert shown["rounding"]["added_pico"] == "896"
    assert "moment" in shown["conditions"]


# Answers that did not.


def test_a_client_that_left_finds_out_what_it_paid_for(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    gate = Gate()
    fake.always(Answer("one two three four five ", edits=[after(4, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        dial.head()
        heard = b""
        while b"three" not in heard:
            heard += dial.piece()
    (received,) = fake.requests
    assert received.disconnected.wait(WAIT_SECONDS)
    shown = receipt(gateway, caller)
    assert (shown["evidence"], shown["outcome"]) == ("partial", "client_left_midstream")
    assert shown["outcome_means"] == "the caller left while the answer was sent"
    assert [attempt["outcome"] for attempt in shown["trail"]] == ["cancelled"]
    assert shown["quantities"]["output"] == 4
    assert shown["finish_reason"] == ""


def test_a_stream_that_broke_off_is_explained(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Answer("one two three ", edits=[after(3, End.RST)]))
    shown = receipt(gateway, caller, ask(gateway, caller, stream=True))
    assert (shown["state"], shown["outcome"]) == ("settled", "upstream_died")
    assert [attempt["outcome"] for attempt in shown["trail"]] == ["upstream_error"]


def test_a_refused_request_costs_nothing_and_says_why(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Status(429))
    shown = receipt(gateway, caller, ask(gateway, caller))
    assert (shown["state"], shown["charge"], shown["transfer"]) == (
        "voided", "0.00", None,
    )
    assert (shown["outcome"], shown["status"]) == ("rate_limit_exceeded", 429)
    assert shown["outcome_means"].endswith("with the error rate_limit_exceeded")
    assert [attempt["status"] for attempt in shown["trail"]] == [429]


def twice(settings: Settings) -> Settings:
    """The one provider has two credentials: a second leg."""
    provider = settings.providers["openai"]
    pair = (Credential("ONE", "sk-fake"), Credential("TWO", "sk-fake"))
    providers = {**settings.providers, "openai": replace(provider, credentials=pair)}
    return replace(settings, providers=providers)


@pytest.mark.parametrize("stream", [False, True])
def test_every_attempt_is_on_it_and_one_is_paid(
    start, fake: FakeOpenAI, stream: bool
) -> None:
    gateway = start(change=twice)
    caller = gateway.caller()
    fake.script(Status(500), Answer())
    shown = receipt(gateway, caller, ask(gateway, caller, stream=stream))
    assert [(one["outcome"], one["status"]) for one in shown["trail"]] == [
        ("upstream_error", 500), ("complete", 200),
    ]
    assert (shown["attempts"], shown["charge"]) == (2, "0.000065")
    assert shown["upstream_id"] == f"req_fake{fake.requests[1].number}"
    assert "sk-fake" not in json.dumps(shown)


# Whose it is.


@pytest.mark.parametrize("target", [RECEIPTS, "/api/v1/generation?id="])
def test_nobody_else_gets_it(gateway: Gateway, caller: Caller, target: str) -> None:
    request_id = ask(gateway, caller)
    other = gateway.caller()
    theirs = get(gateway, target + request_id, other.key)
    none = get(gateway, target + request_id[:-1] + "0", other.key)
    assert (theirs.status, none.status) == (404, 404)
    assert theirs.body == none.body
    for key in (None, "tk_wrong"):
        assert get(gateway, target + request_id, key).status == 401


def test_a_request_that_runs_has_no_receipt_yet(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    gate = Gate()
    fake.always(Answer(edits=[after(2, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        _, headers = dial.head()
        running = get(gateway, RECEIPTS + headers["x-request-id"], caller.key)
        assert (running.status, running.error["code"]) == (404, "not_found")
        gate.open()
        dial.pieces()
    assert receipt(gateway, caller)["state"] == "settled"


def test_what_was_refused_before_any_money_was_held_has_none(
    gateway: Gateway,
) -> None:
    poor = gateway.caller("0.00")
    with Dial(gateway.port) as dial:
        refused = dial.ask(chat(poor.key))
    assert refused.status == 402
    reply = get(gateway, RECEIPTS + refused.headers["x-request-id"], poor.key)
    assert reply.status == 404


def test_a_head_request_learns_whether_there_is_one(
    gateway: Gateway, caller: Caller
) -> None:
    request_id = ask(gateway, caller)
    headers = {"X-API-Key": caller.key}
    with Dial(gateway.port) as dial:
        asked = request("HEAD", f"/v1/receipts/{request_id}", headers=headers)
        reply = dial.ask(asked, method="HEAD")
    assert (reply.status, reply.body) == (200, b"")


def test_the_key_is_the_same_after_a_restart(fake: FakeOpenAI, tmp_path: Path) -> None:
    shown = []
    for _ in range(2):
        with Gateway(tmp_path, environ_of(fake)) as gateway:
            shown.append(get(gateway, f"{RECEIPTS}key").json)
    assert shown[0] == shown[1]
    assert (shown[0]["algorithm"], len(shown[0]["key_id"])) == ("Ed25519", 32)


# In OpenRouter's words.


def test_a_generation_is_the_same_charge(gateway: Gateway, caller: Caller) -> None:
    request_id = ask(gateway, caller, stream=True)
    reply = get(gateway, f"/api/v1/generation?id={request_id}", caller.key)
    data = reply.json["data"]
    assert b'"total_cost":0.000065,' in reply.body
    assert (data["id"], data["model"], data["provider_name"]) == (
        request_id, "gpt-4o", "openai",
    )
    assert (data["native_tokens_prompt"], data["native_tokens_completion"]) == (6, 5)
    assert (data["streamed"], data["cancelled"], data["finish_reason"]) == (
        True, False, "stop",
    )


# Somewhere else.


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`receipt check` in another process, in a folder with no ledger in it."""

    def run(shown: bytes, key: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "receipt.json").write_bytes(shown)
        (tmp_path / "key.json").write_bytes(key)
        command = program("receipt", "check", "receipt.json", "--key", "key.json")
        return subprocess.run(
            command, cwd=tmp_path, env=bare({}), capture_output=True, text=True
        )

    return run


def test_another_process_checks_a_receipt_offline(
    gateway: Gateway, caller: Caller, elsewhere
) -> None:
    shown = receipt(gateway, caller, ask(gateway, caller, stream=True))
    body = get(gateway, RECEIPTS + shown["id"], caller.key).body
    key = get(gateway, f"{RECEIPTS}key").body
    done = elsewhere(body, key)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{shown['id']}: valid, 0.000065 USD charged" in done.stdout

    old, new = b'"charge_nano":"65000"', b'"charge_nano":"65001"'
    assert body.count(old) == 1
    done = elsewhere(body.replace(old, new), key)
    assert (done.returncode, done.stderr) == (1, "")
    assert "charge_nano: 65000000 pico rounded up are 65000" in done.stdout

    assert elsewhere(b"{}", key).returncode == 2
