"""Shapes: settings and prices as JSON, exact and without a secret."""

import json
from pathlib import Path

import pytest

from config.commands import price_warnings
from config.money import NANO
from config.prices import moment_ns
from config.settings import Settings, load
from config.shapes import config_shape, prices_shape

SECRET = "sk-not-to-be-seen"


@pytest.fixture
def settings(shipped: Path) -> Settings:
    return load(shipped, {"OPENAI_API_KEY": SECRET})


def test_credentials_are_named_and_not_shown(settings: Settings) -> None:
    shape = config_shape(settings)
    providers = {one["name"]: one for one in shape["providers"]}
    assert providers["openai"]["credentials"] == ["OPENAI_API_KEY"]
    assert providers["openai"]["ready"]
    assert providers["fal"]["credentials"] == []
    assert providers["fal"]["credentials_wanted"] == ["FAL_KEY"]
    assert SECRET not in json.dumps(shape)


def test_a_model_is_available_where_somebody_real_serves_it(settings) -> None:
    models = {one["id"]: one for one in config_shape(settings)["models"]}
    assert models["gpt-4o"]["available"]
    assert not models["gen-2"]["available"]
    assert not models["demo-chat"]["available"], "only with --demo"


def test_rates_are_whole_picodollars(settings: Settings) -> None:
    now_ns = moment_ns("2026-11-23")
    shape = prices_shape(settings, now_ns, price_warnings(settings, now_ns))
    prices = {one["model"]: one for one in shape["prices"] if one["in_force"]}
    assert prices["gpt-4o"]["sell_pico"]["input"] == 2_500_000
    assert prices["gen-2"]["sell_pico"]["generation"] == 150 * NANO
    assert shape["at"].startswith("2026-11-23")
    assert any("sells below cost" in warning for warning in shape["warnings"])


def test_what_is_in_force_depends_on_the_moment(settings: Settings) -> None:
    early = prices_shape(settings, moment_ns("2001-01-01"), [])
    assert not any(one["in_force"] for one in early["prices"])
