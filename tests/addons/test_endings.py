"""Endings: what a client has got, and which of our words say why."""

import pytest
from mitmproxy.flow import Error
from mitmproxy.http import HTTPFlow, Response

from addons.endings import (
    CLIENT_LEFT,
    NOT_COMPLETED,
    OTHER,
    code_of,
    outcome_of,
    status_of,
)
from addons.exchange import Exchange
from addons.wire.errors import UnknownKey, UpstreamRefused, UpstreamTimeout
from tests.fakes import exchanges


def ended(
    record: Exchange, status: int | None = None, error: str | None = None
) -> HTTPFlow:
    flow = exchanges.travelling(record)
    flow.response = None if status is None else Response.make(status)
    flow.error = None if error is None else Error(error)
    return flow


@pytest.mark.parametrize(
    ("parts", "ending", "status"),
    [
        ({}, {"status": 200}, 200),
        ({}, {"status": 404}, 404),
        ({"began": True}, {"status": 500}, 200),
        ({"began": True}, {"error": "left"}, 200),
        ({}, {"error": "left"}, CLIENT_LEFT),
        ({}, {"status": 500, "error": "left"}, CLIENT_LEFT),
        ({}, {"status": 408, "error": NOT_COMPLETED}, 408),
        ({}, {}, CLIENT_LEFT),
    ],
)
def test_the_status_is_what_the_client_has_got(parts, ending, status) -> None:
    record = exchanges.exchange(**parts)
    assert status_of(ended(record, **ending), record) == status


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({}, ""),
        ({"refusal": UnknownKey()}, "invalid_api_key"),
        ({"broken": UpstreamTimeout()}, "upstream_timeout"),
        # The provider's own code is anybody's text.
        ({"refusal": UpstreamRefused(code="sk-secret")}, "upstream_refused"),
    ],
)
def test_an_error_has_a_code_of_ours(parts, code) -> None:
    assert code_of(exchanges.exchange(**parts)) == code


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("complete", "complete"),
        ("cancelled", "cancelled"),
        ("upstream_overloaded", "upstream_overloaded"),
        ("whatever a provider says", OTHER),
        ("", OTHER),
    ],
)
def test_an_attempt_has_an_outcome_of_ours(said, known) -> None:
    assert outcome_of(said) == known
