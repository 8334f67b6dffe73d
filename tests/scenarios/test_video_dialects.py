"""Videos through the whole gateway, in the dialects of those who make them.

The gateway is a process that asks without pause; Runway and fal are fakes. A second
costs something here, and a sharper one more, so that whoever had more rendered than he
pays for would be seen. What is checked is always the body that a provider received.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import load
from config.money import dollars
from config.prices import PriceBook, Situation, cost_nano
from tests.fakes import fal_server, runway_server
from tests.fakes.fal_server import FakeFal
from tests.fakes.runway_server import FakeRunway
from tests.faults.hasty import HastyChild
from tests.scenarios.child import prove
from tests.scenarios.examples import replace_once
from tests.scenarios.harness import CONFIG

GENERATIONS = "/api/v1/videos/generations"
VIDEOS = "/api/v1/videos"
SECRET = "sk-fake"
# What is sold by the piece is sold by the second, too.
RATES = (
    ('sell: {generation: "0.15"}', 'sell: {generation: "0.02", second: "0.003"}'),
    ('sell: {generation: "0.10"}', 'sell: {generation: "0.01", second: "0.005"}'),
    ('buy: {second: "0.09"}', 'sell: {second: "0.011"}\n        buy: {second: "0.09"}'),
)


@dataclass(frozen=True, slots=True)
class Stage:
    visitor: httpx.Client
    prices: PriceBook
    runway: FakeRunway
    fal: FakeFal

    def fake(self, model: str) -> FakeRunway | FakeFal:
        return {"gen-2": self.runway, "pika-1.0": self.fal}[model]

    def ask(self, path: str, **fields: Any) -> httpx.Response:
        return self.visitor.post(path, content=json.dumps(fields))

    def spent(self) -> Decimal:
        """By all videos of this user, those that are being made included."""
        credits = self.visitor.get("/api/v1/credits").raise_for_status().json()["data"]
        total, balance = credits["total_credits_exact"], credits["balance_exact"]
        return Decimal(total) - Decimal(balance)

    def ended(self, id: str) -> dict[str, Any]:
        """A video once it is made or has failed; the visitor's patience has an end."""
        while True:
            video = self.visitor.get(f"{VIDEOS}/{id}").raise_for_status().json()
            if video["status"] not in ("queued", "in_progress"):
                return dict(video)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As shipped, but for what a video sells for."""
    directory = tmp_path_factory.mktemp("config")
    for path in CONFIG.glob("*.yaml"):
        shutil.copy(path, directory)
    prices = directory / "prices.yaml"
    text = prices.read_text("utf-8")
    for old, new in RATES:
        text = replace_once(text, old, new)
    prices.write_text(text, "utf-8")
    return directory


@pytest.fixture(scope="module")
def stage(
    config: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    data = tmp_path_factory.mktemp("data")
    with FakeRunway(api_key=SECRET) as runway, FakeFal(api_key=SECRET) as fal:
        environ = {
            "RUNWAYML_BASE_URL": runway.base_url,
            "RUNWAYML_API_SECRET": SECRET,
            "FAL_QUEUE_URL": fal.base_url,
            "FAL_KEY": SECRET,
        }
        flags = ("--config", str(config))
        with HastyChild(data, environ, *flags) as child, child.visitor() as visitor:
            key = child.register("somebody@example.com")
            visitor.headers["Authorization"] = f"Bearer {key}"
            yield Stage(visitor, load(config, environ).prices, runway, fal)
            assert child.stop() == 0
    prove(data)


ODD = st.one_of(
    st.sampled_from(["5", "10", 10.0, 1.5, -1, 0, 61, 10**30, True, [], {}, [10], ""]),
    st.integers(-5, 70),
    st.text(max_size=5),
)
DURATIONS = st.sampled_from([2, 5, 7, 10, 5, 10, 1, 11, -10, "5", 5.0, True, 10**30])
SECONDS = st.sampled_from(["2", "5", "7", "10", "5", "10", "010", "5.0", "-5", 5, 10.0])
RESOLUTIONS = st.sampled_from(["720p", "1080p", "720p", "1080p", "4k", "720P", 720])
SHAPES = st.sampled_from(["16:9", "9:16", "1:1", "21:9", " 16:9", "16：9", 1.5])
SIZES = st.sampled_from(
    ["1280x720", "720x1280", "1792x1024", "1920x1080", "1280X720", "01280x720", 720]
)
TRICKS = {
    "n": ODD,
    "metadata": st.fixed_dictionaries({"duration": ODD}),
    "parameters": st.fixed_dictionaries({"duration": ODD}),
    "extra_body": st.fixed_dictionaries({"duration": ODD, "resolution": ODD}),
    "promptText": ODD,
    "ratio": ODD,
}
FIELDS = {
    GENERATIONS: {
        "duration": DURATIONS,
        "aspect_ratio": SHAPES,
        "resolution": RESOLUTIONS,
        "seconds": SECONDS,
        "size": SIZES,
        **TRICKS,
    },
    VIDEOS: {
        "seconds": SECONDS,
        "size": SIZES,
        "duration": DURATIONS,
        "resolution": RESOLUTIONS,
        **TRICKS,
    },
}
ASKED = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda path: st.tuples(
        st.just(path), st.fixed_dictionaries({}, optional=FIELDS[path])
    )
)


def rendered(model: str, body: dict[str, Any]) -> tuple[dict[str, int], dict[str, str]]:
    """What a provider was asked to make, in our words."""
    resolution = "720p" if model == "gen-2" else body["resolution"]
    seconds = int(body["duration"])
    return {"generation": 1, "second": seconds}, {"resolution": resolution}


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("model", ["gen-2", "pika-1.0"])
@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=ASKED)
def test_the_price_is_that_of_what_a_provider_received(
    stage: Stage, model: str, asked: tuple[str, dict[str, Any]]
) -> None:
    path, fields = asked
    fake = stage.fake(model)
    before, begun = stage.spent(), len(fake.submits)
    reply = stage.ask(path, **{"prompt": "waves", **fields, "model": model})
    if reply.status_code != 200:
        # Money may end in the course of many examples; then nothing is sent either.
        assert reply.status_code in (400, 402), reply.text
        assert (stage.spent(), len(fake.submits)) == (before, begun)
        return
    assert stage.ended(reply.json()["id"])["status"] == "completed"
    (sent,) = fake.submits[begun:]
    quantities, parameters = rendered(model, sent.json)
    price = stage.prices.at(model, 2**62)
    assert price is not None
    cost = cost_nano(price, quantities, Situation(parameters=parameters))
    assert stage.spent() - before == Decimal(dollars(cost)) > 0


@pytest.mark.parametrize(
    ("model", "behaviour", "status", "code"),
    [
        (
            "gen-2",
            runway_server.Film(plan=("RUNNING", "FAILED")),
            502,
            "upstream_error",
        ),
        (
            "gen-2",
            runway_server.Film(plan=("FAILED",), failure_code="SAFETY.INPUT.TEXT"),
            400,
            "content_policy_violation",
        ),
        ("gen-2", runway_server.Status(400), 400, "upstream_refused"),
        (
            "pika-1.0",
            fal_server.Film(results=(fal_server.Refused(),)),
            400,
            "content_policy_violation",
        ),
        (
            "pika-1.0",
            fal_server.Film(results=(fal_server.Status(404),)),
            502,
            "upstream_error",
        ),
        ("pika-1.0", fal_server.Refused(), 400, "content_policy_violation"),
    ],
)
def test_what_a_provider_fails_to_make_is_free(
    stage: Stage, model: str, behaviour: Any, status: int, code: str
) -> None:
    before = stage.spent()
    stage.fake(model).script(behaviour)
    reply = stage.ask(GENERATIONS, prompt="waves", model=model)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert stage.spent() == before
