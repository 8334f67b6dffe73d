"""Five hundred requests at once, money for ten.

The provider answers nobody until all have been decided, so nothing is paid back in
time to help anyone: who is served was decided by what was held. Each answer then uses
exactly its worst case, and the balance ends at zero to the nano-dollar.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from addons.quoting import worst_case
from addons.wire.openai import read_chat
from config.money import dollars
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.dial import ask_body, chat
from tests.scenarios.harness import Gateway, environ_of

REQUESTS = 500
AFFORDED = 10
OUTPUT_TOKENS = 100
WAIT_SECONDS = 30


@pytest.fixture
def gateway(fake: FakeOpenAI, tmp_path: Path, url: str) -> Iterator[Gateway]:
    with Gateway(tmp_path, environ_of(fake, url)) as gateway:
        yield gateway
        gateway.prove()


@pytest.fixture
def gate(fake: FakeOpenAI) -> Iterator[Gate]:
    gate = Gate()
    yield gate
    # However the test ended, nobody waits behind it.
    gate.open()


async def post(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and all else of one answer, over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.replace(b"Host: gateway", b"Connection: close", 1))
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("stream", [False, True])
async def test_only_what_the_balance_covers_reaches_the_provider(
    gateway: Gateway, fake: FakeOpenAI, gate: Gate, stream: bool
) -> None:
    ask = read_chat(ask_body(max_tokens=OUTPUT_TOKENS))
    price = gateway.settings.prices.at("gpt-4o", gateway.storage.clock.wall_ns())
    assert price is not None
    quote = worst_case(ask, gateway.settings.models["gpt-4o"], price)
    # By hand: $2.50 and $10 a million tokens.
    assert quote.amount_nano == quote.input_tokens * 2500 + OUTPUT_TOKENS * 10_000
    caller = gateway.caller(dollars(AFFORDED * quote.amount_nano))
    usage = {
        "prompt_tokens": quote.input_tokens,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": quote.input_tokens + OUTPUT_TOKENS,
    }
    fake.always(Answer(usage=usage, edits=[after(0, gate)]))

    request = chat(caller.key, max_tokens=OUTPUT_TOKENS, stream=stream)
    asked = [
        asyncio.create_task(post(gateway.port, request)) for _ in range(REQUESTS)
    ]
    refusals = await first(asked, REQUESTS - AFFORDED)
    assert {status for status, _ in refusals} == {402}
    said = json.loads(refusals[-1][1].partition(b"\r\n\r\n")[2])["error"]
    needed = dollars(quote.amount_nano)
    assert (said["needed"], said["available"]) == (needed, "0.00")
    # The ten that are left are all that ever get there.
    fake.wait_for(AFFORDED)
    assert len(fake.requests) == AFFORDED
    assert gateway.available_nano(caller) == 0
    gate.open()
    answers = await asyncio.gather(*asked)

    served = [answer for status, answer in answers if status == 200]
    assert len(served) == AFFORDED
    assert all((b"data: [DONE]" in answer) is stream for answer in served)
    gateway.settled()
    balance = gateway.storage.reader.balance(caller.account_id)
    assert (balance.posted_nano, balance.pending_nano) == (0, 0)
    charges = gateway.charges(caller)
    assert [one.paid_nano for one in charges] == [quote.amount_nano] * AFFORDED
    assert [one.shortfall_nano for one in charges] == [0] * AFFORDED
    assert len(fake.requests) == AFFORDED


async def first(
    asked: list[asyncio.Task[tuple[int, bytes]]], count: int
) -> list[tuple[int, bytes]]:
    """The answers that come first, as soon as there are so many."""
    found = []
    for next_one in asyncio.as_completed(asked, timeout=WAIT_SECONDS):
        found.append(await next_one)
        if len(found) == count:
            break
    return found
