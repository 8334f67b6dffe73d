"""22: five hundred at once against money, a limit or a cap for ten.

One gateway on each engine, and four on one PostgreSQL ledger. Four workers on one file
are in tests/scenarios/test_workers.py.
"""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from addons.holds import worst_case
from addons.wire.openai import read_chat
from config.money import dollars
from storage.keys import Caps, set_caps
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.conftest import Start
from tests.scenarios.dial import ask_body, chat
from tests.scenarios.harness import Caller, Gateway, environ_of, with_limits
from tests.scenarios.test_overspend import first, post

REQUESTS = 500
GATEWAYS = 4
AFFORDED = 10
OUTPUT_TOKENS = 100
TEN_DOLLARS = 10 * 10**9


def needed_nano(gateway: Gateway) -> int:
    """What one of these requests holds, and what it costs in the end."""
    ask = read_chat(ask_body(max_tokens=OUTPUT_TOKENS))
    price = gateway.settings.prices.at("gpt-4o", gateway.storage.clock.wall_ns())
    assert price is not None
    return worst_case(ask, gateway.settings.models["gpt-4o"], price).amount_nano


def rich(gateway: Gateway) -> Caller:
    return gateway.caller()


def with_money_for_ten(gateway: Gateway) -> Caller:
    return gateway.caller(dollars(AFFORDED * needed_nano(gateway)))


def capped(gateway: Gateway) -> Caller:
    caller = gateway.caller()
    found = gateway.storage.reader.default_key(caller.account_id)
    assert found is not None
    caps = Caps(total_nano=AFFORDED * needed_nano(gateway))
    gateway.storage.writer.wait(set_caps, found[0].id, caps)
    return caller


def unchanged(settings):
    return settings


LIMITS = {
    "money": (unchanged, with_money_for_ten, 402, "insufficient_balance"),
    "rpm": (with_limits(rpm=AFFORDED), rich, 429, "rate_limit_exceeded"),
    "cap": (unchanged, capped, 402, "key_budget_exceeded"),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_22_of_500_at_once_exactly_ten_get_through(
    start: Start, fake: FakeOpenAI, name: str
) -> None:
    gateway = start(change=LIMITS[name][0])
    await crowd([gateway], fake, name)


# Who waits longer than a lock may take is refused: it needs the machine to itself.
@pytest.mark.slow
@pytest.mark.parametrize("name", LIMITS)
async def test_22_of_500_at_four_gateways_exactly_ten_get_through(
    postgres_url: str, fake: FakeOpenAI, tmp_path: Path, name: str
) -> None:
    """Each has a directory, a boot and a writer of its own, as on a machine of its
    own; what they share is the database and its secret."""
    with ExitStack() as stack:
        gateways: list[Gateway] = []
        for number in range(GATEWAYS):
            data = tmp_path / str(number)
            data.mkdir()
            if gateways:
                shutil.copy(gateways[0].data / "secret", data)
            made = Gateway(data, environ_of(fake, postgres_url), LIMITS[name][0])
            gateways.append(stack.enter_context(made))
        await crowd(gateways, fake, name)
        gateways[0].prove()


async def crowd(gateways: list[Gateway], fake: FakeOpenAI, name: str) -> None:
    """Everybody at once, at each gateway as many; ten are served."""
    make: Callable[[Gateway], Caller]
    _, make, status, code = LIMITS[name]
    gateway = gateways[0]
    caller = make(gateway)
    before_nano = gateway.available_nano(caller)
    amount_nano = needed_nano(gateway)
    gate = Gate()
    # All that was held is used, or an eleventh would fit in the end.
    usage = {
        "prompt_tokens": (amount_nano - OUTPUT_TOKENS * 10_000) // 2500,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": 0,
    }
    fake.always(Answer(usage=usage, edits=[after(0, gate)]))
    request = chat(caller.key, max_tokens=OUTPUT_TOKENS)
    ports = [gateways[number % len(gateways)].port for number in range(REQUESTS)]
    try:
        asked = [asyncio.create_task(post(port, request)) for port in ports]
        refusals = await first(asked, REQUESTS - AFFORDED)
        fake.wait_for(AFFORDED)
        assert len(fake.requests) == AFFORDED
    finally:
        gate.open()
    answers = await asyncio.gather(*asked)
    assert Counter(found for found, _ in answers) == {
        200: AFFORDED,
        status: REQUESTS - AFFORDED,
    }
    said = json.loads(refusals[-1][1].partition(b"\r\n\r\n")[2])["error"]
    assert said["code"] == code
    for one in gateways:
        one.settled()
    assert len(fake.requests) == AFFORDED
    charges = gateway.charges(caller)
    assert [one.paid_nano for one in charges] == [amount_nano] * AFFORDED
    left_nano = gateway.available_nano(caller)
    assert left_nano == before_nano - AFFORDED * amount_nano
    assert (left_nano == 0) is (name == "money")
