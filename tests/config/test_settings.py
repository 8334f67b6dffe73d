"""The three files together, first of all the shipped ones."""

import pickle
from dataclasses import FrozenInstanceError, replace
from shutil import copy

import pytest

import config
from config import ConfigError, PriceBook, Settings, load
from config.prices import Situation, buy_pico, moment_ns, sell_pico
from config.settings import Candidate, Listen

NOW_NS = moment_ns("2026-11-23")

# Pico-dollars a token: input, cached input, output. The provider's list prices, with
# little input, without thinking, off-peak.
LIST_PRICES = {
    "gpt-4o": (2_500_000, 1_250_000, 10_000_000),
    "gpt-4o-mini": (150_000, 75_000, 600_000),
    "claude-3.5-sonnet": (3_000_000, 300_000, 15_000_000),
    "qwen-plus": (400_000, 80_000, 1_200_000),
    "deepseek-v3": (150_000, 3_000, 600_000),
    "demo-chat": (100_000, 100_000, 400_000),
}


def test_the_shipped_files_load_without_any_variable(shipped):
    settings = load(shipped, {})

    assert settings.listen == Listen()
    assert list(settings.providers) == [
        "openai",
        "anthropic",
        "dashscope",
        "dashscope-native",
        "deepseek",
        "stability",
        "runway",
        "fal",
        "demo",
    ]
    assert [item.name for item in settings.providers.values() if item.ready] == ["demo"]


@pytest.mark.parametrize(
    ("model", "owner", "candidates"),
    [
        ("gpt-4o", "OpenAI", [("openai", "gpt-4o")]),
        ("gpt-4o-mini", "OpenAI", [("openai", "gpt-4o-mini")]),
        ("claude-3.5-sonnet", "Anthropic", [("anthropic", "claude-sonnet-4-6")]),
        ("qwen-plus", "阿里云", [("dashscope", "qwen-plus")]),
        ("deepseek-v3", "DeepSeek", [("deepseek", "deepseek-flash")]),
        ("demo-chat", "AutoList Token", [("demo", "demo-chat")]),
        ("dall-e-3", "OpenAI", [("openai", "gpt-image-2.5-flare")]),
        ("stable-diffusion", "Stability AI", [("stability", "sd3.5-large")]),
        ("qwen-vl", "阿里云", [("dashscope-native", "qwen-image-2.0")]),
        ("demo-image", "AutoList Token", [("demo", "demo-image")]),
        ("gen-2", "Runway", [("runway", "gen4.5")]),
        ("pika-1.0", "Pika Labs", [("fal", "fal-ai/pika/v2.2/text-to-video")]),
        ("demo-video", "AutoList Token", [("demo", "demo-video")]),
    ],
)
def test_the_shipped_models_are_the_documented_ones(shipped, model, owner, candidates):
    shipped_model = load(shipped, {}).models[model]

    assert shipped_model.id == model
    assert shipped_model.owner == owner
    assert shipped_model.candidates == tuple(Candidate(*item) for item in candidates)


@pytest.mark.parametrize(("model", "rates"), LIST_PRICES.items())
def test_the_shipped_prices_are_the_list_prices(shipped, model, rates):
    price = load(shipped, {}).prices.at(model, NOW_NS)

    sold = tuple(price.sell[meter] for meter in ("input", "cache_read", "output"))
    assert sold == rates


@pytest.mark.parametrize("model", ["dall-e-3", "stable-diffusion", "qwen-vl"])
def test_an_image_is_of_the_documented_size_unless_another_is_asked_for(shipped, model):
    rules = load(shipped, {}).models[model].images

    assert rules.sizes[0] == "1024x1024"
    assert rules.n_max == 10


@pytest.mark.parametrize("model", ["gen-2", "pika-1.0", "demo-video"])
def test_a_video_is_as_documented_unless_another_is_asked_for(shipped, model):
    rules = load(shipped, {}).models[model].videos

    assert rules.duration == 10
    assert (list(rules.aspect_ratios)[0], rules.resolutions[0]) == ("16:9", "720p")


# The documented prices of a piece, and what its provider takes, in pico-dollars.
PIECES = {
    "dall-e-3": ({"image": 40 * 10**9}, {"image": 40 * 10**9}),
    "stable-diffusion": ({"image": 20 * 10**9}, {"image": 65 * 10**9}),
    "qwen-vl": ({"image": 15 * 10**9}, {"image": 35 * 10**9}),
    "gen-2": (
        {"generation": 150 * 10**9, "second": 0},
        {"generation": 0, "second": 120 * 10**9},
    ),
    "pika-1.0": (
        {"generation": 100 * 10**9, "second": 0},
        {"generation": 0, "second": 40 * 10**9},
    ),
}


@pytest.mark.parametrize(("model", "sides"), PIECES.items())
def test_images_and_videos_sell_as_documented(shipped, model, sides):
    price = load(shipped, {}).prices.at(model, NOW_NS)

    assert (price.sell, price.buy) == sides
    for case in price.cases:
        assert case.sell == {}, "the document knows one price"


MONDAY_NS = moment_ns("2026-11-23T06:00Z")
SATURDAY_NS = moment_ns("2026-11-28T06:00Z")
WIDE_HD = {"size": "1792x1024", "quality": "hd"}


@pytest.mark.parametrize(
    ("model", "quantities", "situation", "sold", "bought"),
    [
        ("qwen-plus", {"input": 256_000}, Situation(), 400_000, 400_000),
        ("qwen-plus", {"input": 256_001}, Situation(), 1_200_000, 1_200_000),
        ("qwen-plus", {"output": 1}, Situation(thinking=True), 4_000_000, 4_000_000),
        ("deepseek-v3", {"output": 1}, Situation(MONDAY_NS), 1_200_000, 1_200_000),
        ("deepseek-v3", {"output": 1}, Situation(SATURDAY_NS), 600_000, 600_000),
        ("claude-3.5-sonnet", {"cache_write": 1}, Situation(), 3_750_000, 3_750_000),
        ("claude-3.5-sonnet", {"cache_write_1h": 1}, Situation(), 6 * 10**6, 6 * 10**6),
        ("dall-e-3", {"image": 1}, Situation(parameters=WIDE_HD), 4 * 10**10,
         12 * 10**10),
        ("gen-2", {"generation": 1, "second": 5}, Situation(), 15 * 10**10,
         60 * 10**10),
        ("pika-1.0", {"generation": 1, "second": 5},
         Situation(parameters={"resolution": "1080p"}), 10 * 10**10, 45 * 10**10),
    ],
)
def test_shipped_prices_know_their_situations(
    shipped, model, quantities, situation, sold, bought
):
    price = load(shipped, {}).prices.at(model, NOW_NS)

    count = quantities.get("input", 1)
    assert sell_pico(price, quantities, situation) == sold * count
    assert buy_pico(price, quantities, situation) == bought * count


def test_a_long_thought_of_qwen_is_dearest(shipped):
    price = load(shipped, {}).prices.at("qwen-plus", NOW_NS)
    quantities = {"input": 0, "cache_read": 256_001, "output": 7}

    pico = sell_pico(price, quantities, Situation(thinking=True))
    assert pico == 256_001 * 240_000 + 7 * 12_000_000


def test_every_shipped_model_is_priced_and_losses_are_one_line_each(shipped):
    settings = load(shipped, {})

    assert set(settings.prices.models) == set(settings.models)
    lines = settings.prices.warnings(NOW_NS)
    assert [line.split()[0] for line in lines] == list(PIECES)


@pytest.mark.parametrize(
    ("variable", "provider"),
    [
        ("OPENAI_BASE_URL", "openai"),
        ("ANTHROPIC_BASE_URL", "anthropic"),
        ("DASHSCOPE_BASE_URL", "dashscope"),
        ("DEEPSEEK_BASE_URL", "deepseek"),
        ("RUNWAYML_BASE_URL", "runway"),
        ("FAL_QUEUE_URL", "fal"),
    ],
)
def test_a_conventional_variable_moves_a_provider(shipped, variable, provider):
    settings = load(shipped, {variable: "http://127.0.0.1:9999/v1"})

    moved = [
        name
        for name, item in settings.providers.items()
        if item.base_url == "http://127.0.0.1:9999/v1"
    ]
    assert moved == [provider]


@pytest.mark.parametrize(
    ("variable", "provider"),
    [
        ("OPENAI_API_KEY", "openai"),
        ("ANTHROPIC_API_KEY", "anthropic"),
        ("DASHSCOPE_API_KEY", "dashscope"),
        ("DEEPSEEK_API_KEY", "deepseek"),
        ("RUNWAYML_API_SECRET", "runway"),
        ("FAL_KEY", "fal"),
    ],
)
def test_a_conventional_variable_holds_a_credential(shipped, variable, provider):
    settings = load(shipped, {variable: "sk-secret"})

    assert settings.providers[provider].credentials[0].secret == "sk-secret"
    assert settings.providers[provider].ready
    assert "sk-secret" not in repr(settings) + str(settings)


def test_the_public_address_comes_from_the_environment(shipped):
    environ = {"AUTOLIST_PUBLIC_URL": "https://ai.example.com/"}

    assert load(shipped, environ).listen.public_url == "https://ai.example.com"
    assert load(shipped, {}).listen.public_url is None


@pytest.mark.parametrize("file", ["gateway.yaml", "providers.yaml", "prices.yaml"])
def test_each_file_is_needed_and_named(shipped, tmp_path, file):
    for path in shipped.glob("*.yaml"):
        if path.name != file:
            copy(path, tmp_path)

    with pytest.raises(ConfigError, match=f"^{file}: .*: expected a readable file"):
        load(tmp_path, {})


def test_overrides_are_a_copy_that_listens_elsewhere(shipped):
    settings = load(shipped, {})

    moved = settings.with_overrides(host="0.0.0.0", port=0)

    assert moved.listen == replace(settings.listen, host="0.0.0.0", port=0)
    assert replace(moved, listen=settings.listen) == settings
    assert settings.with_overrides() == settings


def test_settings_never_change(shipped):
    settings = load(shipped, {})

    with pytest.raises(FrozenInstanceError):
        settings.listen = Listen()
    with pytest.raises(FrozenInstanceError):
        settings.listen.port = 1


def test_settings_travel_to_another_process(shipped):
    settings = load(shipped, {"OPENAI_API_KEY": "sk-1"})

    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_package_shows_its_public_names_only():
    assert sorted(config.__all__) == [
        "ConfigError",
        "Price",
        "PriceBook",
        "Settings",
        "load",
    ]
    assert isinstance(PriceBook(), config.PriceBook)
    assert Settings is config.Settings
