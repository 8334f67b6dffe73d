from dataclasses import fields

import pytest

from config.document import ConfigError
from config.providers import (
    CLOCKS,
    PROVIDER,
    Candidate,
    Clocks,
    Credential,
    ImageRules,
    Model,
    Provider,
    VideoRules,
    read_upstreams,
)

ONE_OF_EACH = """\
providers:
  local:
    dialect: openai
    base_url: ${LOCAL_URL:-http://127.0.0.1:9000/v1/}
    credentials: [LOCAL_KEY, SPARE_KEY]
    clocks: {first_byte: 90s}
    response_size: 1MiB
    connections_max: 10
models:
  small:
    kind: chat
    owner: 我们
    description: 小模型
    context_tokens: 4096
    output_tokens: 1024
    image_tokens: 0
    candidates:
      - {provider: local, model: tiny, priority: 1, weight: 3}
      - {provider: local, model: small}
"""

MODEL_OF_ONE_LINE = (
    "providers: {}\n"
    "models:\n"
    "  m: {kind: chat, owner: o, description: d, context_tokens: 1,"
    " output_tokens: 1, image_tokens: 0, candidates: []%s}\n"
)


def read_with(content, *changes):
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    return content


def test_providers_and_models_are_read(document):
    environ = {"LOCAL_KEY": "sk-1", "SPARE_KEY": "sk-2"}

    upstreams = read_upstreams(document(ONE_OF_EACH, environ))

    assert upstreams.providers == {
        "local": Provider(
            name="local",
            dialect="openai",
            base_url="http://127.0.0.1:9000/v1",
            credentials=(
                Credential("LOCAL_KEY", "sk-1"),
                Credential("SPARE_KEY", "sk-2"),
            ),
            clocks=Clocks(first_byte_seconds=90.0),
            response_bytes=1024 * 1024,
            connections_max=10,
            credential_names=("LOCAL_KEY", "SPARE_KEY"),
        )
    }
    assert upstreams.models == {
        "small": Model(
            id="small",
            kind="chat",
            owner="我们",
            description="小模型",
            context_tokens=4096,
            output_tokens=1024,
            image_tokens=0,
            candidates=(
                Candidate("local", "tiny", priority=1, weight=3),
                Candidate("local", "small", priority=0, weight=1),
            ),
            clocks=None,
        )
    }


IMAGE_MODEL = """\
providers: {}
models:
  painter:
    kind: image
    owner: 我们
    description: 画家
    images:
      sizes: [1024x1024, 512x512]
      qualities: [hd]
      styles: [vivid]
      n_max: 4
      prompt_chars: 100
    candidates: []
"""


def test_an_image_model_has_rules_and_no_tokens(document):
    model = read_upstreams(document(IMAGE_MODEL)).models["painter"]

    assert model.images == ImageRules(
        ("1024x1024", "512x512"), ("hd",), ("vivid",), 4, 100
    )
    assert (model.kind, model.context_tokens) == ("image", 0)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[1024x1024, 512x512]", "[]", "8: models.painter.images.sizes: a list"),
        ("512x512", "512*512", '8: models.painter.images.sizes[1]: "512*512"'),
        ("[hd]", "[best]", '9: models.painter.images.qualities[0]: "best"'),
        ("n_max: 4", "n_max: 11", '11: models.painter.images.n_max: "11"'),
        ("    images:\n", "    image:\n", "7: models.painter.image: a mapping"),
        (
            "    candidates: []",
            "    candidates: []\n    context_tokens: 1",
            '14: models.painter.context_tokens: "1": expected one of the keys kind',
        ),
        (
            "kind: image",
            "kind: chat",
            "7: models.painter.images: a mapping: expected one of the keys kind",
        ),
    ],
)
def test_a_mistake_in_the_rules_is_named(document, mistake, old, new, line):
    node = document(read_with(IMAGE_MODEL, (old, new)))

    assert mistake(read_upstreams, node).startswith(f"gateway.yaml:{line}")


VIDEO_MODEL = """\
providers: {}
models:
  cinema:
    kind: video
    owner: 我们
    description: 电影
    videos:
      durations: 4..8
      duration: 6
      aspect_ratios: {"16:9": 1280x720, "1:1": 720x720}
      resolutions: [720p, 1080p]
      prompt_chars: 100
    candidates: []
"""


def test_a_video_model_has_rules_of_its_own(document):
    model = read_upstreams(document(VIDEO_MODEL)).models["cinema"]

    assert model.videos == VideoRules(
        durations=(4, 5, 6, 7, 8),
        duration=6,
        aspect_ratios={"16:9": "1280x720", "1:1": "720x720"},
        resolutions=("720p", "1080p"),
        prompt_chars=100,
    )
    assert (model.kind, model.images, model.context_tokens) == ("video", None, 0)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("4..8", "8..4", '8: models.cinema.videos.durations: "8..4"'),
        ("4..8", "[]", "8: models.cinema.videos.durations: a list"),
        ("duration: 6", "duration: 9", '9: models.cinema.videos.duration: "9"'),
        ("      duration: 6\n", "", "7: models.cinema.videos.duration: nothing"),
        ("1280x720", "1280*720", '10: models.cinema.videos.aspect_ratios.16:9: "'),
        ('"1:1"', "square", '10: models.cinema.videos.aspect_ratios.square: "'),
        ("1080p", "1080", '11: models.cinema.videos.resolutions[1]: "1080"'),
        ("kind: video", "kind: image", "7: models.cinema.videos: a mapping"),
    ],
)
def test_a_mistake_in_the_rules_of_videos_is_named(document, mistake, old, new, line):
    node = document(read_with(VIDEO_MODEL, (old, new)))

    assert mistake(read_upstreams, node).startswith(f"gateway.yaml:{line}")


def test_a_duration_that_is_not_made_is_no_default(document, mistake):
    node = document(read_with(VIDEO_MODEL, ("      duration: 6\n", "")))

    assert mistake(read_upstreams, node).endswith(
        "expected one of the durations, or not 10"
    )


def test_an_image_model_cannot_do_without_rules(document, mistake):
    content = IMAGE_MODEL.partition("    images:")[0] + "    candidates: []\n"

    assert "models.painter.images: nothing" in mistake(
        read_upstreams, document(content)
    )


@pytest.mark.parametrize("host", ["Example.com", "example", "*.example.com", "a/b.c"])
def test_media_hosts_are_domains(document, mistake, host):
    hosts = f'connections_max: 10\n    media_hosts: ["{host}"]'
    node = document(read_with(ONE_OF_EACH, ("connections_max: 10", hosts)))

    assert "expected a domain" in mistake(read_upstreams, node)


def test_an_address_can_come_from_the_environment(document):
    environ = {"LOCAL_URL": "https://example.com"}

    upstreams = read_upstreams(document(ONE_OF_EACH, environ))

    assert upstreams.providers["local"].base_url == "https://example.com"


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, []),
        ({"LOCAL_KEY": ""}, []),
        ({"LOCAL_KEY": " \n"}, []),
        ({"LOCAL_KEY": "sk-1"}, ["LOCAL_KEY"]),
        ({"SPARE_KEY": "sk-2\n"}, ["SPARE_KEY"]),
    ],
)
def test_a_credential_without_a_variable_is_left_out(document, environ, names):
    provider = read_upstreams(document(ONE_OF_EACH, environ)).providers["local"]

    assert [credential.name for credential in provider.credentials] == names
    assert all(item.secret == item.secret.strip() for item in provider.credentials)
    assert provider.ready is bool(names)


def test_a_provider_that_wants_no_credential_is_ready(document):
    content = read_with(ONE_OF_EACH, ("[LOCAL_KEY, SPARE_KEY]", "[]"))

    assert read_upstreams(document(content)).providers["local"].ready


@pytest.mark.parametrize(
    "secret", ["sk-two words", "sk-\r\nX-Evil: 1", "sk-ключ", "\x7f"]
)
def test_a_secret_that_fits_no_header_is_refused_without_being_shown(
    document, mistake, secret
):
    node = document(ONE_OF_EACH, {"SPARE_KEY": secret})

    assert mistake(read_upstreams, node) == (
        'gateway.yaml:5: providers.local.credentials[1]: "SPARE_KEY": expected'
        " a variable that holds one word of visible ASCII"
    )


def test_no_repr_and_no_complaint_holds_a_secret(document):
    environ = {"LOCAL_KEY": "sk-1234567890"}
    upstreams = read_upstreams(document(ONE_OF_EACH, environ))
    # The mistake of writing the value of a variable where its name belongs.
    content = read_with(ONE_OF_EACH, ("[LOCAL_KEY", '["${LOCAL_KEY}"'))

    with pytest.raises(ConfigError) as caught:
        read_upstreams(document(content, environ))

    assert "sk-1234567890" not in repr(upstreams)
    assert "sk-1234567890" not in str(upstreams.providers["local"].credentials[0])
    assert "sk-1234567890" not in str(caught.value) + repr(caught.value)


def test_a_model_may_have_clocks_of_its_own(document):
    clocks = ", clocks: {connect: 1s, first_byte: 2s, idle: 3s, total: 4s}"

    upstreams = read_upstreams(document(MODEL_OF_ONE_LINE % clocks))

    assert upstreams.models["m"].clocks == Clocks(1.0, 2.0, 3.0, 4.0)


def test_some_clocks_of_a_model_are_not_enough(document, mistake):
    node = document(MODEL_OF_ONE_LINE % ", clocks: {connect: 1s}")

    assert mistake(read_upstreams, node).startswith(
        "gateway.yaml:3: models.m.clocks.first_byte: nothing: expected a duration"
    )


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "provider: local, model: tiny",
            "provider: lokal, model: tiny",
            '18: models.small.candidates[0].provider: "lokal": expected one of local',
        ),
        (
            "{provider: local, model: small}",
            "{provider: local}",
            "19: models.small.candidates[1].model: nothing: expected a name",
        ),
        (
            "weight: 3",
            "weight: 0",
            '18: models.small.candidates[0].weight: "0": expected a whole number ≥ 1',
        ),
        (
            "kind: chat",
            "kind: car",
            '11: models.small.kind: "car": expected one of chat',
        ),
        ("    owner: 我们\n", "", "10: models.small.owner: nothing: expected text"),
        (
            "context_tokens: 4096",
            "context_tokens: 4k",
            '14: models.small.context_tokens: "4k": expected a whole number ≥ 1',
        ),
        (
            "    candidates:\n",
            "    candidate:\n",
            "17: models.small.candidate: a list: expected one of the keys kind,",
        ),
        (
            "  small:\n",
            "  big model:\n",
            "10: models.big model: a mapping: expected a key of letters, digits",
        ),
        (
            "    dialect: openai\n",
            "",
            "2: providers.local.dialect: nothing: expected a name",
        ),
        (
            "[LOCAL_KEY, SPARE_KEY]",
            "LOCAL_KEY",
            '5: providers.local.credentials: "LOCAL_KEY": expected a list',
        ),
        (
            "[LOCAL_KEY, SPARE_KEY]",
            "[sk-123]",
            '5: providers.local.credentials[0]: "sk-123": expected the name of an',
        ),
        (
            "first_byte: 90s",
            "first_bite: 90s",
            '6: providers.local.clocks.first_bite: "90s": expected one of the keys'
            " connect, first_byte, idle, total",
        ),
        ("models:\n", "model:\n", "9: model: a mapping: expected one of the keys"),
    ],
)
def test_a_mistake_is_named(document, mistake, old, new, line):
    node = document(read_with(ONE_OF_EACH, (old, new)))

    assert mistake(read_upstreams, node).startswith(f"gateway.yaml:{line}")


@pytest.mark.parametrize(
    ("content", "key"), [("providers: {}", "models"), ("models: {}", "providers")]
)
def test_both_halves_must_be_there(document, mistake, content, key):
    assert mistake(read_upstreams, document(content)) == (
        f"gateway.yaml:1: {key}: nothing: expected a mapping"
    )


@pytest.mark.parametrize(("kind", "table"), [(Clocks, CLOCKS), (Provider, PROVIDER)])
def test_each_field_is_filled(kind, table):
    named = {"name"} if kind is Provider else set()

    assert set(table) | named == {field.name for field in fields(kind)}
