"""Errors: what a caller's program reads, class by class."""

from collections.abc import Iterator

import orjson
import pytest

from addons.wire import errors
from addons.wire.errors import (
    AnswerNotKept,
    ApiError,
    BadJson,
    BadParameter,
    BodyTooLarge,
    ContentRefused,
    HeadersTooLarge,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InsufficientBalance,
    MethodNotAllowed,
    ModelUnavailable,
    PriceUnknown,
    RateLimited,
    UnknownModel,
    UnknownRoute,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamThrottled,
    VideoUncertain,
    error_body,
    error_frame,
    error_headers,
)

INVALID = "invalid_request_error"
SERVER = "server_error"
IDEMPOTENCY = "idempotency_error"

EXPECTED = {
    "BadRequest": (400, INVALID, "invalid_request"),
    "BadJson": (400, INVALID, "invalid_json"),
    "BadForm": (400, INVALID, "invalid_form"),
    "BadParameter": (400, INVALID, "invalid_value"),
    "UpstreamRefused": (400, INVALID, "upstream_refused"),
    "ContentRefused": (400, INVALID, "content_policy_violation"),
    "UnknownKey": (401, INVALID, "invalid_api_key"),
    "KeyExpired": (401, INVALID, "key_expired"),
    "InsufficientBalance": (402, "insufficient_quota", "insufficient_balance"),
    "KeyBudgetExceeded": (402, "insufficient_quota", "key_budget_exceeded"),
    "Forbidden": (403, "permission_error", "forbidden"),
    "AccountDisabled": (403, "permission_error", "account_disabled"),
    "ModelNotAllowed": (403, "permission_error", "model_not_allowed"),
    "AddressNotAllowed": (403, "permission_error", "address_not_allowed"),
    "AddressNotValid": (403, "permission_error", "invalid_address"),
    "NotFound": (404, INVALID, "not_found"),
    "UnknownModel": (404, INVALID, "model_not_found"),
    "UnknownVideo": (404, INVALID, "video_not_found"),
    "VideoGone": (404, INVALID, "video_expired"),
    "UnknownRoute": (404, INVALID, "unknown_route"),
    "MethodNotAllowed": (405, INVALID, "method_not_allowed"),
    "RequestTimeout": (408, INVALID, "request_timeout"),
    "Conflict": (409, IDEMPOTENCY, "conflict"),
    "IdempotencyKeyInUse": (409, IDEMPOTENCY, "idempotency_key_in_use"),
    "AnswerNotKept": (409, IDEMPOTENCY, "idempotency_answer_not_kept"),
    "VideoNotReady": (409, INVALID, "video_not_ready"),
    "VideoCancelled": (409, INVALID, "video_cancelled"),
    "VideoRunning": (409, INVALID, "video_not_cancellable"),
    "BodyTooLarge": (413, INVALID, "body_too_large"),
    "TokensOverLimit": (413, INVALID, "tokens_over_limit"),
    "RangeUnsatisfiable": (416, INVALID, "range_not_satisfiable"),
    "IdempotencyKeyReused": (422, IDEMPOTENCY, "idempotency_key_reused"),
    "HeadersTooLarge": (431, INVALID, "headers_too_large"),
    "RateLimited": (429, "rate_limit_error", "rate_limit_exceeded"),
    "TooManyVideos": (429, "rate_limit_error", "rate_limit_exceeded"),
    "UpstreamThrottled": (429, "rate_limit_error", "rate_limit_exceeded"),
    "InternalError": (500, SERVER, "internal_error"),
    "UpstreamFailed": (502, SERVER, "upstream_error"),
    "UpstreamTimeout": (502, SERVER, "upstream_timeout"),
    "UpstreamOverloaded": (502, SERVER, "upstream_overloaded"),
    "UpstreamMisled": (502, SERVER, "upstream_error"),
    "UpstreamAuth": (502, SERVER, "upstream_auth"),
    "UpstreamBilling": (502, SERVER, "upstream_billing"),
    "UpstreamModelGone": (502, SERVER, "upstream_model_unavailable"),
    "Unavailable": (503, SERVER, "unavailable"),
    "Overloaded": (503, SERVER, "overloaded"),
    "Draining": (503, SERVER, "draining"),
    "MediaDown": (503, SERVER, "media_unavailable"),
    "LedgerDown": (503, SERVER, "ledger_unavailable"),
    "VideoUncertain": (503, SERVER, "ledger_unavailable"),
    "PriceUnknown": (503, SERVER, "price_unknown"),
    "ModelUnavailable": (503, SERVER, "model_unavailable"),
}
# Retrying these by itself, a client could only lose time.
NEVER_RETRIED = {
    "InsufficientBalance",
    "KeyBudgetExceeded",
    "UpstreamAuth",
    "UpstreamBilling",
    "UpstreamModelGone",
    "PriceUnknown",
    "ModelUnavailable",
    "MediaDown",
    "AnswerNotKept",
    "TokensOverLimit",
    "IdempotencyKeyReused",
    "VideoNotReady",
    "VideoCancelled",
    "VideoRunning",
    "VideoUncertain",
}
# Retrying these is the way to the answer.
ALWAYS_RETRIED = {"IdempotencyKeyInUse"}


def tree(kind: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    for child in kind.__subclasses__():
        yield child
        yield from tree(child)


def test_the_table_above_names_every_error() -> None:
    assert {kind.__name__ for kind in tree()} == set(EXPECTED)


def test_the_tree_in_the_docstring_names_every_error() -> None:
    assert errors.__doc__ is not None
    assert [name for name in EXPECTED if f" {name}" not in errors.__doc__] == []


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_each_has_its_status_type_code_and_advice(kind: type[ApiError]) -> None:
    status, type_, code = EXPECTED[kind.__name__]
    assert (kind.status, kind.type, kind.code) == (status, type_, code)
    advice = {False: NEVER_RETRIED, True: ALWAYS_RETRIED}
    said = [retry for retry, names in advice.items() if kind.__name__ in names]
    assert kind.should_retry is (said[0] if said else None)


def test_the_base_itself_cannot_be_raised() -> None:
    with pytest.raises(TypeError, match="only groups"):
        ApiError("no")


def test_a_body_has_all_four_keys_of_openai() -> None:
    body = error_body(BadParameter("messages[0].role", "what is it?"))
    assert orjson.loads(body) == {
        "error": {
            "message": "Parameter 'messages[0].role': what is it?",
            "type": "invalid_request_error",
            "param": "messages[0].role",
            "code": "invalid_value",
        }
    }


def test_a_frame_is_one_event_of_a_stream() -> None:
    error = UpstreamFailed()
    assert error_frame(error) == b"data: " + error_body(error) + b"\n\n"


def test_a_lack_of_money_says_how_much_and_is_not_retried() -> None:
    error = InsufficientBalance("0.50", "0.49")
    found = orjson.loads(error_body(error))["error"]
    assert (found["needed"], found["available"]) == ("0.50", "0.49")
    assert error_headers(error) == [("x-should-retry", "false")]


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (BadJson(), []),
        (RateLimited("rpm", 7), [("Retry-After", "7")]),
        (RateLimited("rpm", 0), [("Retry-After", "1")]),
        (RateLimited("rpm", 120), [("Retry-After", "120")]),
        (UpstreamThrottled(retry_after=3600), [("Retry-After", "120")]),
        (UpstreamThrottled(), [("Retry-After", "5")]),
        (MethodNotAllowed(["GET", "HEAD"]), [("Allow", "GET, HEAD")]),
        (ModelUnavailable("m"), [("x-should-retry", "false")]),
        (
            IdempotencyKeyInUse("req_1"),
            [("Retry-After", "1"), ("x-should-retry", "true")],
        ),
        (AnswerNotKept("req_1", True), [("x-should-retry", "false")]),
        (VideoUncertain("video_1"), [("x-should-retry", "false")]),
        (IdempotencyKeyReused("req_1"), [("x-should-retry", "false")]),
    ],
    ids=repr,
)
def test_headers_say_when_to_come_back(
    error: ApiError, headers: list[tuple[str, str]]
) -> None:
    assert error_headers(error) == headers


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("rpm", "requests a minute"),
        ("tpm", "tokens a minute"),
        ("concurrency", "requests at the same time"),
    ],
)
def test_a_limit_is_named_in_words_and_by_name(limit: str, words: str) -> None:
    error = RateLimited(limit, 1)
    assert words in error.message
    assert orjson.loads(error_body(error))["error"]["limit"] == limit


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (BodyTooLarge(20_971_520), "20971520 bytes"),
        (HeadersTooLarge(65_536), "65536 bytes"),
        (PriceUnknown("gpt-9"), "'gpt-9'"),
        (UnknownModel("gpt-9"), "'gpt-9'"),
        (UnknownRoute("PUT", "/api/v1/odd"), "PUT /api/v1/odd"),
    ],
    ids=repr,
)
def test_a_message_names_what_it_is_about(error: ApiError, named: str) -> None:
    assert named in error.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (IdempotencyKeyInUse("req_1"), "is running (req_1)"),
        (AnswerNotKept("req_1", True), "because it was a stream"),
        (AnswerNotKept("req_1", False), "because it was too large"),
        (IdempotencyKeyReused("req_1"), "something else (req_1)"),
    ],
)
def test_a_second_request_learns_the_id_of_the_first(error, words: str) -> None:
    found = orjson.loads(error_body(error))["error"]
    assert words in found["message"]
    assert found["request_id"] == "req_1"


def test_what_is_not_given_stays_the_class_s_own() -> None:
    assert UpstreamRefused("no").code == "upstream_refused"
    assert UpstreamRefused("no", code="odd", param="n").code == "odd"
    assert ContentRefused().message == ContentRefused.text


def test_detail_is_for_the_log_alone() -> None:
    error = UpstreamFailed(detail="connection to 10.0.0.7 refused")
    assert b"10.0.0.7" not in error_body(error)
    assert "10.0.0.7" in error.detail


@pytest.mark.parametrize(
    "error",
    [UnknownModel("\udce4" * 5_000), UnknownRoute("G\udcff", "/\udcff" * 5_000)],
    ids=["model", "route"],
)
def test_what_a_caller_sends_is_cut_and_made_printable(error: ApiError) -> None:
    body = error_body(error)
    assert len(body) < 1_000
    assert orjson.loads(body)["error"]["message"] == error.message


def test_a_long_message_is_cut() -> None:
    assert len(UpstreamRefused("x" * 10_000).message) == errors.MESSAGE_CHARS_MAX


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (UpstreamThrottled(), None),
        (UpstreamThrottled(retry_after=5), 5),
        (UpstreamThrottled(retry_after=0), 0),
        (UpstreamFailed(), None),
    ],
)
def test_a_wait_that_was_named_is_told_from_one_of_its_kind(error, seconds) -> None:
    assert error.asked_seconds == seconds
