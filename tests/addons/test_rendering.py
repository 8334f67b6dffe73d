"""Rendering: each error in the dialect of whoever asked, always with an id."""

import json

import orjson
import pytest

from addons import endpoints
from addons.rendering import Render, amount, body_of, json_response, kept_response
from addons.wire.errors import (
    InsufficientBalance,
    InternalError,
    MethodNotAllowed,
    RateLimited,
    UnknownKey,
)
from storage.replays import KeptAnswer
from tests.fakes import exchanges

render = Render(lambda prefix: f"{prefix}_new")


@pytest.mark.parametrize(
    ("endpoint", "keys"),
    [
        (endpoints.CHAT, {"error"}),
        (endpoints.UNKNOWN_API, {"error"}),
        (None, {"error"}),
        (endpoints.WEB, {"success", "message", "data"}),
        (endpoints.HEALTH, {"success", "message", "data"}),
    ],
)
def test_programs_and_people_read_errors_of_their_own(endpoint, keys) -> None:
    assert json.loads(body_of(UnknownKey(), endpoint)).keys() == keys


def test_people_read_the_message() -> None:
    body = json.loads(body_of(InternalError(), endpoints.WEB))
    message = "Something went wrong in the gateway."
    assert body == {"success": False, "message": message, "data": None}


@pytest.mark.parametrize(
    ("record", "id"), [(exchanges.exchange(id="req_7"), "req_7"), (None, "req_new")]
)
def test_every_error_has_the_id_of_its_request(record, id) -> None:
    assert render(InternalError(), record).headers["x-request-id"] == id


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (RateLimited("rpm", 17), "retry-after", "17"),
        (InsufficientBalance("1", "0"), "x-should-retry", "false"),
        (MethodNotAllowed(("GET", "HEAD")), "allow", "GET, HEAD"),
        (UnknownKey(), "cache-control", "no-store"),
        (UnknownKey(), "content-type", "application/json; charset=utf-8"),
    ],
)
def test_headers_tell_programs_what_to_do(error, name: str, value: str) -> None:
    assert render(error, exchanges.exchange()).headers[name] == value


@pytest.mark.parametrize(
    ("endpoint", "readable"), [(endpoints.CHAT, True), (endpoints.WEB, False)]
)
def test_only_the_api_is_readable_from_any_page(endpoint, readable: bool) -> None:
    response = render(UnknownKey(), exchanges.exchange(endpoint))
    assert ("access-control-allow-origin" in response.headers) is readable


def test_the_body_is_as_long_as_it_says() -> None:
    response = render(UnknownKey(), None)
    assert int(response.headers["content-length"]) == len(response.raw_content)
    assert (response.status_code, response.reason) == (401, "Unauthorized")


@pytest.mark.parametrize("status", [200, 402, 431, 599])
def test_a_response_may_have_any_status(status: int) -> None:
    assert json_response(status, b"{}").status_code == status


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "0.00"), (1, "0.000000001"), (2**63 - 1, "9223372036.854775807")],
)
def test_an_amount_is_a_number_digit_by_digit(nano: int, text: str) -> None:
    assert orjson.dumps({"cost": amount(nano)}).decode() == '{"cost":%s}' % text


def test_a_kept_answer_is_sent_as_it_was() -> None:
    response = kept_response(KeptAnswer(202, "application/x", b"{ }"))
    assert (response.status_code, response.raw_content) == (202, b"{ }")
    assert response.headers["content-type"] == "application/x"
    assert response.headers["content-length"] == "3"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("attempts", "shown"), [(0, None), (2, "2")])
def test_an_error_says_how_many_attempts_it_took(attempts: int, shown) -> None:
    record = exchanges.exchange()
    record.attempts = attempts
    found = render(InternalError(), record).headers.get("x-autolist-attempts")
    assert found == shown
