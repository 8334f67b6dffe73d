"""Routes: which legs a model has, and in which order they are tried."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.dialects import UnknownDialect
from addons.exchange import Leg
from addons.providers import REGISTRY
from addons.routes import Rotation, check_able, routes_of
from config import PriceBook, Settings
from config.settings import (
    Accounts,
    Candidate,
    Clocks,
    Credential,
    LedgerSettings,
    Limits,
    Listen,
    MediaSettings,
    Model,
    Policies,
    VideoSettings,
)
from tests.fakes import exchanges


def legs(*weights: int, priority: int = 0) -> list[Leg]:
    return [
        exchanges.leg(f"p{priority}w{index}", weight=weight, priority=priority)
        for index, weight in enumerate(weights)
    ]


def leaders(rotation: Rotation, turns: int, place: int = 0) -> list[str]:
    return [rotation.next()[place].provider.name for _ in range(turns)]


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        ((1,), "000000"),
        ((1, 1), "010101"),
        ((2, 1), "010010"),
        ((3, 1), "00100010"),
        ((5, 1, 1), "00102000010200"),
    ],
)
def test_equals_lead_by_their_weights_and_evenly(
    weights: tuple[int, ...], first: str
) -> None:
    names = leaders(Rotation(legs(*weights)), len(first))
    assert "".join(name[-1] for name in names) == first


@given(
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    others=st.lists(st.integers(1, 9), max_size=3),
)
def test_in_every_round_each_leads_as_often_as_its_weight(weights, others) -> None:
    rotation = Rotation(legs(*weights) + legs(*others, priority=1))
    for _ in range(3):
        counted = Counter(leaders(rotation, sum(weights)))
        assert counted == {
            f"p0w{index}": weight for index, weight in enumerate(weights)
        }


@given(weights=st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_over_any_stretch_nobody_is_far_from_a_fair_share(weights) -> None:
    names = leaders(Rotation(legs(*weights)), 2 * sum(weights))
    for turns in range(1, len(names) + 1):
        for index, weight in enumerate(weights):
            fair = turns * weight / sum(weights)
            assert abs(names[:turns].count(f"p0w{index}") - fair) < len(weights)


def test_a_lower_priority_number_is_always_tried_first() -> None:
    rotation = Rotation(legs(1, 1, priority=5) + legs(1, 1, priority=0))
    for _ in range(4):
        order = [leg.candidate.priority for leg in rotation.next()]
        assert order == [0, 0, 5, 5]


def test_the_ones_that_are_tried_later_take_turns_too() -> None:
    rotation = Rotation(legs(1) + legs(3, 1, priority=1))
    assert leaders(rotation, 4, place=1) == ["p1w0", "p1w0", "p1w1", "p1w0"]


def credentials(count: int, weight: int, name: str) -> list[Leg]:
    """One candidate by so many credentials."""
    found = exchanges.leg(name, weight=weight)
    return [
        replace(found, credential=Credential(f"{name}{number}", "sk-x"))
        for number in range(count)
    ]


def test_a_candidate_s_weight_is_shared_by_its_credentials() -> None:
    rotation = Rotation([*credentials(2, 1, "many"), *credentials(1, 1, "one")])
    led = [rotation.next()[0] for _ in range(8)]
    assert [leg.provider.name for leg in led] == ["many", "one"] * 4
    names = [leg.credential.name for leg in led if leg.credential]
    assert names == ["many0", "one0", "many1", "one0"] * 2


@given(
    shares=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=4
    )
)
def test_however_many_credentials_a_weight_is_a_weight(shares) -> None:
    rotation = Rotation(
        [
            leg
            for index, (weight, count) in enumerate(shares)
            for leg in credentials(count, weight, f"c{index}")
        ]
    )
    turns = sum(weight for weight, _ in shares) * 12
    orders = [rotation.next() for _ in range(turns)]
    led = Counter(order[0].provider.name for order in orders)
    assert led == {f"c{index}": 12 * weight for index, (weight, _) in enumerate(shares)}
    used = Counter(order[0].credential.name for order in orders if order[0].credential)
    for index, (weight, count) in enumerate(shares):
        for number in range(count):
            assert abs(used[f"c{index}{number}"] - 12 * weight / count) < 1
    assert all(len(set(map(id, order))) == len(order) for order in orders)


def test_the_next_credential_of_a_candidate_is_tried_before_another_candidate() -> None:
    rotation = Rotation([*credentials(2, 1, "many"), *credentials(1, 1, "one")])
    assert [leg.provider.name for leg in rotation.next()] == ["many", "many", "one"]


KEY = Credential("KEY", "sk-1")
SPARE = Credential("SPARE", "sk-2")
PROVIDERS = {
    "ready": exchanges.provider("ready", credential_names=("KEY",)),
    "rich": exchanges.provider(
        "rich", credentials=(KEY, SPARE), credential_names=("KEY", "SPARE")
    ),
    "poor": exchanges.provider("poor", credentials=(), credential_names=("KEY",)),
    "open": exchanges.provider("open", credentials=()),
    "demo": exchanges.provider("demo", dialect="demo", credentials=()),
    "strange": exchanges.provider("strange", dialect="klingon"),
}


def settings(*candidates: str, clocks: Clocks | None = None) -> Settings:
    model = replace(
        exchanges.MODEL,
        candidates=tuple(Candidate(name, "m") for name in candidates),
        clocks=clocks,
    )
    return Settings(
        Listen(),
        LedgerSettings(),
        Limits(),
        Policies(),
        Accounts(),
        MediaSettings(),
        VideoSettings(),
        PROVIDERS,
        {"gpt-4o": model},
        PriceBook(),
    )


@pytest.mark.parametrize(
    ("candidates", "demo", "route"),
    [
        (["ready"], False, ["ready:KEY"]),
        (["ready"], True, ["ready:KEY"]),
        (["rich"], False, ["rich:KEY", "rich:SPARE"]),
        (["open"], False, ["open:None"]),
        (["poor"], False, []),
        (["poor"], True, ["demo:None"]),
        ([], False, []),
        ([], True, ["demo:None"]),
        (["poor", "ready"], True, ["ready:KEY"]),
        (["demo"], False, []),
        (["demo"], True, ["demo:None"]),
    ],
)
def test_a_leg_needs_its_credential_and_the_demo_its_switch(
    candidates: list[str], demo: bool, route: list[str]
) -> None:
    found = routes_of(settings(*candidates), demo)["gpt-4o"]
    assert [
        f"{leg.provider.name}:{leg.credential and leg.credential.name}" for leg in found
    ] == route


def test_the_models_clocks_stand_in_for_its_providers() -> None:
    own = Clocks(1, 2, 3, 4)
    (leg,) = routes_of(settings("ready", clocks=own), demo=False)["gpt-4o"]
    assert leg.clocks is own
    (leg,) = routes_of(settings("ready"), demo=False)["gpt-4o"]
    assert leg.clocks is PROVIDERS["ready"].clocks


def test_a_dialect_that_nobody_speaks_is_named() -> None:
    with pytest.raises(UnknownDialect, match="providers.strange.dialect.*klingon"):
        routes_of(settings("strange"), demo=False)


def with_rules(**changes) -> Model:
    """A video model whose rules are others."""
    rules = replace(exchanges.VIDEO_RULES, **changes)
    return replace(exchanges.VIDEO_MODEL, videos=rules)


@pytest.mark.parametrize(
    ("model", "dialect", "lacks"),
    [
        (exchanges.MODEL, "stability", "does not chat"),
        (exchanges.IMAGE_MODEL, "deepseek", "makes no images"),
        (exchanges.IMAGE_MODEL, "stability", "knows no qualities"),
        (exchanges.IMAGE_MODEL, "openai", None),
        (exchanges.MODEL, "openai", None),
        (exchanges.VIDEO_MODEL, "openai", "makes no videos"),
        (exchanges.VIDEO_MODEL, "runway", "of such a resolution: 1080p"),
        (exchanges.VIDEO_MODEL, "fal", None),
        (exchanges.VIDEO_MODEL, "demo", None),
        (with_rules(durations=(5, 11)), "runway", "of such a duration: 11"),
        (with_rules(aspect_ratios={"1:2": "720x1440"}), "fal", "of such a shape: 1:2"),
    ],
)
def test_a_provider_serves_only_what_it_can(model, dialect: str, lacks) -> None:
    provider = exchanges.provider(dialect=dialect)
    if lacks is None:
        check_able(model, provider, REGISTRY[dialect])
        return
    with pytest.raises(UnknownDialect, match=f"models.{model.id}.candidates.*{lacks}"):
        check_able(model, provider, REGISTRY[dialect])


def test_the_demo_serves_each_kind_by_a_model_of_its_own() -> None:
    shown = replace(settings(), models={"dall-e-3": exchanges.IMAGE_MODEL})
    shown = replace(shown, providers={**PROVIDERS, "openai": PROVIDERS["poor"]})
    (leg,) = routes_of(shown, demo=True)["dall-e-3"]
    assert leg.candidate == Candidate("demo", "demo-image")


def test_what_the_demo_does_not_make_it_does_not_serve() -> None:
    found = settings("poor")
    models = {
        "gen-2": replace(exchanges.VIDEO_MODEL, candidates=()),
        "wide": replace(
            with_rules(aspect_ratios={"32:9": "2560x720"}), id="wide", candidates=()
        ),
    }
    routes = routes_of(replace(found, models=models), demo=True)
    assert [leg.candidate.model for leg in routes["gen-2"]] == ["demo-video"]
    assert routes["wide"] == ()
