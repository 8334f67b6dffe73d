"""What is paid is what is sent: both prices of any ask are those of its bytes."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from addons.providers import REGISTRY
from addons.providers.base import Sold
from addons.wire.errors import BadParameter
from addons.wire.images import IMAGES_MAX, QUALITIES, ImageAsk
from addons.wire.videos import RESOLUTIONS, VideoAsk
from config.prices import Case, Price, Situation, When, buy_pico, sell_pico

SHIPPED = config.load(Path(config.__file__).parent, {})
NOW_NS = 1_800_000_000 * 10**9
PAINTED = [
    (model.id, SHIPPED.providers[candidate.provider].dialect, candidate.model)
    for model in SHIPPED.models.values()
    if model.images is not None
    for candidate in model.candidates
]
FILMED = [name for name, dialect in REGISTRY.items() if dialect.filming]
SHAPES = sorted({shape for name in FILMED for shape in REGISTRY[name].filming.ratios})
# Dear in every way that a video can be: longer and sharper is never as cheap.
DEAR = Price.of(
    "video",
    0,
    {"generation": 3 * 10**9, "second": 10**9},
    {"generation": 10**9, "second": 10**9},
    [
        Case(
            When(parameters=(("resolution", ("1080p",)),)),
            {"generation": 7 * 10**9, "second": 5 * 10**9},
            {"generation": 7 * 10**9, "second": 5 * 10**9},
        )
    ],
)


def both(price: Price, sold: Sold) -> tuple[int, int]:
    situation = Situation(NOW_NS, False, sold.parameters)
    return (
        sell_pico(price, sold.quantities, situation),
        buy_pico(price, sold.quantities, situation),
    )


@pytest.mark.parametrize(("model", "dialect", "upstream"), PAINTED)
@settings(max_examples=60)
@given(
    n=st.integers(1, IMAGES_MAX),
    index=st.integers(0, 20),
    quality=st.sampled_from(QUALITIES),
)
def test_images_cost_what_their_calls_make(
    model: str, dialect: str, upstream: str, n: int, index: int, quality: str
) -> None:
    rules, imaging = SHIPPED.models[model].images, REGISTRY[dialect].imaging
    price = SHIPPED.prices.at(model, NOW_NS)
    assert rules is not None and imaging is not None and price is not None
    asked = ImageAsk(
        model,
        "cat",
        n=n,
        size=rules.sizes[index % len(rules.sizes)],
        quality=quality,
        said=frozenset({"quality", "size"}),
    )
    ask = asked.within(rules)
    sold = [imaging.sold(one) for one in imaging.image_requests(ask, upstream, "a")]
    costs = [both(price, one) for one in sold]
    assert (sum(sell for sell, _ in costs), sum(buy for _, buy in costs)) == both(
        price, Sold(ask.quantities, ask.parameters)
    )


@pytest.mark.parametrize("dialect", FILMED)
@settings(max_examples=200)
@given(
    seconds=st.integers(-1, 61),
    ratio=st.sampled_from(SHAPES),
    resolution=st.sampled_from(RESOLUTIONS),
)
def test_a_video_costs_what_its_call_makes(
    dialect: str, seconds: int, ratio: str, resolution: str
) -> None:
    filming = REGISTRY[dialect].filming
    assert filming is not None
    ask = replace(
        VideoAsk("video", "cat"),
        duration_seconds=seconds,
        aspect_ratio=ratio,
        resolution=resolution,
    )
    try:
        request = filming.submit_request(ask, "m", "a")
    except BadParameter:
        return
    sold = filming.sold(request)
    assert both(DEAR, sold) == both(DEAR, Sold(ask.quantities, ask.parameters))
