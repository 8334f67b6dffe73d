"""The fake Stability AI, judged by a plain HTTP client: it has no SDK for this API."""

import base64
from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.png import comment
from tests.fakes.script import Raw
from tests.fakes.stability_server import PATH, FakeStability, Image, Status

CAT = {"prompt": "一只猫\r\n--x", "model": "sd3.5-large", "aspect_ratio": "16:9"}


@pytest.fixture
def fake() -> Iterator[FakeStability]:
    with FakeStability() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeStability) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer sk-stability", "accept": "image/*"}
    with httpx.Client(base_url=fake.address, headers=headers, trust_env=False) as made:
        yield made


def ask(client: httpx.Client, fields: dict[str, str] = CAT, **more) -> httpx.Response:
    # An empty file part makes a form of it, as the provider's own examples do it.
    form = {name: (None, value) for name, value in fields.items()}
    return client.post(PATH, files=form, **more)


def test_an_image_is_bytes_with_the_rest_in_headers(client) -> None:
    reply = ask(client)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    assert reply.headers["finish-reason"] == "SUCCESS"
    assert comment(reply.content) == f"{CAT['prompt']} 1"


def test_an_image_is_json_where_that_is_asked_for(client) -> None:
    reply = ask(client, headers={"accept": "application/json"}).json()
    assert reply["finish_reason"] == "SUCCESS"
    assert comment(base64.b64decode(reply["image"])).endswith(" 1")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {**CAT, "prompt": ""},
        {**CAT, "size": "1024x1024"},
        {**CAT, "model": "sdxl"},
        {**CAT, "aspect_ratio": "2:1"},
        {**CAT, "output_format": "gif"},
    ],
)
def test_what_it_does_not_take_is_refused(client, fields) -> None:
    assert ask(client, fields or {"x": "y"}).status_code == 400


def test_only_forms_are_taken(client) -> None:
    assert client.post(PATH, json=CAT).json()["name"] == "bad_request"


def test_a_wrong_key_and_a_wrong_path_are_refused(client) -> None:
    reply = ask(client, headers={"authorization": "Bearer no"})
    assert reply.json()["name"] == "unauthorized"
    assert client.post("/v1/nothing").status_code == 404


def test_it_fails_as_it_is_told(client, fake) -> None:
    fake.script(
        Status(429, headers={"retry-after": "7"}),
        Image(finish_reason="CONTENT_FILTERED"),
        Raw(b"<html>"),
    )
    throttled, filtered, garbage = [ask(client) for _ in range(3)]
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "7")
    assert filtered.headers["finish-reason"] == "CONTENT_FILTERED"
    assert garbage.content == b"<html>"
