"""Images through the whole gateway: asked for, made, kept, charged, and nothing else.

Three providers that know nothing of each other, each a fake with its own dialect, and
the demo. Every test ends with the proof of its ledger.
"""

import base64
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import DefaultHttpxClient, OpenAI

from config import Settings
from config.money import dollars
from config.prices import Situation, cost_nano
from config.settings import Candidate
from tests.fakes.dashscope_server import Business, FakeDashScope
from tests.fakes.dashscope_server import Image as QwenImage
from tests.fakes.openai_script import Answer, End, Gate, Images, Raw, Silence, after
from tests.fakes.openai_script import Status as OpenAIStatus
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.png import comment
from tests.fakes.provider_server import FakeProvider, Received
from tests.fakes.stability_server import FakeStability, form_of
from tests.fakes.stability_server import Image as StabilityImage
from tests.fakes.stability_server import Status as StabilityStatus
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import Dial, Reply, request
from tests.scenarios.harness import Caller, Gateway

PATH = "/api/v1/images/generations"
CENTS = {"dall-e-3": 40_000_000, "stable-diffusion": 20_000_000, "qwen-vl": 15_000_000}
WORK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Providers:
    """The three, each under the model that it makes."""

    openai: FakeOpenAI
    stability: FakeStability
    dashscope: FakeDashScope

    @property
    def by_model(self) -> Mapping[str, FakeProvider[Any]]:
        return {
            "dall-e-3": self.openai,
            "stable-diffusion": self.stability,
            "qwen-vl": self.dashscope,
        }

    @property
    def environ(self) -> dict[str, str]:
        return {
            "OPENAI_BASE_URL": self.openai.base_url,
            "OPENAI_API_KEY": "sk-fake",
            "STABILITY_BASE_URL": self.stability.address,
            "STABILITY_API_KEY": "sk-stability",
            "DASHSCOPE_API_URL": self.dashscope.base_url,
            "DASHSCOPE_API_KEY": "sk-dashscope",
        }


@pytest.fixture(scope="module")
def running(provider: FakeOpenAI) -> Iterator[Providers]:
    with FakeStability() as stability, FakeDashScope() as dashscope:
        yield Providers(provider, stability, dashscope)


@pytest.fixture
def providers(running: Providers, fake: FakeOpenAI) -> Providers:
    """All three honest, with empty memories."""
    for other, honest in (
        (running.stability, StabilityImage()),
        (running.dashscope, QwenImage()),
    ):
        other.requests.clear()
        other.always(honest)
    running.dashscope.files.clear()
    running.dashscope.fetched.clear()
    return running


@pytest.fixture(scope="module")
def shared(
    running: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("data"), running.environ) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("demo"), {}, demo=True) as gateway:
        yield gateway
        gateway.prove()


def ask(gateway: Gateway, caller: Caller, **fields: Any) -> Reply:
    """One request as the document's curl sends it, without a JSON content type."""
    headers = fields.pop("headers", {})
    body = json.dumps({"prompt": "一只可爱的橘猫", **fields}).encode()
    with Dial(gateway.port) as dial:
        return dial.ask(asked(gateway, caller, body, headers))


def asked(
    gateway: Gateway, caller: Caller, body: bytes, headers: Mapping[str, str] = {}
) -> bytes:
    told = {
        "Host": f"127.0.0.1:{gateway.port}",
        "Authorization": f"Bearer {caller.key}",
        "Content-Type": "application/x-www-form-urlencoded",
        **headers,
    }
    return request("POST", PATH, body, told)


def images_in(answer: Mapping[str, Any]) -> list[bytes]:
    """The bytes of all images of an answer, wherever they are."""
    return [
        base64.b64decode(one["b64_json"])
        if "b64_json" in one
        else httpx.get(one["url"], trust_env=False).raise_for_status().content
        for one in answer["data"]
    ]


def spent_nano(gateway: Gateway, caller: Caller) -> int:
    gateway.settled()
    return 10 * 10**9 - gateway.available_nano(caller)


# What it costs.


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("model", CENTS)
def test_n_images_cost_n_times_one(
    gateway: Gateway, providers: Providers, caller: Caller, model: str, n: int
) -> None:
    reply = ask(gateway, caller, model=model, n=n)
    assert (reply.status, len(reply.json["data"])) == (200, n)
    cost = dollars(n * CENTS[model])
    assert f'"usage":{{"images":{n},"cost":{cost}}}' in reply.body.decode()
    assert reply.headers["x-autolist-cost"] == cost
    assert spent_nano(gateway, caller) == n * CENTS[model]
    (charge,) = gateway.charges(caller)
    assert (charge.record.quantities, charge.record.tokens) == ({"image": n}, 0)
    found = {comment(data) for data in images_in(reply.json)}
    assert len(found) == n


@pytest.mark.parametrize("form", ["url", "b64_json"])
@pytest.mark.parametrize("model", CENTS)
def test_an_image_comes_as_it_is_asked_for(
    gateway: Gateway, providers: Providers, caller: Caller, model: str, form: str
) -> None:
    reply = ask(gateway, caller, model=model, response_format=form)
    (one,) = reply.json["data"]
    assert set(one) - {"revised_prompt"} == {form}
    (data,) = images_in(reply.json)
    assert comment(data)
    assert type(reply.json["created"]) is int
    told = one.get("revised_prompt")
    assert told == ("再写一遍" if model == "qwen-vl" else None)


def test_an_address_is_our_own_and_signed(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    (one,) = ask(gateway, caller).json["data"]
    assert one["url"].startswith(f"{gateway.url}/media/")
    reply = httpx.get(one["url"], trust_env=False)
    assert reply.headers["content-type"] == "image/png"
    assert httpx.get(one["url"][:-1] + "-", trust_env=False).status_code in (403, 404)


def test_a_public_address_goes_before_the_host(
    providers: Providers, tmp_path: Path
) -> None:
    def public(found: Settings) -> Settings:
        listen = replace(found.listen, public_url="https://ai.example.com")
        return replace(found, listen=listen)

    with Gateway(tmp_path, providers.environ, change=public) as gateway:
        (one,) = ask(gateway, gateway.caller()).json["data"]
        assert one["url"].startswith("https://ai.example.com/media/")
        gateway.prove()


@pytest.mark.parametrize("model", CENTS)
def test_what_is_quoted_is_held_and_charged(
    gateway: Gateway, providers: Providers, caller: Caller, model: str
) -> None:
    wanted = {"prompt": "cat", "model": model, "n": 2}
    key = {"Authorization": f"Bearer {caller.key}"}
    quote = httpx.post(
        f"{gateway.api}/quote",
        headers=key,
        json={"endpoint": "images/generations", "request": wanted},
        trust_env=False,
    ).json()
    assert quote["hold_exact"] == dollars(2 * CENTS[model])
    reply = ask(gateway, caller, **wanted)
    assert reply.headers["x-autolist-cost"] == quote["worst_case"]["cost_exact"]


def test_too_little_money_is_402_and_nothing_is_sent(
    gateway: Gateway, providers: Providers
) -> None:
    caller = gateway.caller("0.119999999")
    reply = ask(gateway, caller, n=3)
    assert (reply.status, reply.error["code"]) == (402, "insufficient_balance")
    assert reply.error["needed"] == "0.12"
    assert providers.openai.requests == []
    assert ask(gateway, caller, n=2).status == 200


def test_the_receipt_and_the_generation_tell_of_images(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    reply = ask(gateway, caller, n=2, size="1792x1024", quality="hd")
    id = reply.headers["x-request-id"]
    key = {"Authorization": f"Bearer {caller.key}"}
    with httpx.Client(base_url=gateway.api, headers=key, trust_env=False) as client:
        receipt = client.get(f"/receipts/{id}").json()
        shown = client.get("/generation", params={"id": id}).json()["data"]
    told = json.dumps(receipt)
    assert '"meter": "image"' in told and '"quantity": 2' in told
    assert "1792x1024" in told and '"hd"' in told
    assert (shown["num_media_completion"], shown["total_cost_exact"]) == (2, "0.08")
    assert (shown["api_type"], shown["tokens_prompt"]) == ("images", 0)


# What is sent.


def test_openai_gets_todays_words(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    reply = ask(
        gateway, caller, n=2, size="1024x1792", quality="hd", style="vivid", user="ann"
    )
    (received,) = providers.openai.requests
    assert received.json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "一只可爱的橘猫",
        "n": 2,
        "size": "1024x1792",
        "quality": "high",
        "user": f"account-{caller.account_id}",
    }
    assert reply.headers["x-autolist-dropped"] == "style"


def test_stability_gets_a_form_for_each_image(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    ask(gateway, caller, model="stable-diffusion", n=2, size="1792x1024")
    forms = [form_of(received) for received in providers.stability.requests]
    assert len(forms) == 2
    assert all(form["aspect_ratio"] == "16:9" for form in forms)
    assert {form["model"] for form in forms} == {"sd3.5-large"}


def test_dashscope_gets_a_call_for_each_image_and_no_key_at_its_files(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    ask(gateway, caller, model="qwen-vl", n=2, size="1024x1792")
    bodies = [received.json for received in providers.dashscope.requests]
    assert [body["parameters"]["size"] for body in bodies] == ["1024*1792"] * 2
    assert len(providers.dashscope.fetched) == 2
    assert not providers.dashscope.betrayed


def test_unknown_fields_are_dropped_and_named(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    reply = ask(gateway, caller, model="qwen-vl", quality="hd", seed=7, metadata={})
    assert reply.status == 200
    assert reply.headers["x-autolist-dropped"] == "seed, metadata, quality"


# A client cannot pay less than is rendered.

ODD = st.one_of(
    st.sampled_from(
        ["1", "10", 1.0, 1.5, -1, 0, 11, 10**30, True, [], {}, [1], "1024x1024", ""]
    ),
    st.integers(-5, 20),
    st.text(max_size=5),
)
SIZES = st.sampled_from(
    [
        "1024x1024",
        "1792x1024",
        "1024x1792",
        "1024X1792",
        " 1024x1024",
        "1024x1024\n",
        "01024x1024",
        "4096x4096",
        "0x0",
        "auto",
        "١٠٢٤x1024",
    ]
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "n": st.one_of(st.integers(1, 3), ODD),
        "size": st.one_of(SIZES, ODD),
        "quality": st.one_of(st.sampled_from(["standard", "hd", "high", "HD"]), ODD),
        "style": st.one_of(st.sampled_from(["vivid", "natural"]), ODD),
        "metadata": ODD,
        "batch_size": ODD,
        "num_images": ODD,
        "output_format": ODD,
        "parameters": st.fixed_dictionaries({"n": ODD, "size": SIZES}),
        "input": ODD,
        "extra_body": st.fixed_dictionaries({"n": ODD}),
    },
)


def rendered(model: str, received: list[Received]) -> tuple[int, dict[str, str]]:
    """How many images of which sort were asked of a provider, in our words."""
    if model == "stable-diffusion":
        return len(received), {}
    bodies = [one.json for one in received]
    if model == "qwen-vl":
        sizes = {body["parameters"]["size"].replace("*", "x") for body in bodies}
        count = sum(body["parameters"]["n"] for body in bodies)
        (size,) = sizes
        return count, {"size": size}
    (body,) = bodies
    quality = {"medium": "standard", "high": "hd"}[body["quality"]]
    return body["n"], {"size": body["size"], "quality": quality}


@pytest.mark.parametrize("model", CENTS)
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(fields=FIELDS)
def test_the_price_is_that_of_what_was_sent(
    gateway: Gateway,
    providers: Providers,
    caller: Caller,
    model: str,
    fields: dict[str, Any],
) -> None:
    fake = providers.by_model[model]
    fake.requests.clear()
    reply = ask(gateway, caller, **{**fields, "model": model})
    if reply.status != 200:
        # Money may end in the course of many examples; then nothing is sent either.
        assert reply.status in (400, 402) and fake.requests == []
        return
    count, parameters = rendered(model, fake.requests)
    price = gateway.settings.prices.at(model, gateway.storage.clock.wall_ns())
    assert price is not None
    cost = cost_nano(price, {"image": count}, Situation(parameters=parameters))
    assert reply.headers["x-autolist-cost"] == dollars(cost)
    assert len(reply.json["data"]) == count


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"prompt": None}, 400, "prompt", "missing_required_parameter"),
        ({"prompt": "x" * 4001}, 400, "prompt", "invalid_value"),
        ({"n": 11}, 400, "n", "invalid_value"),
        ({"n": "1"}, 400, "n", "invalid_type"),
        ({"n": 1.0}, 400, "n", "invalid_type"),
        ({"n": 10**30}, 400, None, None),
        ({"size": "256x256"}, 400, "size", "invalid_value"),
        ({"size": 1024}, 400, "size", "invalid_type"),
        ({"quality": "best"}, 400, "quality", "invalid_value"),
        ({"response_format": "png"}, 400, "response_format", "invalid_value"),
        ({"user": 7}, 400, "user", "invalid_type"),
        ({"model": "gpt-4o"}, 400, "model", "invalid_value"),
        ({"model": "dall-e-9"}, 404, "model", "model_not_found"),
    ],
)
def test_a_wrong_request_is_refused_before_it_costs(
    gateway: Gateway, providers: Providers, caller: Caller, fields, status, param, code
) -> None:
    reply = ask(gateway, caller, **fields)
    assert reply.status == status
    if code is not None:
        assert (reply.error["param"], reply.error["code"]) == (param, code)
    assert spent_nano(gateway, caller) == 0
    assert providers.openai.requests == []


def test_an_image_model_does_not_chat(gateway: Gateway, caller: Caller) -> None:
    key = {"Authorization": f"Bearer {caller.key}"}
    body = {"model": "dall-e-3", "messages": [{"role": "user", "content": "hi"}]}
    reply = httpx.post(
        f"{gateway.api}/chat/completions", headers=key, json=body, trust_env=False
    )
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model")


# Failures are free.

FREE = {
    "openai, throttled": (
        "dall-e-3", OpenAIStatus(429, headers={"retry-after": "7"}), 429,
        "rate_limit_exceeded",
    ),
    "openai, broken": ("dall-e-3", OpenAIStatus(500), 502, "upstream_error"),
    "openai, our key": ("dall-e-3", OpenAIStatus(401), 502, "upstream_auth"),
    "openai, moderation": (
        "dall-e-3", OpenAIStatus(400, code="moderation_blocked"), 400,
        "content_policy_violation",
    ),
    "openai, garbage": ("dall-e-3", Raw(b"<html>"), 502, "upstream_error"),
    "openai, no images": ("dall-e-3", Images(count=0), 502, "upstream_error"),
    "openai, no image": ("dall-e-3", Images(data=b"GIF"), 502, "upstream_error"),
    "openai, cut": (
        "dall-e-3", Images(edits=(after(1, End.FIN),)), 502, "upstream_error"
    ),
    "openai, an address elsewhere": (
        "dall-e-3", Images(url="https://evil.example/x.png"), 502, "upstream_error"
    ),
    "openai, gone": ("dall-e-3", Silence(End.RST), 502, "upstream_error"),
    "stability, throttled": (
        "stable-diffusion", StabilityStatus(429), 429, "rate_limit_exceeded"
    ),
    "stability, unpaid": (
        "stable-diffusion", StabilityStatus(402), 502, "upstream_billing"
    ),
    "stability, moderation": (
        "stable-diffusion", StabilityStatus(403), 400, "content_policy_violation"
    ),
    "stability, not permitted": (
        "stable-diffusion", StabilityStatus(403, "permission_denied"), 502,
        "upstream_auth",
    ),
    "stability, blurred": (
        "stable-diffusion", StabilityImage(finish_reason="CONTENT_FILTERED"), 400,
        "content_policy_violation",
    ),
    "stability, blurred in JSON": (
        "stable-diffusion",
        StabilityImage(finish_reason="CONTENT_FILTERED", as_json=True), 400,
        "content_policy_violation",
    ),
    "stability, refused": ("stable-diffusion", StabilityStatus(422), 400, "rejected"),
    "stability, broken": (
        "stable-diffusion", StabilityStatus(500), 502, "upstream_error"
    ),
    "stability, garbage": (
        "stable-diffusion", Raw(b"<html>", content_type="image/png"), 502,
        "upstream_error",
    ),
    "stability, cut": (
        "stable-diffusion", StabilityImage(edits=(after(1, End.FIN),)), 502,
        "upstream_error",
    ),
    "dashscope, inspection under 200": (
        "qwen-vl", Business("DataInspectionFailed"), 400, "content_policy_violation"
    ),
    "dashscope, inspection": (
        "qwen-vl", Business("DataInspectionFailed", status=400), 400,
        "content_policy_violation",
    ),
    "dashscope, arrears": (
        "qwen-vl", Business("Arrearage", status=400), 502, "upstream_billing"
    ),
    "dashscope, throttled": (
        "qwen-vl", Business("Throttling.RateQuota", status=429), 429,
        "rate_limit_exceeded",
    ),
    "dashscope, broken under 200": (
        "qwen-vl", Business("InternalError.Algo"), 502, "upstream_error"
    ),
    "dashscope, garbage": ("qwen-vl", Raw(b"{}"), 502, "upstream_error"),
    "dashscope, no file": (
        "qwen-vl", QwenImage(file_status=404), 502, "upstream_error"
    ),
    "dashscope, a file that is no image": (
        "qwen-vl", QwenImage(data=b"<html>"), 502, "upstream_error"
    ),
    "dashscope, a file elsewhere": (
        "qwen-vl", QwenImage(url="http://169.254.169.254/latest"), 502,
        "upstream_error",
    ),
    "dashscope, a file on this machine": (
        "qwen-vl", QwenImage(url="file:///etc/passwd"), 502, "upstream_error"
    ),
    "dashscope, a file that leads away": (
        "qwen-vl", QwenImage(location="http://169.254.169.254/"), 502,
        "upstream_error",
    ),
}


@pytest.mark.parametrize("case", FREE)
def test_a_failure_is_free_and_says_what_it_was(
    gateway: Gateway, providers: Providers, caller: Caller, case: str
) -> None:
    model, behaviour, status, code = FREE[case]
    providers.by_model[model].script(behaviour)
    reply = ask(gateway, caller, model=model)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert spent_nano(gateway, caller) == 0
    # Not made again elsewhere, nor by this provider.
    assert len(providers.by_model[model].requests) == 1
    assert "169.254" not in reply.body.decode()


def test_a_provider_s_wait_is_passed_on(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    providers.openai.script(OpenAIStatus(429, headers={"retry-after": "7"}))
    assert ask(gateway, caller).headers["retry-after"] == "7"
    providers.stability.script(StabilityStatus(429))
    reply = ask(gateway, caller, model="stable-diffusion")
    assert reply.headers["retry-after"] == "60"


def test_a_failure_after_which_something_may_be_made_asks_for_no_retry(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    providers.openai.script(OpenAIStatus(500))
    assert ask(gateway, caller).headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("model", "bad"),
    [
        ("stable-diffusion", StabilityStatus(500)),
        ("stable-diffusion", StabilityImage(finish_reason="CONTENT_FILTERED")),
        ("qwen-vl", Business("DataInspectionFailed")),
        ("qwen-vl", QwenImage(file_status=500)),
    ],
)
def test_what_was_made_is_charged_and_no_more(
    gateway: Gateway, providers: Providers, caller: Caller, model: str, bad
) -> None:
    providers.by_model[model].script(bad)
    reply = ask(gateway, caller, model=model, n=3)
    assert (reply.status, len(reply.json["data"])) == (200, 2)
    assert spent_nano(gateway, caller) == 2 * CENTS[model]


@pytest.mark.parametrize(("count", "paid"), [(1, 1), (2, 2), (5, 2)])
def test_an_answer_with_another_number_is_charged_by_what_the_caller_gets(
    gateway: Gateway, providers: Providers, caller: Caller, count: int, paid: int
) -> None:
    providers.openai.script(Images(count=count))
    reply = ask(gateway, caller, n=2)
    assert len(reply.json["data"]) == paid
    assert spent_nano(gateway, caller) == paid * CENTS["dall-e-3"]


# Another candidate.


@pytest.fixture
def with_spare(providers: Providers, tmp_path: Path) -> Iterator[Gateway]:
    """stable-diffusion by Stability first, by DashScope where that is allowed."""

    def two(found: Settings) -> Settings:
        model = found.models["stable-diffusion"]
        spare = Candidate("dashscope-native", "qwen-image-2.0", priority=1)
        models = {
            **found.models,
            model.id: replace(model, candidates=(*model.candidates, spare)),
        }
        return replace(found, models=models)

    with Gateway(tmp_path, providers.environ, change=two) as gateway:
        yield gateway
        gateway.prove()


@pytest.mark.parametrize(
    ("bad", "allowed"),
    [
        (StabilityStatus(429), True),
        (StabilityStatus(503), True),
        (StabilityStatus(401), True),
        (StabilityStatus(402), True),
        (StabilityStatus(403, "permission_denied"), True),
        (StabilityStatus(404), True),
        (StabilityStatus(500), False),
        (StabilityStatus(403), False),
        (StabilityStatus(422), False),
        (Raw(b"<html>"), False),
        (Silence(End.FIN), False),
    ],
)
def test_only_what_was_surely_not_begun_is_made_elsewhere(
    with_spare: Gateway, providers: Providers, bad, allowed: bool
) -> None:
    caller = with_spare.caller()
    providers.stability.always(bad)
    reply = ask(with_spare, caller, model="stable-diffusion", n=2)
    assert (reply.status == 200) is allowed
    assert len(providers.dashscope.requests) == (2 if allowed else 0)
    assert spent_nano(with_spare, caller) == (40_000_000 if allowed else 0)
    if allowed:
        assert reply.headers["x-autolist-provider"] == "dashscope-native"
        assert reply.headers["x-autolist-attempts"] == "2"


def test_a_provider_that_cannot_be_reached_is_replaced(
    providers: Providers, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        # A port that nobody listens at, and nobody else can take.
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"

        def two(found: Settings) -> Settings:
            model = found.models["stable-diffusion"]
            spare = Candidate("dashscope-native", "qwen-image-2.0", priority=1)
            changed = replace(model, candidates=(*model.candidates, spare))
            return replace(found, models={**found.models, model.id: changed})

        environ = {**providers.environ, "STABILITY_BASE_URL": nowhere}
        gateway = stack.enter_context(Gateway(tmp_path, environ, change=two))
        reply = ask(gateway, gateway.caller(), model="stable-diffusion")
        assert reply.headers["x-autolist-provider"] == "dashscope-native"
        gateway.prove()


# The same request again, and a client that leaves.


def test_a_named_request_is_made_once(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    named = {"Idempotency-Key": "cat-1"}
    first, again = [ask(gateway, caller, n=2, headers=named) for _ in range(2)]
    assert first.body == again.body
    assert again.headers["x-autolist-replayed"] == "true"
    assert len(providers.openai.requests) == 1
    assert spent_nano(gateway, caller) == 2 * CENTS["dall-e-3"]
    assert len(images_in(again.json)) == 2


def test_an_answer_too_large_to_be_kept_is_charged_once_all_the_same(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    large = b"\x89PNG\r\n\x1a\n" + bytes(200 * 1024)
    providers.openai.script(Images(data=large))
    named = {"headers": {"Idempotency-Key": "cat-2"}, "response_format": "b64_json"}
    assert ask(gateway, caller, **dict(named)).status == 200
    again = ask(gateway, caller, **dict(named))
    assert (again.status, again.error["code"]) == (409, "idempotency_answer_not_kept")
    assert spent_nano(gateway, caller) == CENTS["dall-e-3"]


@pytest.mark.parametrize("policy", ["input", "nothing"])
def test_a_client_that_leaves_pays_for_what_is_made_as_the_policy_says(
    providers: Providers, tmp_path: Path, policy: str
) -> None:
    def change(found: Settings) -> Settings:
        policies = replace(found.policies, client_left_before_headers=policy)
        return replace(found, policies=policies)

    gate = Gate()
    providers.openai.script(Images(edits=(after(0, gate),)))
    with Gateway(tmp_path, providers.environ, change=change) as gateway:
        caller = gateway.caller()
        with Dial(gateway.port) as dial:
            dial.send(asked(gateway, caller, b'{"prompt": "cat", "n": 2}'))
            assert gate.reached.wait(WORK_SECONDS)
            dial.reset()
        gateway.unheard()
        gate.open()
        owed = 2 * CENTS["dall-e-3"] if policy == "input" else 0
        assert spent_nano(gateway, caller) == owed
        (charge,) = gateway.charges(caller)
        assert charge.record.outcome == "client_left_before_headers"
        gateway.prove()


def test_a_named_request_whose_client_left_has_its_images_waiting(
    gateway: Gateway, providers: Providers, caller: Caller
) -> None:
    gate = Gate()
    providers.openai.script(Images(edits=(after(0, gate),)))
    body = json.dumps({"prompt": "cat", "n": 2}).encode()
    named = asked(gateway, caller, body, {"Idempotency-Key": "cat-3"})
    with Dial(gateway.port) as dial:
        dial.send(named)
        assert gate.reached.wait(WORK_SECONDS)
        dial.reset()
    gateway.unheard()
    gate.open()
    gateway.settled()
    with Dial(gateway.port) as dial:
        again = dial.ask(named)
    assert again.headers["x-autolist-replayed"] == "true"
    assert len(images_in(again.json)) == 2
    assert len(providers.openai.requests) == 1
    assert spent_nano(gateway, caller) == 2 * CENTS["dall-e-3"]


def test_a_gateway_that_is_killed_charges_nothing(
    providers: Providers, tmp_path: Path
) -> None:
    providers.stability.always(Silence())
    environ = {**providers.environ, "AUTOLIST_DEMO": "1"}
    with Child(tmp_path, environ, "--demo") as child:
        key = json.loads((tmp_path / "demo.json").read_text())["api_key"]
        body = b'{"model": "stable-diffusion", "prompt": "cat", "n": 3}'
        with Dial(child.port) as dial:
            dial.send(request("POST", PATH, body, {"Authorization": f"Bearer {key}"}))
            providers.stability.wait_for(3)
            child.process.kill()
            child.process.wait()
    with Child(tmp_path, environ, "--demo") as child:
        reply = httpx.get(
            f"{child.url}/api/v1/credits",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
        ).json()["data"]
        assert (reply["total_usage"], reply["held"]) == (0, 0)
        assert child.stop() == 0
    prove(tmp_path)


# The official SDK.


@pytest.fixture
def client(gateway: Gateway, providers: Providers, caller: Caller) -> Iterator[OpenAI]:
    with OpenAI(
        base_url=gateway.api,
        api_key=caller.key,
        http_client=DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client


@pytest.mark.parametrize("model", CENTS)
def test_the_sdk_gets_addresses(client: OpenAI, model: str) -> None:
    made = client.images.generate(model=model, prompt="cat", n=2, size="1024x1024")
    assert made.data is not None
    assert all(one.url and one.b64_json is None for one in made.data)
    assert comment(httpx.get(str(made.data[0].url), trust_env=False).content)


@pytest.mark.parametrize("model", CENTS)
def test_the_sdk_gets_bytes(client: OpenAI, model: str) -> None:
    made = client.images.generate(
        model=model, prompt="cat", response_format="b64_json", style="natural"
    )
    assert made.data is not None
    assert comment(base64.b64decode(made.data[0].b64_json or ""))


def test_the_sdk_sees_a_refusal_as_the_caller_s(
    client: OpenAI, providers: Providers
) -> None:
    providers.openai.script(OpenAIStatus(400, code="moderation_blocked"))
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt="cat")
    assert caught.value.code == "content_policy_violation"


def test_the_sdk_does_not_have_images_made_twice(
    client: OpenAI, providers: Providers
) -> None:
    providers.openai.always(OpenAIStatus(500))
    with pytest.raises(openai.InternalServerError):
        client.images.generate(prompt="cat")
    assert len(providers.openai.requests) == 1
    providers.openai.always(Answer())


# What the demo draws, and what is listed.


@pytest.mark.parametrize("model", [*CENTS, "demo-image"])
def test_the_demo_draws_for_every_model_that_has_no_provider(
    demo: Gateway, model: str
) -> None:
    caller = demo.caller()
    first, again, other = (
        ask(demo, caller, model=model, prompt=prompt, response_format="b64_json")
        for prompt in ("a", "a", "b")
    )
    assert first.headers["x-autolist-provider"] == "demo"
    assert images_in(first.json) == images_in(again.json) != images_in(other.json)


def test_the_models_are_listed_with_kind_price_and_rules(
    demo: Gateway, gateway: Gateway, caller: Caller
) -> None:
    key = {"Authorization": f"Bearer {caller.key}"}
    listed = httpx.get(f"{gateway.api}/models", headers=key, trust_env=False).json()
    images = {one["id"]: one for one in listed["data"] if one["kind"] == "image"}
    assert list(images) == [*CENTS, "demo-image"]
    for model, nano in CENTS.items():
        assert images[model]["pricing"]["image"] == dollars(nano)
        assert images[model]["available"] is True
        assert "1024x1024" in images[model]["sizes"]
