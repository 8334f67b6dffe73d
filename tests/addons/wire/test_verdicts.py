"""Verdicts: a provider's error by code, type and status; nothing private gets out."""

import orjson
import pytest

from addons.wire.errors import (
    ApiError,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
    error_body,
)
from addons.wire.verdicts import (
    BODY_BYTES_MAX,
    MESSAGE_CHARS_MAX,
    error_in,
    judge,
    judge_object,
    wait,
    without_private,
)


def body(**error: object) -> bytes:
    return orjson.dumps({"error": error})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UpstreamFailed),
        (400, UpstreamRefused),
        (401, UpstreamAuth),
        (402, UpstreamBilling),
        (403, UpstreamAuth),
        (404, UpstreamModelGone),
        (405, UpstreamFailed),
        (408, UpstreamTimeout),
        (409, UpstreamFailed),
        (413, UpstreamRefused),
        (422, UpstreamRefused),
        (429, UpstreamThrottled),
        (500, UpstreamFailed),
        (502, UpstreamFailed),
        (503, UpstreamOverloaded),
        (504, UpstreamTimeout),
        (529, UpstreamOverloaded),
    ],
)
@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>nginx</html>", b"[]", b'{"error":null}', body(message="m")],
    ids=["nothing", "html", "array", "null", "object"],
)
def test_the_status_decides_when_there_is_no_telling_code(
    status: int, kind: type[ApiError], raw: bytes
) -> None:
    assert type(judge(status, {}, raw)) is kind


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota"}, UpstreamBilling),
        (429, {"type": "insufficient_quota"}, UpstreamBilling),
        (
            429,
            {"type": "insufficient_quota", "code": "credit_balance_exhausted"},
            UpstreamBilling,
        ),
        (429, {"code": "rate_limit_exceeded"}, UpstreamThrottled),
        (400, {"code": "content_policy_violation"}, ContentRefused),
        (400, {"code": "content_filter"}, ContentRefused),
        (400, {"code": "model_not_found"}, UpstreamModelGone),
        (401, {"type": "invalid_request_error"}, UpstreamAuth),
        (400, {"code": "invalid_api_key"}, UpstreamAuth),
        (503, {"code": "slow_down"}, UpstreamOverloaded),
        (500, {"code": "server_is_overloaded"}, UpstreamOverloaded),
        (500, {"type": "server_error"}, UpstreamFailed),
        (400, {"code": ["odd"], "type": {}, "message": 7}, UpstreamRefused),
    ],
)
def test_the_code_and_the_type_go_before_the_status(
    status: int, error: dict[str, object], kind: type[ApiError]
) -> None:
    assert type(judge(status, {}, body(**error))) is kind


def test_a_code_s_family_decides_when_the_code_is_unknown() -> None:
    raw = orjson.dumps({"code": "Throttling.RateQuota", "message": "slowly"})
    verdicts = {"Throttling": UpstreamThrottled}
    assert type(judge(400, {}, raw, verdicts)) is UpstreamThrottled


def test_a_judgement_of_the_request_keeps_the_provider_s_words() -> None:
    error = judge(
        400,
        {},
        body(
            message="This model's maximum context length is 128000 tokens.",
            type="invalid_request_error",
            param="messages",
            code="context_length_exceeded",
        ),
    )
    assert isinstance(error, UpstreamRefused)
    assert error.message == "This model's maximum context length is 128000 tokens."
    assert (error.code, error.param) == ("context_length_exceeded", "messages")


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429, 500, 503])
def test_our_own_troubles_are_told_in_our_own_words(status: int) -> None:
    said = "Account acme of sk-1234567890 owes $12 at https://api.example.com"
    error = judge(status, {}, body(message=said, code="account_suspended", param="x"))
    for private in (b"acme", b"sk-12", b"$12", b"example", b"suspended"):
        assert private not in error_body(error)
    assert error.param is None
    assert "account_suspended" in error.detail


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("see https://api.example.com/v1?x=1 for more", "see […] for more"),
        ("ask api.example.com:443/v1", "ask […]"),
        ("mail help@example.com", "mail […]"),
        ("organization org-abc123DEF has no access", "organization […] has no access"),
        ("key sk-proj-1234********abcd is wrong", "key […] is wrong"),
        ("the user-provided schema", "the user-provided schema"),
        ("messages[0].content: too long. Try again", None),
        ("1.5 is greater than 1.0", None),
        ("参数错误", None),
    ],
)
def test_addresses_and_identifiers_are_taken_out(said: str, told: str | None) -> None:
    assert without_private(said) == (said if told is None else told)


def test_a_long_message_is_cut_and_a_huge_body_not_read() -> None:
    error = judge(400, {}, body(message="x" * 10_000))
    assert len(error.message) == MESSAGE_CHARS_MAX
    error = judge(400, {}, body(message="x" * BODY_BYTES_MAX))
    assert error.message == UpstreamRefused.text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3),
        ({"retry-after": " 3 "}, 3),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 2),
        ({"retry-after": "2.0"}, 2),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "999999999"}, 86_400),
        ({"retry-after": "9" * 5_000}, None),
        ({"retry-after-ms": "1200", "retry-after": "9"}, 2),
        ({"Retry-After-Ms": "20.5"}, 1),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
    ],
)
def test_the_wait_is_read_where_it_is_a_plain_number(
    headers: dict[str, str], seconds: int | None
) -> None:
    assert wait(headers) == seconds


def test_the_wait_travels_with_the_throttle() -> None:
    assert judge(429, {"retry-after": "17"}, b"").retry_after == 17
    assert judge(503, {"retry-after": "3"}, b"").retry_after == 3
    assert judge(429, {}, b"").retry_after == UpstreamThrottled.retry_after


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({}, UpstreamFailed),
        ({"type": "server_error", "message": "oops"}, UpstreamFailed),
        ({"type": "invalid_request_error", "message": "no"}, UpstreamRefused),
        ({"type": "rate_limit_error"}, UpstreamThrottled),
        ({"code": "insufficient_quota"}, UpstreamBilling),
        ({"code": 429}, UpstreamThrottled),
        ({"code": 503}, UpstreamOverloaded),
        ({"code": 7}, UpstreamFailed),
        ({"code": "content_filter"}, ContentRefused),
    ],
)
def test_an_error_under_status_200_is_judged_by_itself(
    error: dict[str, object], kind: type[ApiError]
) -> None:
    assert type(judge_object(error)) is kind


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": {"code": "c"}}, {"code": "c"}),
        ({"error": "text", "code": "c"}, {"message": "text", "code": "c"}),
        ({"error": True}, {}),
        ({"error": None, "choices": []}, None),
        ({"code": "c", "message": "m"}, {"code": "c", "message": "m"}),
        ({"code": "", "message": "", "output": {}}, None),
        ({"code": "c", "message": "m", "choices": []}, None),
        ({"choices": []}, None),
        ([], None),
        ("error", None),
    ],
)
def test_an_error_is_found_in_any_of_its_shapes(
    answer: object, error: dict[str, object] | None
) -> None:
    assert error_in(answer) == error


def test_a_code_may_stand_among_the_details() -> None:
    error = {"type": "odd", "details": {"error_code": "insufficient_quota"}}
    assert type(judge(429, {}, body(**error))) is UpstreamBilling
    # One that stands in its place goes before it.
    assert type(judge(429, {}, body(**error, code="slow_down"))) is UpstreamOverloaded
    for details in ("text", {"error_code": 7}, None):
        assert type(judge(500, {}, body(details=details))) is UpstreamFailed


def test_words_decide_where_a_provider_names_them() -> None:
    verdicts = {"balance is too low": UpstreamBilling, "odd": UpstreamRefused}
    said = body(message="Your balance is TOO low.", code="odd")
    assert type(judge(400, {}, said, verdicts)) is UpstreamBilling
    assert type(judge(400, {}, body(message="odd thing"), verdicts)) is UpstreamRefused
    assert type(judge(500, {}, body(message="odd"), verdicts)) is UpstreamFailed
