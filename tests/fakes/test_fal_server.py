"""The fake fal, judged by fal's own client.

The client knows the queue's host and speaks to it by https only. So its connections to
that host are led to the fake; all that it sends and reads is its own.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fal_client import Completed, InProgress, Queued, SyncClient
from fal_client.client import FalClientHTTPError

from tests.fakes.fal_server import MODEL, FakeFal, Film, Refused, Status
from tests.fakes.mp4 import video_comment
from tests.fakes.script import End, Raw, Silence, after

QUEUE = "queue.fal.run"
CAT = {"prompt": "一只猫", "duration": 5, "aspect_ratio": "16:9", "resolution": "720p"}


class Led(httpx.HTTPTransport):
    """Connections that end at the fake, whatever host was meant."""

    def __init__(self, port: int) -> None:
        super().__init__(trust_env=False)
        self.port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == QUEUE:
            request.url = request.url.copy_with(
                scheme="http", host="127.0.0.1", port=self.port
            )
        return super().handle_request(request)


@pytest.fixture
def fake() -> Iterator[FakeFal]:
    with FakeFal() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeFal) -> Iterator[SyncClient]:
    made = SyncClient(key="id:secret")
    headers = made._client.headers
    with httpx.Client(transport=Led(fake.port), headers=headers, timeout=10) as led:
        made._client.close()
        made.__dict__["_client"] = led
        yield made


def test_a_video_is_made_in_the_queue(client, fake) -> None:
    handle = client.submit(MODEL, CAT)
    place = f"/fal-ai/pika/requests/{handle.request_id}/status"
    assert handle.status_url.endswith(place)
    found = [handle.status(with_logs=True) for _ in range(3)]
    assert [type(one) for one in found] == [Queued, InProgress, Completed]
    assert found[0].position == 1
    video = handle.get()["video"]
    data = httpx.get(video["url"], trust_env=False).content
    assert video_comment(data) == CAT["prompt"]
    assert (video["content_type"], video["file_size"]) == ("video/mp4", len(data))
    assert len(fake.submits) == 1 and not fake.betrayed


def test_completed_is_no_success(client, fake) -> None:
    fake.script(
        Film(plan=("COMPLETED",), error="It failed.", results=(Refused(), None)),
        Film(plan=("COMPLETED",), results=(Status(500, "internal_error"),)),
    )
    handle = client.submit(MODEL, CAT)
    assert handle.status().error == "It failed."
    with pytest.raises(FalClientHTTPError) as caught:
        handle.get()
    assert caught.value.status_code == 422
    (detail,) = caught.value.response.json()["detail"]
    assert detail["type"] == "content_policy_violation"
    assert "video" in handle.get()
    with pytest.raises(FalClientHTTPError) as caught:
        client.submit(MODEL, CAT).get()
    assert (caught.value.status_code, caught.value.error_type) == (
        500, "internal_error",
    )


def test_a_request_is_cancelled_while_it_waits(client, fake) -> None:
    handle = client.submit(MODEL, CAT)
    handle.cancel()
    assert fake.cancelled == [handle.request_id]
    with pytest.raises(FalClientHTTPError) as caught:
        handle.status()
    assert caught.value.status_code == 404


def test_a_request_that_runs_goes_on_and_one_that_is_over_stays(client) -> None:
    handle = client.submit(MODEL, CAT)
    handle.status()
    handle.status()
    handle.cancel()
    assert isinstance(handle.status(), Completed)
    with pytest.raises(FalClientHTTPError) as caught:
        handle.cancel()
    assert caught.value.response.json() == {"status": "ALREADY_COMPLETED"}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"duration": 7}, "duration"),
        ({"aspect_ratio": "21:9"}, "aspect_ratio"),
        ({"resolution": "4k"}, "resolution"),
        ({"n": 2}, "n"),
    ],
)
def test_what_it_does_not_take_is_refused(
    client, changes: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(FalClientHTTPError) as caught:
        client.submit(MODEL, {**CAT, **changes})
    (detail,) = caught.value.response.json()["detail"]
    assert (caught.value.status_code, detail["loc"]) == (422, ["body", wrong])


@pytest.mark.parametrize(
    ("behaviour", "status"), [(Status(403), 403), (Status(503, "startup_timeout"), 503)]
)
def test_errors_are_as_it_is_told(client, fake, behaviour: Status, status: int) -> None:
    fake.script(behaviour, Film(plan=(behaviour, "COMPLETED")))
    with pytest.raises(FalClientHTTPError) as caught:
        client.submit(MODEL, CAT)
    assert caught.value.status_code == status
    assert caught.value.error_type == behaviour.error_type
    handle = client.submit(MODEL, CAT)
    with pytest.raises(FalClientHTTPError):
        handle.status()
    assert isinstance(handle.status(), Completed)


@pytest.mark.parametrize(
    "behaviour",
    [
        Status(429, headers={"retry-after": "1"}),
        Silence(End.RST),
        Film(edits=(after(1, End.RST),)),
    ],
)
def test_the_client_comes_back_where_that_may_help(client, fake, behaviour) -> None:
    fake.script(behaviour)
    assert client.submit(MODEL, CAT).request_id
    assert len(fake.submits) == 2


def test_garbage_is_passed_on(client, fake) -> None:
    fake.script(Raw(b"<html>"))
    with pytest.raises(ValueError):
        client.submit(MODEL, CAT)


def test_the_key_is_asked_for(fake) -> None:
    reply = httpx.post(f"{fake.address}/{MODEL}", json=CAT, trust_env=False)
    assert (reply.status_code, "detail" in reply.json()) == (401, True)


def test_there_is_nothing_else(client) -> None:
    with pytest.raises(FalClientHTTPError):
        client.submit("fal-ai/other", CAT)
