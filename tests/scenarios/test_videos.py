"""Videos through the whole gateway, as callers see them.

Whoever makes the videos is played by hand, so that each is where a test wants it. Every
test ends with the proof of its ledger.
"""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import DefaultHttpxClient, OpenAI

from addons.films import studios_of
from addons.jobs import Jobs
from addons.media import Media
from addons.videos import Videos
from addons.wire.videos import order_of
from config import Settings
from config.money import dollars
from config.prices import Situation, cost_nano
from storage.jobs import Job, JobState, LegChoice
from storage.media import MediaStore
from tests.fakes.fal_server import FakeFal
from tests.fakes.fal_server import Status as FalStatus
from tests.fakes.runway_server import FakeRunway
from tests.fakes.runway_server import Status as RunwayStatus
from tests.fakes.studio import CLIP, Studio
from tests.scenarios.dial import Dial, Reply, request
from tests.scenarios.harness import Caller, Gateway, with_limits

GENERATIONS = "/api/v1/videos/generations"
VIDEOS = "/api/v1/videos"
GEN_2_NANO, PIKA_NANO = 150_000_000, 100_000_000
TEN_DOLLARS = 10 * 10**9
WAIT_SECONDS = 20
WAVES = {"model": "gen-2", "prompt": "海浪拍打沙滩", "duration": 10}
ENVIRON = {
    "RUNWAYML_BASE_URL": "http://127.0.0.1:9",
    "RUNWAYML_API_SECRET": "key_test",
    "FAL_QUEUE_URL": "http://127.0.0.1:9",
    "FAL_KEY": "id:secret",
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def with_videos(**changes: Any) -> Any:
    def change(found: Settings) -> Settings:
        return replace(found, videos=replace(found.videos, **changes))

    return change


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway_at(tmp_path_factory.mktemp("data")) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway) -> Iterator[Gateway]:
    yield shared
    for job in live(shared):
        studio_of(shared).fail(job, "upstream_error", "The test is over.", 502)
    shared.prove()


@pytest.fixture
def studio(gateway: Gateway) -> Studio:
    return studio_of(gateway)


def gateway_at(data: Path, change: Any = lambda found: found) -> Gateway:
    """One whose videos are made by nobody but the test."""
    return Gateway(data, ENVIRON, change, by_hand)


def by_hand(chain: tuple[object, ...]) -> None:
    for addon in chain:
        if isinstance(addon, Jobs):
            addon.leads = lambda: False
        if isinstance(addon, Videos):
            # More often than people need.
            addon.look_seconds = 0.01


def store_of(gateway: Gateway) -> MediaStore:
    (media,) = (one for one in gateway.master.senders if isinstance(one, Media))
    return media.store


def studio_of(gateway: Gateway) -> Studio:
    return Studio(gateway.storage, store_of(gateway), gateway.settings.prices)


def live(gateway: Gateway) -> list[Job]:
    return gateway.storage.reader.jobs.due(2**62, 500)


def jobs_of(gateway: Gateway, caller: Caller) -> list[Job]:
    return gateway.storage.reader.jobs.jobs_of(caller.account_id)


def ordered(gateway: Gateway, caller: Caller) -> Job:
    """The caller's only video, once it is ordered."""
    until = time.monotonic() + WAIT_SECONDS
    while not (found := jobs_of(gateway, caller)):
        if time.monotonic() > until:
            raise TimeoutError("no video was ordered")
    (job,) = found
    return job


def asked(caller: Caller, path: str = GENERATIONS, **fields: Any) -> bytes:
    """As the document's curl sends it: JSON that says that it is a form."""
    headers = {
        "Host": "gateway.test:8000",
        "Authorization": f"Bearer {caller.key}",
        "Content-Type": "application/x-www-form-urlencoded",
        **fields.pop("headers", {}),
    }
    return request("POST", path, json.dumps({**WAVES, **fields}).encode(), headers)


def ask(gateway: Gateway, caller: Caller, **fields: Any) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(asked(caller, **fields))


def order(gateway: Gateway, caller: Caller, **fields: Any) -> Job:
    """A video that nobody waits for."""
    reply = ask(gateway, caller, **{"async": True, **fields})
    assert reply.status == 202
    job = gateway.storage.reader.jobs.job(reply.json["id"])
    assert job is not None
    return job


def call(
    gateway: Gateway,
    caller: Caller,
    method: str,
    path: str,
    headers: Mapping[str, str] = {},
) -> Reply:
    told = {"Authorization": f"Bearer {caller.key}", **headers}
    with Dial(gateway.port) as dial:
        return dial.ask(request(method, path, headers=told), method=method)


def get(gateway: Gateway, caller: Caller, path: str = "") -> Reply:
    return call(gateway, caller, "GET", VIDEOS + path)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for its video, in a thread of its own."""

    pool: ThreadPoolExecutor
    gateway: Gateway

    def ask(self, caller: Caller, **fields: Any) -> "Future[Reply]":
        return self.pool.submit(ask, self.gateway, caller, **fields)


@pytest.fixture
def waiting(gateway: Gateway) -> Iterator[Waiting]:
    with ThreadPoolExecutor(4) as pool:
        yield Waiting(pool, gateway)


@pytest.fixture
def client(gateway: Gateway, caller: Caller) -> Iterator[OpenAI]:
    with OpenAI(
        base_url=gateway.api,
        api_key=caller.key,
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client


def spent_nano(gateway: Gateway, caller: Caller) -> int:
    return TEN_DOLLARS - gateway.available_nano(caller)


# The document's way.


def test_the_documents_request_gets_the_documents_answer(
    gateway: Gateway, caller: Caller, waiting: Waiting, studio: Studio
) -> None:
    answer = waiting.ask(caller)
    job = ordered(gateway, caller)
    assert spent_nano(gateway, caller) == GEN_2_NANO
    studio.finish(job)
    reply = answer.result(WAIT_SECONDS)
    assert (reply.status, set(reply.json)) == (
        200,
        {
            "id",
            "object",
            "status",
            "model",
            "created",
            "data",
            "duration",
            "aspect_ratio",
            "usage",
            "request_id",
        },
    )
    assert reply.json["id"] == job.id
    assert (reply.json["object"], reply.json["status"]) == ("video", "completed")
    assert (reply.json["model"], reply.json["duration"]) == ("gen-2", 10)
    assert reply.json["aspect_ratio"] == "16:9"
    assert '"usage":{"cost":0.15}' in reply.body.decode()
    (one,) = reply.json["data"]
    assert one["url"].startswith("http://gateway.test:8000/media/")
    path = one["url"].removeprefix("http://gateway.test:8000")
    found = httpx.get(gateway.url + path, trust_env=False)
    assert (found.content, found.headers["content-type"]) == (CLIP, "video/mp4")
    assert spent_nano(gateway, caller) == GEN_2_NANO


def test_the_answer_has_its_receipt_in_headers_and_at_its_id(
    gateway: Gateway, caller: Caller, waiting: Waiting, studio: Studio
) -> None:
    answer = waiting.ask(caller, seed=7)
    studio.finish(ordered(gateway, caller))
    headers = answer.result(WAIT_SECONDS).headers
    assert headers["x-autolist-provider"] == "runway"
    assert headers["x-autolist-upstream-model"] == "gen4.5"
    assert headers["x-autolist-cost"] == "0.15"
    assert headers["x-autolist-balance"] == "9.85"
    assert headers["x-autolist-attempts"] == "1"
    assert headers["x-autolist-dropped"] == "seed"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["x-ratelimit-remaining-requests"]
    id = headers["x-request-id"]
    receipt = call(gateway, caller, "GET", f"/api/v1/receipts/{id}")
    assert receipt.status == 200
    shown = call(gateway, caller, "GET", f"/api/v1/generation?id={id}").json["data"]
    assert (shown["api_type"], shown["num_media_completion"]) == ("videos", 1)
    assert shown["total_cost_exact"] == "0.15"


def test_a_video_leads_to_its_receipt_by_either_id(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    told = ask(gateway, caller, **{"async": True})
    job_id, request_id = told.json["id"], told.json["request_id"]
    assert request_id == told.headers["x-request-id"]
    path = f"/api/v1/receipts/{job_id}"
    assert call(gateway, caller, "GET", path).status == 404
    studio.finish(ordered(gateway, caller))
    receipt = call(gateway, caller, "GET", path)
    assert (receipt.status, receipt.json["id"]) == (200, request_id)
    assert receipt.json["charge"] == "0.15"
    assert get(gateway, caller, f"/{job_id}").json["request_id"] == request_id
    same = call(gateway, caller, "GET", f"/api/v1/receipts/{request_id}")
    assert same.json == receipt.json
    shown = call(gateway, caller, "GET", f"/api/v1/generation?id={job_id}").json
    assert shown["data"]["id"] == request_id
    other = gateway.caller()
    assert call(gateway, other, "GET", path).status == 404
    call(gateway, caller, "DELETE", f"/api/v1/videos/{job_id}")
    assert call(gateway, caller, "GET", path).json == receipt.json


@pytest.mark.parametrize(
    ("fields", "nano"),
    [
        ({"duration": 2}, GEN_2_NANO),
        ({"aspect_ratio": "9:16"}, GEN_2_NANO),
        ({"model": "pika-1.0"}, PIKA_NANO),
        ({"model": "pika-1.0", "duration": 5, "resolution": "1080p"}, PIKA_NANO),
    ],
)
def test_a_video_has_its_documented_price(
    gateway: Gateway, caller: Caller, studio: Studio, fields: Any, nano: int
) -> None:
    studio.finish(order(gateway, caller, **fields))
    assert spent_nano(gateway, caller) == nano
    (charge,) = gateway.charges(caller)
    assert charge.paid_nano == nano


@pytest.mark.parametrize("model", ["gen-2", "pika-1.0"])
def test_whoever_makes_it_the_price_is_one(
    gateway: Gateway, caller: Caller, studio: Studio, model: str
) -> None:
    other = LegChoice(1, "fal", "something-dear", "FAL_KEY")
    studio.finish(order(gateway, caller, model=model), leg=other)
    studio.finish(order(gateway, caller, model=model))
    first, second = gateway.charges(caller)
    assert first.paid_nano == second.paid_nano
    assert first.record.provider != second.record.provider


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("videos/generations", WAVES),
        ("videos", {"model": "gen-2", "prompt": "x", "seconds": "5"}),
    ],
)
def test_what_is_quoted_is_held_and_charged(
    gateway: Gateway, caller: Caller, studio: Studio, endpoint: str, body: Any
) -> None:
    key = {"Authorization": f"Bearer {caller.key}"}
    quote = httpx.post(
        f"{gateway.api}/quote",
        headers=key,
        json={"endpoint": endpoint, "request": body},
        trust_env=False,
    ).json()
    assert quote["endpoint"] == endpoint
    studio.finish(order(gateway, caller))
    (charge,) = gateway.charges(caller)
    assert quote["hold_exact"] == dollars(charge.paid_nano) == "0.15"


def test_too_little_money_is_402_and_nothing_is_ordered(gateway: Gateway) -> None:
    caller = gateway.caller("0.149999999")
    reply = ask(gateway, caller)
    assert (reply.status, reply.error["code"]) == (402, "insufficient_balance")
    assert (reply.error["needed"], reply.headers["x-should-retry"]) == ("0.15", "false")
    assert jobs_of(gateway, caller) == []


def test_the_models_list_has_them_with_price_and_rules(
    gateway: Gateway, caller: Caller
) -> None:
    entry = call(gateway, caller, "GET", "/api/v1/models/gen-2").json
    assert (entry["kind"], entry["available"]) == ("video", True)
    assert entry["pricing"] == {"generation": "0.15"}
    assert entry["durations"] == [2, 3, 4, 5, 6, 7, 8, 9, 10]


# Who does not wait, and who waits too long.


def test_an_asynchronous_request_is_answered_at_once(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    reply = ask(gateway, caller, **{"async": True})
    assert (reply.status, reply.json["status"]) == (202, "queued")
    assert (reply.json["data"], reply.json["usage"]) == ([], {"cost": 0})
    assert reply.headers["openai-poll-after-ms"]
    studio.finish(ordered(gateway, caller))
    shown = get(gateway, caller, "/" + reply.json["id"]).json
    assert (shown["status"], len(shown["data"])) == ("completed", 1)


def test_a_wait_has_an_end_and_the_video_has_none(tmp_path: Path) -> None:
    with gateway_at(tmp_path, with_videos(wait_seconds=0.2)) as gateway:
        caller = gateway.caller()
        reply = ask(gateway, caller)
        assert (reply.status, reply.json["status"]) == (202, "queued")
        assert (reply.json["data"], "x-autolist-cost" in reply.headers) == ([], False)
        studio_of(gateway).finish(ordered(gateway, caller))
        shown = get(gateway, caller, "/" + reply.json["id"])
        assert shown.json["usage"] == {"cost": 0.15}
        gateway.prove()


def test_a_client_that_leaves_finds_its_video_later(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    with Dial(gateway.port) as dial:
        dial.send(asked(caller))
        job = ordered(gateway, caller)
    gateway.settled()
    studio.finish(job)
    (shown,) = get(gateway, caller).json["data"]
    assert (shown["id"], shown["status"]) == (job.id, "completed")
    assert spent_nano(gateway, caller) == GEN_2_NANO


def test_who_waits_while_the_gateway_stops_is_told_how_far_it_is(
    tmp_path: Path,
) -> None:
    def impatient(found: Settings) -> Settings:
        return replace(found, listen=replace(found.listen, grace_seconds=0.2))

    with ThreadPoolExecutor(1) as pool, gateway_at(tmp_path, impatient) as one:
        caller = one.caller()
        answer = pool.submit(ask, one, caller)
        job = studio_of(one).begin(ordered(one, caller))
        one.loop.call_soon_threadsafe(one.master.stop)
        reply = answer.result(WAIT_SECONDS)
        assert (reply.status, reply.json["id"]) == (202, job.id)
        assert reply.json["status"] == "in_progress"
        one.thread.join(WAIT_SECONDS)
    with gateway_at(tmp_path) as two:
        studio_of(two).finish(job)
        assert get(two, caller, f"/{job.id}").json["status"] == "completed"
        two.prove()


# What fails.


@pytest.mark.parametrize(
    ("begun", "code", "status", "retry"),
    [
        (True, "content_policy_violation", 400, "false"),
        (False, "content_policy_violation", 400, None),
        (False, "invalid_request", 400, None),
        (False, "rate_limit_exceeded", 429, None),
        (True, "upstream_error", 502, "false"),
        (False, "submission_lost", 502, "false"),
        (True, "upstream_timeout", 502, "false"),
        (True, "media_unavailable", 503, "false"),
    ],
)
def test_a_failure_says_why_and_costs_nothing(
    gateway: Gateway,
    caller: Caller,
    waiting: Waiting,
    studio: Studio,
    begun: bool,
    code: str,
    status: int,
    retry: str | None,
) -> None:
    answer = waiting.ask(caller)
    job = ordered(gateway, caller)
    job = studio.begin(job) if begun else studio.submit(job)
    studio.fail(job, code, "This is why.", status)
    reply = answer.result(WAIT_SECONDS)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["message"] == "This is why."
    assert reply.error["video_id"] == job.id
    assert reply.headers.get("x-should-retry") == retry
    assert spent_nano(gateway, caller) == 0
    shown = get(gateway, caller, f"/{job.id}").json
    assert shown["status"] == "failed"
    assert shown["error"] == {"code": code, "message": "This is why."}


ODD = st.one_of(
    st.sampled_from(["5", "10", 10.0, 1.5, -1, 0, 61, 10**30, True, [], {}, [10], ""]),
    st.integers(-5, 70),
    st.text(max_size=5),
)
SHAPES = st.sampled_from(["16:9", "9:16", "1:1", "21:9", " 16:9", "16:9\n", "16：9"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "duration": st.one_of(st.integers(1, 12), ODD),
        "aspect_ratio": st.one_of(SHAPES, ODD),
        "resolution": st.one_of(st.sampled_from(["720p", "1080p", "4k"]), ODD),
        "seconds": ODD,
        "size": ODD,
        "n": ODD,
        "metadata": ODD,
        "parameters": st.fixed_dictionaries({"duration": ODD}),
        "extra_body": st.fixed_dictionaries({"duration": ODD}),
    },
)


@pytest.mark.parametrize("model", ["gen-2", "pika-1.0"])
@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(fields=FIELDS)
def test_the_price_is_that_of_what_is_sent(
    gateway: Gateway, model: str, fields: dict[str, Any]
) -> None:
    caller = gateway.caller("0.20")
    reply = ask(gateway, caller, **{**fields, "model": model, "async": True})
    if reply.status != 202:
        assert reply.status == 400 and jobs_of(gateway, caller) == []
        return
    routes = gateway.settings.models[model].candidates
    filming = studios_of(gateway.settings.providers)[routes[0].provider]
    job = ordered(gateway, caller)
    sent = filming.submit_request(order_of(model, job.ask).ask, "m", "account")
    sold = filming.sold(sent)
    price = gateway.settings.prices.at(model, gateway.storage.clock.wall_ns())
    assert price is not None
    cost = cost_nano(price, sold.quantities, Situation(parameters=sold.parameters))
    assert 200_000_000 - gateway.available_nano(caller) == cost


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"prompt": None}, 400, "prompt", "missing_required_parameter"),
        ({"prompt": "x" * 1001}, 400, "prompt", "invalid_value"),
        ({"duration": "10"}, 400, "duration", "invalid_type"),
        ({"duration": 10.0}, 400, "duration", "invalid_type"),
        ({"duration": True}, 400, "duration", "invalid_type"),
        ({"duration": -10}, 400, "duration", "invalid_value"),
        ({"duration": 10**18}, 400, "duration", "invalid_value"),
        ({"duration": 11}, 400, "duration", "invalid_value"),
        ({"aspect_ratio": "1:1"}, 400, "aspect_ratio", "invalid_value"),
        ({"resolution": "1080p"}, 400, "resolution", "invalid_value"),
        ({"async": "yes"}, 400, "async", "invalid_type"),
        ({"input_reference": "x"}, 400, "input_reference", "unsupported_parameter"),
        ({"model": "gpt-4o"}, 400, "model", "invalid_value"),
        ({"model": "gen-9"}, 404, "model", "model_not_found"),
        ({"model": "demo-video"}, 503, None, "model_unavailable"),
    ],
)
def test_a_wrong_request_is_refused_before_it_costs(
    gateway: Gateway, caller: Caller, fields, status: int, param, code: str
) -> None:
    reply = ask(gateway, caller, **fields)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["param"] == param
    assert (spent_nano(gateway, caller), jobs_of(gateway, caller)) == (0, [])


def test_a_video_model_does_not_chat(gateway: Gateway, caller: Caller) -> None:
    with Dial(gateway.port) as dial:
        body = {"model": "gen-2", "messages": [{"role": "user", "content": "hi"}]}
        reply = dial.ask(asked(caller, "/api/v1/chat/completions", **body))
    assert (reply.status, reply.error["param"]) == (400, "model")


def test_an_account_has_so_many_unfinished_videos(tmp_path: Path) -> None:
    with gateway_at(tmp_path, with_videos(account_max=2)) as gateway:
        caller, other = gateway.caller(), gateway.caller()
        first, _ = order(gateway, caller), order(gateway, caller)
        reply = ask(gateway, caller)
        assert (reply.status, reply.error["code"]) == (429, "rate_limit_exceeded")
        assert (reply.error["limit"], reply.headers["retry-after"]) == ("videos", "30")
        order(gateway, other)
        studio_of(gateway).finish(first)
        order(gateway, caller)
        for job in live(gateway):
            studio_of(gateway).fail(job, "upstream_error", "Over.", 502)
        gateway.prove()


def test_a_video_is_among_what_its_key_may_do_at_once(tmp_path: Path) -> None:
    with gateway_at(tmp_path, with_limits(concurrency=1)) as gateway:
        caller = gateway.caller()
        job = order(gateway, caller)
        reply = ask(gateway, caller)
        assert (reply.status, reply.error["limit"]) == (429, "concurrency")
        studio_of(gateway).finish(job)
        studio_of(gateway).finish(order(gateway, caller))
        gateway.prove()


def test_all_accounts_have_so_many_together(tmp_path: Path) -> None:
    with gateway_at(tmp_path, with_videos(unfinished_max=1)) as gateway:
        job = order(gateway, gateway.caller())
        reply = ask(gateway, gateway.caller())
        assert (reply.status, reply.error["code"]) == (503, "overloaded")
        studio_of(gateway).fail(job, "upstream_error", "Over.", 502)
        gateway.prove()


# Once.


def named(caller: Caller, **fields: Any) -> bytes:
    return asked(caller, headers={"Idempotency-Key": "order-1"}, **fields)


def send(gateway: Gateway, asked: bytes) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(asked)


def test_a_named_request_is_run_once_and_answered_the_same(
    gateway: Gateway, caller: Caller, waiting: Waiting, studio: Studio
) -> None:
    answer = waiting.pool.submit(send, gateway, named(caller))
    job = ordered(gateway, caller)
    while_it_runs = send(gateway, named(caller))
    assert while_it_runs.error["code"] == "idempotency_key_in_use"
    studio.finish(job)
    first, again = answer.result(WAIT_SECONDS), send(gateway, named(caller))
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["x-autolist-replayed"] == "true"
    assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert again.headers["x-autolist-cost"] == "0.15"
    assert send(gateway, named(caller, duration=5)).status == 422
    assert len(jobs_of(gateway, caller)) == 1


def test_a_named_request_whose_client_left_is_answered_when_it_comes_again(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    with Dial(gateway.port) as dial:
        dial.send(named(caller))
        job = ordered(gateway, caller)
    gateway.settled()
    studio.finish(job)
    again = send(gateway, named(caller))
    assert (again.status, again.json["id"]) == (200, job.id)
    assert len(again.json["data"]) == 1


@pytest.mark.parametrize("path", [GENERATIONS, VIDEOS])
def test_a_named_request_that_does_not_wait_has_one_answer(
    gateway: Gateway, caller: Caller, studio: Studio, path: str
) -> None:
    fields = {"async": True} if path == GENERATIONS else {}
    first = send(gateway, named(caller, path=path, **fields))
    again = send(gateway, named(caller, path=path, **fields))
    studio.finish(ordered(gateway, caller))
    later = send(gateway, named(caller, path=path, **fields))
    for reply in (again, later):
        assert (reply.status, reply.body) == (first.status, first.body)
    assert len(jobs_of(gateway, caller)) == 1


def test_a_form_that_is_sent_again_is_the_same_request(
    gateway: Gateway, caller: Caller, client: OpenAI
) -> None:
    name = {"Idempotency-Key": "order-1"}
    first = client.videos.create(prompt="waves", extra_headers=name)
    again = client.videos.create(prompt="waves", extra_headers=name)
    assert (again.id, len(jobs_of(gateway, caller))) == (first.id, 1)
    with pytest.raises(openai.UnprocessableEntityError):
        client.videos.create(prompt="other waves", extra_headers=name)


def test_a_failure_leaves_the_name_free(
    gateway: Gateway, caller: Caller, studio: Studio, waiting: Waiting
) -> None:
    answer = waiting.pool.submit(send, gateway, named(caller))
    job = ordered(gateway, caller)
    studio.fail(studio.begin(job), "upstream_error", "No.", 502)
    assert answer.result(WAIT_SECONDS).status == 502
    answer = waiting.pool.submit(send, gateway, named(caller))
    until = time.monotonic() + WAIT_SECONDS
    while not live(gateway) and time.monotonic() < until:
        continue
    (second,) = live(gateway)
    studio.finish(second)
    assert answer.result(WAIT_SECONDS).json["id"] == second.id != job.id


# OpenAI's way.


def test_the_sdk_makes_a_video(
    gateway: Gateway, caller: Caller, client: OpenAI, studio: Studio, tmp_path: Path
) -> None:
    made = client.videos.create(
        model="gen-2", prompt="waves", seconds="8", size="720x1280"
    )
    assert (made.object, made.status, made.progress) == ("video", "queued", 0)
    assert (made.seconds, made.size, made.model) == ("8", "720x1280", "gen-2")
    assert (made.prompt, made.error, made.completed_at) == ("waves", None, None)
    job = studio.poll(studio.begin(ordered(gateway, caller)), 40)
    seen = client.videos.with_raw_response.retrieve(made.id)
    assert seen.headers["openai-poll-after-ms"] == "5000"
    assert (seen.parse().status, seen.parse().progress) == ("in_progress", 40)
    studio.finish(job)
    done = client.videos.retrieve(made.id)
    assert (done.status, done.progress) == ("completed", 100)
    assert done.created_at == made.created_at
    assert done.expires_at == done.completed_at + 24 * 3600
    assert client.videos.download_content(made.id).read() == CLIP
    assert [one.id for one in client.videos.list()] == [made.id]
    assert client.videos.delete(made.id).deleted is True
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(made.id)
    assert spent_nano(gateway, caller) == GEN_2_NANO


def test_the_sdk_waits_for_a_video(
    gateway: Gateway, caller: Caller, client: OpenAI, waiting: Waiting, studio: Studio
) -> None:
    def create() -> Any:
        return client.videos.create_and_poll(
            prompt="waves", model="pika-1.0", poll_interval_ms=50
        )

    made = waiting.pool.submit(create)
    studio.finish(ordered(gateway, caller))
    assert made.result(WAIT_SECONDS).status == "completed"


def test_the_sdk_is_told_why_there_is_no_video(
    gateway: Gateway, caller: Caller, client: OpenAI, studio: Studio
) -> None:
    made = client.videos.create(prompt="waves")
    studio.fail(ordered(gateway, caller), "content_policy_violation", "No.", 400)
    failed = client.videos.retrieve(made.id)
    assert (failed.status, failed.error.code) == ("failed", "content_policy_violation")


def test_the_sdk_cannot_send_a_picture(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(prompt="waves", input_reference=("a.png", b"\x89PNG"))
    assert caught.value.param == "input_reference"


def test_a_list_has_pages(
    gateway: Gateway, caller: Caller, client: OpenAI, studio: Studio
) -> None:
    ids = [order(gateway, caller, prompt=str(index)).id for index in range(5)]
    newest = ids[::-1]
    assert [one.id for one in client.videos.list(limit=2)] == newest
    assert [one.id for one in client.videos.list(order="asc", limit=3)] == ids
    page = get(gateway, caller, "?limit=2").json
    assert (page["first_id"], page["last_id"]) == (newest[0], newest[1])
    assert page["has_more"] is True
    page = get(gateway, caller, f"?limit=2&after={newest[2]}").json
    assert [one["id"] for one in page["data"]] == newest[3:]
    assert page["has_more"] is False


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("&".join(["x=y"] * 17), "limit"),
    ],
)
def test_a_wrong_page_is_named(
    gateway: Gateway, caller: Caller, query: str, param: str
) -> None:
    reply = get(gateway, caller, f"?{query}")
    assert (reply.status, reply.error["param"]) == (400, param)


# The bytes.


def test_a_video_is_sent_in_parts(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    job = studio.finish(order(gateway, caller))
    path = f"{VIDEOS}/{job.id}/content?variant=video"
    whole = call(gateway, caller, "GET", path)
    assert (whole.status, whole.body) == (200, CLIP)
    assert whole.headers["content-type"] == "video/mp4"
    part = call(gateway, caller, "GET", path, {"Range": "bytes=4-7"})
    assert (part.status, part.body) == (206, b"ftyp")
    again = call(
        gateway, caller, "GET", path, {"If-None-Match": whole.headers["etag"]}
    )
    assert again.status == 304
    head = call(gateway, caller, "HEAD", path)
    assert (head.status, head.headers["content-length"]) == (200, str(len(CLIP)))


def test_there_is_nothing_to_download_before_it_is_made(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    job = order(gateway, caller)
    reply = get(gateway, caller, f"/{job.id}/content")
    assert (reply.status, reply.error["code"]) == (409, "video_not_ready")
    studio.fail(job, "upstream_error", "No.", 502)
    assert get(gateway, caller, f"/{job.id}/content").status == 409


@pytest.mark.parametrize(
    ("query", "code"),
    [("thumbnail", "unsupported_parameter"), ("x", "invalid_value")],
)
def test_only_the_video_itself_is_kept(
    gateway: Gateway, caller: Caller, studio: Studio, query: str, code: str
) -> None:
    job = studio.finish(order(gateway, caller))
    reply = get(gateway, caller, f"/{job.id}/content?variant={query}")
    assert (reply.status, reply.error["param"]) == (400, "variant")
    assert reply.error["code"] == code


def test_a_file_that_is_gone_is_said_to_be(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    job = studio.finish(order(gateway, caller))
    assert job.media is not None
    found = store_of(gateway).locate(job.media)
    assert found is not None
    found.path.unlink()
    reply = get(gateway, caller, f"/{job.id}/content")
    assert (reply.status, reply.error["code"]) == (404, "video_expired")


# Whose it is.


@pytest.mark.parametrize(
    ("method", "ending"), [("GET", ""), ("DELETE", ""), ("GET", "/content")]
)
@pytest.mark.parametrize("finished", [True, False])
def test_somebody_elses_video_is_none(
    gateway: Gateway,
    caller: Caller,
    studio: Studio,
    method: str,
    ending: str,
    finished: bool,
) -> None:
    job = order(gateway, caller)
    if finished:
        studio.finish(job)
    other = gateway.caller()
    reply = call(gateway, other, method, f"{VIDEOS}/{job.id}{ending}")
    never = call(gateway, other, method, f"{VIDEOS}/video_{'0' * 26}{ending}")
    assert (reply.status, reply.error) == (404, never.error)
    assert reply.error["code"] == "video_not_found"
    assert get(gateway, other).json["data"] == []
    page = get(gateway, other, f"?after={job.id}")
    assert (page.status, page.error["code"]) == (404, "video_not_found")
    assert get(gateway, caller, f"/{job.id}").status == 200


@pytest.mark.parametrize("id", ["video_", "req_1", "video_1/remix", "..", "video_é"])
def test_what_is_no_id_is_no_video(gateway: Gateway, caller: Caller, id: str) -> None:
    path = f"/{id}".encode().decode("latin-1") if not id.isascii() else f"/{id}"
    assert get(gateway, caller, path).status in (400, 404)


def test_videos_need_a_key(gateway: Gateway) -> None:
    nobody = Caller(0, "tk_wrong")
    for method, path in (
        ("GET", ""),
        ("GET", "/video_1"),
        ("GET", "/video_1/content"),
        ("DELETE", "/video_1"),
    ):
        assert call(gateway, nobody, method, VIDEOS + path).status == 401


# Deleting.


def test_a_video_that_nobody_began_is_cancelled_for_nothing(
    gateway: Gateway, caller: Caller
) -> None:
    job = order(gateway, caller)
    reply = call(gateway, caller, "DELETE", f"{VIDEOS}/{job.id}")
    assert reply.json == {"id": job.id, "object": "video.deleted", "deleted": True}
    assert spent_nano(gateway, caller) == 0
    assert get(gateway, caller, f"/{job.id}").status == 404
    found = gateway.storage.reader.jobs.job(job.id)
    assert found is not None and found.state is JobState.CANCELLED


def test_a_cancelled_video_ends_the_wait_for_it(
    gateway: Gateway, caller: Caller, waiting: Waiting
) -> None:
    answer = waiting.ask(caller)
    job = ordered(gateway, caller)
    call(gateway, caller, "DELETE", f"{VIDEOS}/{job.id}")
    reply = answer.result(WAIT_SECONDS)
    assert (reply.status, reply.error["code"]) == (409, "video_cancelled")


def test_a_video_that_is_being_made_cannot_be_cancelled(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    job = studio.poll(studio.begin(order(gateway, caller)), 10)
    reply = call(gateway, caller, "DELETE", f"{VIDEOS}/{job.id}")
    assert (reply.status, reply.error["code"]) == (409, "video_not_cancellable")
    assert reply.headers["x-should-retry"] == "false"
    studio.finish(job)
    assert call(gateway, caller, "DELETE", f"{VIDEOS}/{job.id}").status == 200


def test_a_deleted_video_is_gone_with_its_file(
    gateway: Gateway, caller: Caller, studio: Studio
) -> None:
    job = studio.finish(order(gateway, caller))
    assert job.address is not None and job.media is not None
    assert call(gateway, caller, "DELETE", f"{VIDEOS}/{job.id}").status == 200
    assert get(gateway, caller).json["data"] == []
    assert get(gateway, caller, f"/{job.id}/content").status == 404
    assert httpx.get(gateway.url + job.address, trust_env=False).status_code == 404
    assert store_of(gateway).locate(job.media) is None
    assert call(gateway, caller, "DELETE", f"{VIDEOS}/{job.id}").status == 404
    assert spent_nano(gateway, caller) == GEN_2_NANO


# Refused by who makes it.

RUNWAY_UNPAID = "You do not have enough credits to run this task."


@pytest.fixture(scope="module")
def makers() -> Iterator[tuple[FakeRunway, FakeFal]]:
    with FakeRunway() as runway, FakeFal() as fal:
        yield runway, fal


@pytest.fixture(scope="module")
def made(
    makers: tuple[FakeRunway, FakeFal], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One that has its videos made by itself."""
    runway, fal = makers
    environ = {
        "RUNWAYML_BASE_URL": runway.base_url,
        "RUNWAYML_API_SECRET": runway.api_key or "",
        "FAL_QUEUE_URL": fal.base_url,
        "FAL_KEY": fal.api_key or "",
    }
    with Gateway(tmp_path_factory.mktemp("made"), environ) as gateway:
        yield gateway
        gateway.prove()


@pytest.mark.parametrize(
    ("model", "status", "said", "code"),
    [
        ("gen-2", 401, None, "upstream_auth"),
        ("gen-2", 402, "Payment required.", "upstream_billing"),
        ("gen-2", 403, "Forbidden.", "upstream_auth"),
        ("gen-2", 400, RUNWAY_UNPAID, "upstream_billing"),
        ("gen-2", 404, "Not found.", "upstream_model_unavailable"),
        ("pika-1.0", 401, None, "upstream_auth"),
        ("pika-1.0", 402, None, "upstream_billing"),
        # Its balance is exhausted, says fal with that.
        ("pika-1.0", 403, None, "upstream_billing"),
    ],
)
def test_a_provider_that_does_not_let_us_in_is_no_fault_of_the_callers(
    made: Gateway,
    makers: tuple[FakeRunway, FakeFal],
    model: str,
    status: int,
    said: str | None,
    code: str,
) -> None:
    """The same codes as a chat's: never the provider's own 401, 402, 403 or 404."""
    runway, fal = makers
    if model == "gen-2":
        runway.script(RunwayStatus(status, said))
    else:
        fal.script(FalStatus(status))
    caller = made.caller()
    reply = ask(made, caller, model=model)
    assert (reply.status, reply.error["code"]) == (502, code)
    assert reply.error["type"] == "server_error"
    assert reply.headers["x-should-retry"] == "false"
    assert said is None or said not in reply.error["message"]
    assert spent_nano(made, caller) == 0


# All of it, with the demo.


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("demo"), {}, demo=True) as gateway:
        yield gateway
        gateway.prove()


def fetched(gateway: Gateway, answer: Mapping[str, Any]) -> bytes:
    (one,) = answer["data"]
    path = one["url"].partition("/media/")[2]
    reply = httpx.get(f"{gateway.url}/media/{path}", trust_env=False)
    return reply.raise_for_status().content


@pytest.mark.parametrize(
    ("model", "nano"),
    [("gen-2", GEN_2_NANO), ("pika-1.0", PIKA_NANO), ("demo-video", 20_000_000)],
)
def test_the_demo_makes_each_video_of_the_document(
    demo: Gateway, model: str, nano: int
) -> None:
    caller = demo.caller()
    reply = ask(demo, caller, model=model)
    assert (reply.status, reply.json["status"]) == (200, "completed")
    assert reply.headers["x-autolist-provider"] == "demo"
    assert reply.headers["x-autolist-cost"] == dollars(nano)
    assert fetched(demo, reply.json)[4:8] == b"ftyp"
    assert spent_nano(demo, caller) == nano
    id = reply.headers["x-request-id"]
    assert call(demo, caller, "GET", f"/api/v1/receipts/{id}").status == 200


def test_the_sdk_has_the_demo_make_one(demo: Gateway) -> None:
    caller = demo.caller()
    with OpenAI(
        base_url=demo.api,
        api_key=caller.key,
        http_client=DefaultHttpxClient(trust_env=False),
    ) as client:
        made = client.videos.create_and_poll(
            prompt="waves", model="demo-video", seconds="4", size="1080x1080"
        )
        assert (made.status, made.seconds, made.size) == ("completed", "4", "1080x1080")
        content = client.videos.download_content(made.id).read()
        assert content[4:8] == b"ftyp"
    assert spent_nano(demo, caller) == 20_000_000


def test_a_named_video_of_the_demo_is_answered_the_same_twice(demo: Gateway) -> None:
    caller = demo.caller()
    asked_for = named(caller, model="demo-video")
    first, again = send(demo, asked_for), send(demo, asked_for)
    assert (first.status, again.body) == (200, first.body)
    assert again.headers["x-autolist-replayed"] == "true"
    assert spent_nano(demo, caller) == 20_000_000
