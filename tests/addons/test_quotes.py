"""Quotes: the same as the hold for the same body, and nothing is held for them."""

import asyncio
import random
from dataclasses import replace

import orjson
import pytest

from addons import endpoints
from addons.exchange import Exchange, KeyLimits
from addons.holds import Holds
from addons.plan import Plans
from addons.quotes import QUEUE_MAX, Quotes
from addons.quoting import quote_of, worst_case
from addons.wire.errors import UnknownKey
from addons.wire.openai import read_chat
from config import Price, PriceBook
from config.money import dollars
from config.price_text import terms_id, terms_text
from config.settings import Policies
from storage.keys import Caps, set_caps
from tests.fakes import exchanges
from tests.fakes.plans import plans

FLOOR = 256
CASES = 150
IMAGE = Price.of("dall-e-3", 0, {"image": 4 * 10**10}, {"image": 1})
BOOK = PriceBook([exchanges.PRICE, IMAGE, exchanges.VIDEO_PRICE])
MODELS = (exchanges.MODEL, exchanges.IMAGE_MODEL, exchanges.VIDEO_MODEL)
PROMPT = {"prompt": "a cat"}
WORDS = ("the quick brown fox ", "价格是多少 ", "x", "{}[]()", " " * 40)


@pytest.fixture
def quotes(storage, clock):
    models = {model.id: model for model in MODELS}
    routes = {id: (exchanges.leg(),) for id in models}
    addon = Quotes(planned(models, routes, clock), storage.reader, clock)
    yield addon
    addon.done()


def planned(models, routes, clock) -> Plans:
    policies = Policies(output_floor_tokens=FLOOR)
    return plans(models, routes, clock, prices=BOOK, policies=policies)


async def ask(
    addon: Quotes, caller, body: bytes, limits=exchanges.NO_LIMITS, **request
) -> Exchange:
    key = caller.key if caller else None
    record = exchanges.exchange(endpoints.QUOTE, caller=key, limits=limits)
    flow = exchanges.travelling(record, body=body, **request)
    await addon.request(flow)
    record.tail = flow.response.content if flow.response else b""
    return record


async def quoted(
    addon: Quotes, caller, body: bytes, limits=exchanges.NO_LIMITS
) -> dict:
    record = await ask(addon, caller, body, limits)
    assert record.refusal is None
    return orjson.loads(record.tail)


async def test_a_quote_says_what_a_request_would_hold(quotes, storage, caller) -> None:
    body = exchanges.ask_body(max_tokens=1000)
    first = worst_case(read_chat(body), exchanges.MODEL, exchanges.PRICE)
    record = await ask(quotes, caller, body)
    found = orjson.loads(record.tail)
    assert (found["object"], found["endpoint"]) == ("quote", "chat/completions")
    assert (found["model"], found["currency"]) == ("gpt-4o", "USD")
    assert found["at"] == "2026-01-01"
    assert found["price"] == {
        "id": terms_id(terms_text(exchanges.PRICE)),
        "effective_from": "1970-01-01",
        "conditions": {},
    }
    exact = dollars(first.amount_nano)
    assert f'"worst_case":{{"cost":{exact},"cost_exact":"{exact}"' in (
        record.tail.decode()
    )
    assert found["expected"]["lines"][1]["quantity"] == 1000
    assert (found["affordable"], found["admitted"]) == (True, True)
    assert (found["hold_exact"], found["max_tokens"]) == (exact, 1000)
    assert (found["lowered"], found["refusal"]) == (False, None)
    assert found["balance_exact"] == "10.00"
    balance = storage.reader.balance(caller.key.account_id)
    assert (balance.pending_nano, storage.reader.open_holds()) == (0, [])


@pytest.mark.parametrize(
    ("endpoint", "request_", "cost"),
    [
        ("images/generations", PROMPT, "0.04"),
        ("images/generations", {**PROMPT, "n": 10, "model": "dall-e-3"}, "0.40"),
        ("videos/generations", PROMPT, "0.15"),
        ("videos/generations", {**PROMPT, "duration": 5}, "0.15"),
        ("videos", {**PROMPT, "seconds": "5", "size": "1920x1080"}, "0.15"),
    ],
)
async def test_images_and_videos_have_quotes(
    quotes, caller, endpoint: str, request_, cost: str
) -> None:
    body = orjson.dumps({"endpoint": endpoint, "request": request_})
    found = await quoted(quotes, caller, body)
    assert found["endpoint"] == endpoint
    assert found["worst_case"]["cost_exact"] == found["hold_exact"] == cost
    assert found["expected"]["cost_exact"] == cost
    assert (found["affordable"], found["max_tokens"]) == (True, None)


@pytest.mark.parametrize(
    ("nano", "cap", "code"),
    [
        (4 * 10**7, 4 * 10**7, None),
        (4 * 10**7 - 1, 10**9, "insufficient_balance"),
        (10**9, 4 * 10**7 - 1, "key_budget_exceeded"),
        (1, 1, "insufficient_balance"),
    ],
)
async def test_a_piece_is_affordable_or_not(
    quotes, storage, caller_with, nano: int, cap: int, code
) -> None:
    caller = caller_with(nano)
    storage.writer.wait(set_caps, caller.key.id, Caps(month_nano=cap))
    body = orjson.dumps({"endpoint": "images/generations", "request": PROMPT})
    found = await quoted(quotes, caller, body)
    assert found["affordable"] is found["admitted"] is (code is None)
    assert (found["refusal"] or {}).get("code") == code
    assert (found["hold_exact"] is None) is (code is not None)


def some_body(chance: random.Random) -> bytes:
    text = chance.choice(WORDS) * chance.randrange(1, 60)
    fields = {"messages": [{"role": "user", "content": text}]}
    if chance.random() < 0.6:
        fields["max_tokens"] = chance.choice((1, 100, 256, 300, 5000, 16_384))
    if chance.random() < 0.3:
        fields["n"] = chance.randrange(1, 4)
    return exchanges.ask_body(**fields)


@pytest.mark.parametrize("context_tokens", [128_000, 40])
async def test_the_hold_is_the_quote(
    quotes, storage, clock, caller_with, context_tokens: int
) -> None:
    """For any body, balance, tokens a minute and caps: the same amount and limit, or
    the same no."""
    model = replace(exchanges.MODEL, context_tokens=context_tokens)
    quotes.plans = planned({"gpt-4o": model}, {"gpt-4o": (exchanges.leg(),)}, clock)
    chance = random.Random(7)
    till = Holds(storage.writer, quotes.plans, clock, 0)
    seen: dict[str, int] = {}
    for number in range(CASES):
        body = some_body(chance)
        chat = read_chat(body)
        first = worst_case(chat, model, exchanges.PRICE).amount_nano
        near = quote_of(exchanges.PRICE, 50, 300, chat.n).amount_nano
        amounts = (1, near, near // 2, first - 1, first, 2 * first)
        caller = caller_with(chance.choice(amounts))
        caps = Caps(*(chance.choice((None, *amounts)) for _ in range(3)))
        storage.writer.wait(set_caps, caller.key.id, caps)
        taken = worst_case(chat, model, exchanges.PRICE).tokens
        tpm = chance.choice((0, 0, 0, taken, taken - 1, 330 * chat.n, 250))

        record = exchanges.held(
            id=f"req_{number}",
            held=False,
            quote=None,
            ask=chat,
            model=model,
            caller=caller.key,
            limits=KeyLimits(0, tpm, 0),
        )
        found = await quoted(quotes, caller, body, record.limits)
        await till.request(exchanges.travelling(record))

        assert found["worst_case"]["cost_exact"] == dollars(first)
        if record.refusal is not None:
            said = found["refusal"]
            extra = {name: said[name] for name in record.refusal.extra}
            assert (said["code"], extra) == (record.refusal.code, record.refusal.extra)
            outcome = said["code"]
        else:
            quote = record.quote
            assert found["hold_exact"] == dollars(quote.amount_nano)
            assert found["max_tokens"] == quote.output_tokens
            assert found["lowered"] is quote.lowered
            assert found["affordable"] is (quote.amount_nano == first)
            outcome = "lowered" if quote.lowered else "whole"
            await till.void(record, None)
        seen[outcome] = seen.get(outcome, 0) + 1
    assert min(seen.values()) >= 5
    assert seen.keys() == {
        "whole",
        "lowered",
        "insufficient_balance",
        "key_budget_exceeded",
        "tokens_over_limit",
    }


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (exchanges.ask_body(temperature=3), 400, "temperature"),
        (exchanges.ask_body(max_tokens=16_385), 400, "max_tokens"),
        (exchanges.ask_body(model="gpt-2"), 404, "model"),
        (orjson.dumps({"endpoint": "x", "request": {}}), 400, "endpoint"),
        (
            orjson.dumps(
                {
                    "endpoint": "images/generations",
                    "request": {**PROMPT, "model": "midjourney"},
                }
            ),
            404,
            "model",
        ),
    ],
)
async def test_what_would_be_refused_is_refused_alike(
    quotes, caller, body: bytes, status: int, param
) -> None:
    refusal = (await ask(quotes, caller, body)).refusal
    assert (refusal.status, refusal.param) == (status, param)


@pytest.mark.parametrize(
    "body",
    [
        exchanges.ask_body(),
        orjson.dumps({"endpoint": "images/generations", "request": PROMPT}),
        orjson.dumps({"endpoint": "videos/generations", "request": PROMPT}),
    ],
    ids=["chat", "image", "video"],
)
async def test_a_key_for_other_models_gets_no_quote(
    quotes, caller, body: bytes
) -> None:
    bound = replace(caller, key=replace(caller.key, models=frozenset({"other"})))
    refusal = (await ask(quotes, bound, body)).refusal
    assert (refusal.status, refusal.code) == (403, "model_not_allowed")


async def test_a_compressed_body_is_refused(quotes, caller) -> None:
    headers = {"content-encoding": "gzip"}
    record = await ask(quotes, caller, exchanges.ask_body(), headers=headers)
    assert record.refusal.status == 400


async def test_a_model_without_a_price_has_no_quote(quotes, caller) -> None:
    quotes.plans = plans({"gpt-4o": exchanges.MODEL}, {"gpt-4o": (exchanges.leg(),)})
    refusal = (await ask(quotes, caller, exchanges.ask_body())).refusal
    assert (refusal.status, refusal.code) == (503, "price_unknown")


async def test_a_model_that_nobody_serves_has_no_quote(quotes, caller) -> None:
    quotes.plans = plans({"gpt-4o": exchanges.MODEL})
    refusal = (await ask(quotes, caller, exchanges.ask_body())).refusal
    assert (refusal.status, refusal.code) == (503, "model_unavailable")


async def test_a_key_that_went_away_is_unknown(quotes, caller) -> None:
    gone = replace(caller, key=replace(caller.key, id=99))
    assert (await ask(quotes, gone, exchanges.ask_body())).refusal.status == 401


async def test_a_record_without_a_caller_is_our_fault(quotes) -> None:
    assert (await ask(quotes, None, exchanges.ask_body())).refusal.status == 500


async def test_a_ledger_that_cannot_be_read_is_said_so(
    quotes, storage, caller
) -> None:
    storage.reader.close()
    refusal = (await ask(quotes, caller, exchanges.ask_body())).refusal
    assert (refusal.status, refusal.code) == (503, "ledger_unavailable")


async def test_only_so_many_quotes_wait(quotes, caller) -> None:
    body = exchanges.ask_body()
    asked = [ask(quotes, caller, body) for _ in range(QUEUE_MAX + 1)]
    *served, last = await asyncio.gather(*asked)
    assert [one.refusal for one in served] == [None] * QUEUE_MAX
    assert (last.refusal.status, last.refusal.code) == (503, "overloaded")
    assert quotes.waiting == 0


@pytest.mark.parametrize(
    ("endpoint", "refusal"),
    [(endpoints.CHAT, None), (endpoints.QUOTE, UnknownKey())],
)
async def test_what_is_another_matter_is_left_alone(
    quotes, caller, endpoint, refusal
) -> None:
    record = exchanges.exchange(endpoint, caller=caller.key, refusal=refusal)
    flow = exchanges.travelling(record, body=b"{")
    await quotes.request(flow)
    assert (flow.response, record.refusal) == (None, refusal)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"size": "1x1"}, "size"),
        ({"size": "1024x1792"}, "size"),
        ({"model": "gpt-4o"}, "model"),
        ({"n": 11}, "n"),
    ],
)
async def test_an_image_that_would_be_refused_has_no_quote(
    quotes, caller, request_, param: str
) -> None:
    fields = {"endpoint": "images/generations", "request": {**PROMPT, **request_}}
    record = await ask(quotes, caller, orjson.dumps(fields))
    assert (record.refusal.status, record.refusal.param) == (400, param)
