"""Charges are computed again from what passed, by the gateway's own arithmetic."""

import orjson
import pytest

from addons.inspector.framing import Frame
from addons.inspector.recomputing import Recomputing, Result, Verdict
from addons.metering import End
from config import Price, PriceBook
from config.price_text import terms_text
from config.prices import cost_nano
from config.settings import Policies
from tests.addons.inspector.captures import stories
from tests.addons.inspector.web.entries import frame
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.transport import DONE, chunk, completion, usage_chunk

ANSWER = completion("Hi", usage={"prompt_tokens": 12, "completion_tokens": 34})
USED = {"input": 12, "cache_read": 0, "cache_write": 0, "output": 34}
CHARGED = cost_nano(exchanges.PRICE, USED)
STREAM = chunk("Hel") + chunk("lo") + chunk("", "stop") + usage_chunk(12, 34) + DONE


def request(**changes) -> Frame:
    facts = {
        "request": "req_1",
        "model": "gpt-4o",
        "state": "charged",
        "end": "complete",
        "paid_nano": CHARGED,
        "cost_nano": CHARGED,
        "stream": False,
        **changes.pop("facts", {}),
    }
    capture = {
        "terms": terms_text(exchanges.PRICE),
        "situation": {"moment_ns": 5, "thinking": False},
        "policies": vars_of(Policies()),
        "image_tokens": 0,
        "input_tokens": 100,
        "output_tokens": 200,
        "choices": 1,
        **changes.pop("capture", {}),
    }
    body = changes.pop("request", exchanges.ask_body())
    return frame(request=body, facts=facts, capture=capture, **changes)


def vars_of(policies: Policies) -> dict[str, object]:
    return {name: getattr(policies, name) for name in policies.__slots__}


def call(answer: bytes = ANSWER, outcome: str = "complete", **changes) -> Frame:
    facts = {
        "request": "req_1",
        "attempt": 1,
        "call": 1,
        "dialect": "openai",
        "outcome": outcome,
    }
    return frame(
        id="req_1/1", part="call", facts=facts | changes.pop("facts", {}),
        answer=answer, **changes,
    )


async def result(*frames: Frame, book: PriceBook | None = None) -> Result:
    (story,) = stories(*frames)
    return await Recomputing(FakeClock(), book).result(story)


async def test_a_whole_answer_is_metered_by_what_its_provider_reported() -> None:
    found = await result(request(), call())
    assert (found.verdict, found.evidence) == (Verdict.SAME, "reported")
    assert (found.quantities, found.computed_nano) == (USED, CHARGED)


async def test_another_charge_is_told_apart() -> None:
    wrong = {"paid_nano": CHARGED + 1, "cost_nano": CHARGED + 1}
    found = await result(request(facts=wrong), call())
    assert found.verdict is Verdict.DIFFERENT
    assert (found.charged_nano, found.computed_nano) == (CHARGED + 1, CHARGED)


async def test_a_balance_that_ended_first_is_no_difference() -> None:
    found = await result(request(facts={"paid_nano": CHARGED - 10}), call())
    assert (found.verdict, found.reason) == (Verdict.SAME, "the balance ended first")


async def test_a_stream_is_metered_too() -> None:
    found = await result(request(facts={"stream": True}), call(STREAM))
    assert (found.verdict, found.evidence) == (Verdict.SAME, "reported")


async def test_what_a_client_left_is_counted_as_far_as_it_was_delivered() -> None:
    cut = chunk("Hello") + chunk(" there")
    facts = {"stream": True, "end": End.LEFT_READING.value, "cost_nano": 0}
    left = request(facts={**facts, "paid_nano": 0})
    found = await result(left, call(cut, "cancelled"))
    assert found.evidence == "partial"
    assert found.quantities is not None and found.quantities["output"] == 2
    nano = found.computed_nano
    again = request(facts={**facts, "paid_nano": nano, "cost_nano": nano})
    assert (await result(again, call(cut, "cancelled"))).verdict is Verdict.SAME


@pytest.mark.parametrize("end", [End.LEFT_READING, End.BROKEN, End.LEFT_WAITING])
async def test_the_policies_of_then_decide(end: End) -> None:
    policies = dict.fromkeys(
        ("client_left_before_headers", "client_left_midstream", "upstream_died"),
        "nothing",
    )
    facts = {"stream": True, "end": end.value, "paid_nano": 0, "cost_nano": 0}
    made = request(
        facts=facts, capture={"policies": {"output_floor_tokens": 1, **policies}}
    )
    found = await result(made, call(chunk("Hello"), "cancelled"))
    assert (found.verdict, found.computed_nano) == (Verdict.SAME, 0)


@pytest.mark.parametrize("state", ["replayed", "refused", "answered"])
async def test_what_was_not_paid_for_is_not_computed(state: str) -> None:
    found = await result(request(facts={"state": state}))
    assert (found.verdict, found.computed_nano) == (Verdict.FREE, None)


async def test_a_refusal_after_a_hold_costs_nothing() -> None:
    facts = {"end": "upstream_error", "paid_nano": 0, "cost_nano": 0}
    found = await result(request(facts=facts), call(b"oops", "x", status=500))
    assert (found.verdict, found.evidence) == (Verdict.SAME, "none")


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ((request(facts={"paid_nano": None}), call()), "had not ended"),
        ((request(request=b""), call(completion())), "not in the capture"),
        ((request(whole=[False, True]), call(completion())), "counted are not all"),
        ((request(), call(completion(), whole=[True, False])), "counted are not all"),
        ((request(), call(b"")), "not in the capture"),
        ((request(), call(facts={"dialect": "klingon"})), "dialect"),
        ((request(capture={"terms": "{}"}), call()), "damaged"),
        ((request(capture={"policies": 3}), call()), "damaged"),
    ],
)
async def test_what_is_missing_is_said(frames, reason: str) -> None:
    found = await result(*frames)
    assert found.verdict is Verdict.IMPOSSIBLE and reason in found.reason


async def test_reported_usage_needs_no_texts() -> None:
    found = await result(
        request(request=b"", whole=[False, False]), call(whole=[False, False])
    )
    assert found.verdict is Verdict.SAME


async def test_other_prices_give_another_charge() -> None:
    twice = {meter: 2 * pico for meter, pico in exchanges.SELL.items()}
    book = PriceBook([Price.of("gpt-4o", 0, twice, twice)])
    found = await result(request(), call(), book=book)
    assert found.verdict is Verdict.DIFFERENT
    assert found.computed_nano == 2 * CHARGED
    found = await result(request(), call(), book=PriceBook())
    assert found.verdict is Verdict.IMPOSSIBLE


def pieces(price: Price, count: dict[str, int], **changes) -> Frame:
    capture = {"terms": terms_text(price), "pieces": count}
    return request(capture=capture, **changes)


async def test_images_are_charged_by_those_there_are() -> None:
    shown = orjson.dumps({"data": [{"url": "u"}, {"url": "v"}]})
    paid_nano = cost_nano(exchanges.IMAGE_PRICE, {"image": 2})
    facts = {"paid_nano": paid_nano, "cost_nano": paid_nano}
    made = pieces(exchanges.IMAGE_PRICE, {"image": 3}, facts=facts, answer=shown)
    found = await result(made)
    assert (found.verdict, found.quantities) == (Verdict.SAME, {"image": 2})


async def test_a_video_is_charged_when_its_request_is_told_of_it() -> None:
    count = {"generation": 1, "second": 10}
    facts = {"state": "charged", "paid_nano": None}
    made = pieces(
        exchanges.VIDEO_PRICE,
        count,
        facts=facts,
        answer_headers=[["x-autolist-cost", "0.15"]],
    )
    del made.head["facts"]["end"]
    found = await result(made)
    assert (found.verdict, found.computed_nano) == (Verdict.SAME, 150_000_000)
    made.head["answer_headers"] = []
    assert (await result(made)).verdict is Verdict.IMPOSSIBLE
