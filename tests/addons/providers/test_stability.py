"""Stability AI: shapes for sizes, forms for JSON, and a filter that answers 200."""

import base64

import orjson
import pytest

from addons.providers.stability import (
    STABILITY,
    boundary_for,
    multipart,
    retell,
)
from addons.wire.errors import (
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamThrottled,
)
from addons.wire.images import ImageAsk
from tests.fakes.png import png

IMAGING = STABILITY.imaging


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ("1024x1024", "1:1"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
        ("1536x1024", "3:2"),
        ("1024x1536", "2:3"),
        ("1344x768", "16:9"),
        ("1280x1024", "5:4"),
        ("1024x1280", "4:5"),
        ("3840x1024", "21:9"),
        ("10x9999", "9:21"),
        ("1025x1024", "1:1"),
    ],
)
def test_the_nearest_shape_stands_for_a_size(size: str, shape: str) -> None:
    (request,) = IMAGING.image_requests(ImageAsk("m", "cat", size=size), "m", "a")
    assert f'name="aspect_ratio"\r\n\r\n{shape}\r\n'.encode() in request.body


def test_a_prompt_cannot_end_its_own_field() -> None:
    prompt = f"--{boundary_for('x')}--\r\nContent-Disposition: form-data; name=seed"
    (request,) = IMAGING.image_requests(ImageAsk("m", prompt), "sd3.5-large", "a")
    boundary = request.headers["content-type"].partition("boundary=")[2]
    assert boundary not in prompt
    assert request.body.count(boundary.encode()) == 6


def test_a_form_is_fields_between_boundaries() -> None:
    assert multipart({"a": "猫"}, "b") == (
        '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n猫\r\n--b--\r\n'.encode()
    )


def test_bytes_and_base64_are_the_same_image() -> None:
    data = png("cat")
    as_bytes = IMAGING.read_images(200, {"content-type": "image/png"}, data)
    said = {"image": base64.b64encode(data).decode(), "finish_reason": "SUCCESS"}
    assert IMAGING.read_images(200, {}, orjson.dumps(said)) == as_bytes


@pytest.mark.parametrize(
    ("reason", "error"), [("CONTENT_FILTERED", ContentRefused), ("X", UpstreamFailed)]
)
def test_a_blurred_image_is_a_refusal(reason: str, error) -> None:
    headers = {"Content-Type": "image/png", "Finish-Reason": reason}
    with pytest.raises(error):
        IMAGING.read_images(200, headers, png("cat"))
    said = {"image": base64.b64encode(png("cat")).decode(), "finish_reason": reason}
    with pytest.raises(error):
        IMAGING.read_images(200, {}, orjson.dumps(said))


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (403, "content_moderation", ContentRefused),
        (403, "permission_denied", UpstreamAuth),
        (402, "payment_required", UpstreamBilling),
        (422, "rejected", UpstreamRefused),
        (429, "rate_limit_exceeded", UpstreamThrottled),
        (500, "internal_error", UpstreamFailed),
    ],
)
def test_its_errors_go_by_their_names(status: int, name: str, kind) -> None:
    said = orjson.dumps({"id": "i", "name": name, "errors": ["only", "English"]})
    error = IMAGING.read_error(status, {}, said)
    assert type(error) is kind
    if kind is UpstreamRefused:
        assert error.message == "only English"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"name":"x"}', b'{"errors":[7]}'])
def test_what_is_no_error_of_its_own_is_left_as_it_is(body: bytes) -> None:
    assert retell(body) == body
