"""The catalogue: models with the prices that callers pay."""

from dataclasses import replace

import pytest

from addons.catalogue import Catalogue, pricing
from addons.wire.errors import BadParameter, ModelUnavailable, UnknownModel
from addons.wire.images import image_of
from addons.wire.videos import creation_of, video_of
from config import Price, PriceBook
from config.prices import Case, When
from tests.fakes import exchanges
from tests.fakes.clock import START_NS, FakeClock

SINCE = Price.of("gpt-4o", START_NS - 10**9, exchanges.SELL, exchanges.SELL)
OTHER = replace(exchanges.MODEL, id="other")


def catalogue(*prices: Price, routed: bool = True) -> Catalogue:
    models = {model.id: model for model in (exchanges.MODEL, OTHER)}
    routes = {id: (exchanges.leg(),) if routed else () for id in models}
    return Catalogue(models, routes, PriceBook(prices), FakeClock())


def test_a_model_is_shown_with_its_price_and_its_limits() -> None:
    assert catalogue(SINCE).entry("gpt-4o") == {
        "id": "gpt-4o",
        "object": "model",
        "created": START_NS // 10**9 - 1,
        "owned_by": "OpenAI",
        "description": "A model",
        "kind": "chat",
        "available": True,
        "context_length": 128_000,
        "max_output_tokens": 16_384,
        "pricing": {
            "input": "2.50",
            "cache_read": "1.25",
            "cache_write": "0.001",
            "output": "10.00",
        },
    }


@pytest.mark.parametrize(
    ("prices", "routed", "available"),
    [((SINCE,), True, True), ((SINCE,), False, False), ((), True, False)],
)
def test_a_model_is_available_with_a_route_and_a_price(
    prices, routed: bool, available: bool
) -> None:
    entry = catalogue(*prices, routed=routed).entry("gpt-4o")
    assert entry["available"] is available


def test_a_model_without_a_price_shows_none() -> None:
    entry = catalogue().entry("gpt-4o")
    assert (entry["pricing"], entry["created"]) == (None, 0)


def test_the_list_has_every_model_in_the_order_of_the_file() -> None:
    listing = catalogue(SINCE).listing()
    assert listing["object"] == "list"
    assert [entry["id"] for entry in listing["data"]] == ["gpt-4o", "other"]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownModel):
        catalogue().entry("gpt-2")


def test_cases_are_shown_for_people_and_for_programs() -> None:
    cases = [
        Case(When(input_above=256_000), {"input": 10**7}, {"input": 1}),
        Case(When(thinking=True), {}, {"output": 1}),
        Case(When.of_facts({"hours": ["Mon-Fri 01:00-04:00"]}), {"output": 10**8}, {}),
    ]
    buy = {"input": 0, "output": 0}
    price = Price.of("m", 0, exchanges.SELL, buy, cases)
    assert pricing(price) == {
        "input": "2.50",
        "cache_read": "1.25",
        "cache_write": "0.001",
        "output": "10.00",
        "cases": [
            {
                "when": "input above 256000 tokens",
                "conditions": {"input_above": 256_000},
                "input": "10.00",
            },
            {
                "when": "Mon-Fri 01:00-04:00 UTC",
                "conditions": {"hours": ["Mon-Fri 01:00-04:00"]},
                "output": "100.00",
            },
        ],
    }


@pytest.mark.parametrize(
    ("sell", "shown"),
    [
        ({"image": 15 * 10**9}, {"image": "0.015"}),
        ({"generation": 15 * 10**10}, {"generation": "0.15"}),
        ({"second": 12 * 10**10}, {"second": "0.12"}),
        ({"generation": 0}, {"generation": "0.00", "second": "0.00"}),
    ],
)
def test_a_piece_is_shown_by_what_it_is_billed_by(sell, shown) -> None:
    assert pricing(Price.of("m", 0, sell, sell)) == shown


@pytest.mark.parametrize(
    ("pico", "shown"), [(1, "0.000001"), (0, "0.00"), (123_456_789, "123.456789")]
)
def test_prices_are_exact(pico: int, shown: str) -> None:
    price = Price.of("m", 0, {"input": pico, "output": 0}, {"input": 0, "output": 0})
    assert pricing(price)["input"] == shown


def test_an_ask_is_served_by_the_model_it_names() -> None:
    ask = exchanges.ask(max_tokens=16_384)
    assert catalogue(SINCE).serving(ask) is exchanges.MODEL


@pytest.mark.parametrize(
    ("fields", "routed", "error"),
    [
        ({"model": "gpt-2"}, True, UnknownModel),
        ({}, False, ModelUnavailable),
        ({"max_tokens": 16_385}, True, BadParameter),
        ({"max_completion_tokens": 16_385}, True, BadParameter),
    ],
)
def test_an_ask_that_nobody_serves_says_why(fields, routed: bool, error) -> None:
    with pytest.raises(error):
        catalogue(SINCE, routed=routed).serving(exchanges.ask(**fields))


PAINTER = exchanges.IMAGE_MODEL


def gallery(routed: bool = True) -> Catalogue:
    models = {model.id: model for model in (exchanges.MODEL, PAINTER)}
    routes = {id: (exchanges.leg(),) if routed else () for id in models}
    prices = PriceBook([SINCE, exchanges.IMAGE_PRICE])
    return Catalogue(models, routes, prices, FakeClock())


def test_an_image_model_is_shown_with_its_rules() -> None:
    entry = gallery().entry("dall-e-3")
    assert (entry["kind"], entry["pricing"]) == ("image", {"image": "0.04"})
    assert entry["sizes"] == PAINTER.images.sizes
    assert entry["max_images"] == 10
    assert "context_length" not in entry


def test_images_are_drawn_by_the_model_they_name_and_its_rules() -> None:
    ask, model = gallery().drawing(image_of({"prompt": "cat"}))
    assert model is PAINTER
    assert ask == exchanges.image_ask()


@pytest.mark.parametrize(
    ("fields", "routed", "error"),
    [
        ({"model": "gpt-4o"}, True, BadParameter),
        ({"model": "nobody"}, True, UnknownModel),
        ({"size": "1024x1792"}, True, BadParameter),
        ({}, False, ModelUnavailable),
    ],
)
def test_images_that_nobody_draws_say_why(fields, routed: bool, error) -> None:
    with pytest.raises(error):
        gallery(routed).drawing(image_of({"prompt": "cat", **fields}))


def test_a_model_that_draws_does_not_chat() -> None:
    with pytest.raises(BadParameter, match="does not chat"):
        gallery().serving(exchanges.ask(model="dall-e-3"))


CINEMA = exchanges.VIDEO_MODEL


def cinemas(routed: bool = True) -> Catalogue:
    models = {model.id: model for model in (exchanges.MODEL, PAINTER, CINEMA)}
    routes = {id: (exchanges.leg(),) if routed else () for id in models}
    return Catalogue(models, routes, PriceBook([exchanges.VIDEO_PRICE]), FakeClock())


def test_a_video_model_is_shown_with_its_rules() -> None:
    entry = cinemas().entry("gen-2")
    assert (entry["kind"], entry["pricing"]) == ("video", {"generation": "0.15"})
    assert (entry["durations"], entry["default_duration"]) == ((5, 10), 10)
    assert entry["aspect_ratios"] == ("16:9", "9:16")
    assert entry["resolutions"] == ("720p", "1080p")
    assert entry["sizes"] == ("1280x720", "720x1280", "1920x1080", "1080x1920")
    assert entry["max_prompt_characters"] == 1000


@pytest.mark.parametrize("read", [video_of, creation_of])
def test_a_video_is_made_by_the_model_it_names_and_its_rules(read) -> None:
    ask, model = cinemas().filming(read({"prompt": "waves"}))
    assert model is CINEMA
    assert (ask.duration_seconds, ask.size) == (10, "1280x720")


@pytest.mark.parametrize(
    ("fields", "routed", "error"),
    [
        ({"model": "gpt-4o"}, True, BadParameter),
        ({"model": "dall-e-3"}, True, BadParameter),
        ({"model": "nobody"}, True, UnknownModel),
        ({"duration": 7}, True, BadParameter),
        ({}, False, ModelUnavailable),
    ],
)
def test_a_video_that_nobody_makes_says_why(fields, routed: bool, error) -> None:
    with pytest.raises(error):
        cinemas(routed).filming(video_of({"prompt": "waves", **fields}))
