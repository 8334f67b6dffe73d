"""Asking: a body becomes an ask for a model that exists, or the reason why not."""

import orjson
import pytest
from mitmproxy.http import HTTPFlow, Response

from addons import endpoints
from addons.asking import INLINE_BYTES, Asking
from addons.exchange import Exchange
from addons.wire.errors import UnknownKey
from config import PriceBook
from tests.fakes import exchanges
from tests.fakes.plans import plans

MODELS = {"gpt-4o": exchanges.MODEL}
ROUTED = {"gpt-4o": (exchanges.leg(),)}


def asking(routes=ROUTED) -> Asking:
    return Asking(plans(MODELS, routes, prices=PriceBook([exchanges.PRICE])))


async def ask(
    body: bytes = exchanges.ask_body(),
    headers: dict[str, str] | None = None,
    addon: Asking | None = None,
) -> Exchange:
    record = exchanges.exchange()
    flow = exchanges.travelling(record, body=body, headers=headers)
    await (addon or asking()).request(flow)
    return record


async def look(endpoint: endpoints.Endpoint) -> HTTPFlow:
    flow = exchanges.travelling(exchanges.exchange(endpoint), method="GET")
    await asking().request(flow)
    return flow


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "x", None]
)
async def test_json_is_read_whatever_the_content_type_says(content_type) -> None:
    headers = {"content-type": content_type} if content_type else {}
    record = await ask(headers=headers)
    assert record.refusal is None
    assert record.model is exchanges.MODEL
    assert record.ask.messages == exchanges.HELLO


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"", 400, "invalid_json", None),
        (b"{", 400, "invalid_json", None),
        (exchanges.ask_body(temperature=3), 400, "invalid_value", "temperature"),
        (exchanges.ask_body(model="gpt-2"), 404, "model_not_found", "model"),
    ],
)
async def test_what_cannot_be_asked_is_refused(body, status, code, param) -> None:
    refusal = (await ask(body)).refusal
    assert (refusal.status, refusal.code, refusal.param) == (status, code, param)


@pytest.mark.parametrize("routes", [{}, {"gpt-4o": ()}])
async def test_a_model_without_a_way_to_serve_it_is_unavailable(routes) -> None:
    record = await ask(addon=asking(routes))
    assert record.refusal.code == "model_unavailable"
    assert (record.ask, record.model) == (None, None)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 16_384}, None),
        ({"max_tokens": 16_385}, "max_tokens"),
        ({"max_completion_tokens": 16_385}, "max_completion_tokens"),
        ({"max_tokens": 16_385, "max_completion_tokens": 5}, None),
        (
            {"max_tokens": 5, "max_completion_tokens": 16_385},
            "max_completion_tokens",
        ),
    ],
)
async def test_no_more_output_can_be_asked_than_the_model_makes(fields, param) -> None:
    refusal = (await ask(exchanges.ask_body(**fields))).refusal
    assert (refusal.param if refusal else None) == param


@pytest.mark.parametrize(
    ("encoding", "refused"), [("identity", False), ("gzip", True), ("br", True)]
)
async def test_a_compressed_body_is_refused(encoding: str, refused: bool) -> None:
    record = await ask(headers={"content-encoding": encoding})
    assert (record.refusal is not None) is refused


async def test_a_large_body_is_read_all_the_same() -> None:
    text = "x" * INLINE_BYTES
    record = await ask(
        exchanges.ask_body(messages=[{"role": "user", "content": text}])
    )
    assert record.ask.text == text


async def test_a_large_body_is_judged_all_the_same() -> None:
    record = await ask(b"[" * (INLINE_BYTES + 1))
    assert record.refusal.code == "invalid_json"


async def test_the_models_are_listed() -> None:
    flow = await look(endpoints.MODELS)
    assert flow.response.status_code == 200
    assert [one["id"] for one in orjson.loads(flow.response.content)["data"]] == [
        "gpt-4o"
    ]


@pytest.mark.parametrize(("name", "refusal"), [("gpt-4o", None), ("gpt-2", 404)])
async def test_a_model_is_shown_by_its_name(name: str, refusal: int | None) -> None:
    flow = await look(endpoints.find("GET", f"/v1/models/{name}"))
    error = Exchange.of(flow).refusal
    assert (error.status if error else None) == refusal
    assert (flow.response is None) is (refusal is not None)


async def test_a_refused_request_is_not_read() -> None:
    record = exchanges.exchange()
    first = UnknownKey()
    record.refuse(first)
    await asking().request(exchanges.travelling(record, body=b"{"))
    assert (record.refusal, record.ask) == (first, None)


async def test_an_answered_request_is_not_read() -> None:
    record = exchanges.exchange()
    flow = exchanges.travelling(record, body=b"{")
    flow.response = Response.make(200)
    await asking().request(flow)
    assert record.refusal is None


@pytest.mark.parametrize("size", [0, INLINE_BYTES])
async def test_images_are_asked_for_by_the_rules_of_their_model(size: int) -> None:
    models = {"dall-e-3": exchanges.IMAGE_MODEL}
    routes = {"dall-e-3": (exchanges.leg(),)}
    addon = Asking(plans(models, routes))
    record = exchanges.exchange(endpoints.IMAGES)
    body = orjson.dumps({"prompt": "cat", "n": 2, "other": "x" * size})
    await addon.request(exchanges.travelling(record, body=body))
    assert (record.ask.n, record.ask.dropped) == (2, ("other",))
    assert record.model is exchanges.IMAGE_MODEL


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        (endpoints.VIDEO_GENERATION, {"duration": 5}),
        (endpoints.VIDEO_CREATION, {"seconds": "5"}),
    ],
)
@pytest.mark.parametrize("size", [0, INLINE_BYTES])
async def test_a_video_is_asked_for_by_the_rules_of_its_model(
    endpoint, fields, size: int
) -> None:
    models = {"gen-2": exchanges.VIDEO_MODEL}
    routes = {"gen-2": (exchanges.leg(),)}
    addon = Asking(plans(models, routes))
    record = exchanges.exchange(endpoint)
    body = orjson.dumps({"prompt": "waves", **fields, "other": "x" * size})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    await addon.request(exchanges.travelling(record, body=body, headers=headers))
    assert (record.ask.duration_seconds, record.ask.dropped) == (5, ("other",))
    assert (record.ask.size, record.model) == ("1280x720", exchanges.VIDEO_MODEL)
