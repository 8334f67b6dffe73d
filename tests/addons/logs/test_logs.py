"""Logs: a line for each request, of what is known of it and nothing that was said."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from mitmproxy.http import Response

from addons.exchange import Attempt, Charge, Exchange
from addons.logs import logs
from addons.logs.logs import Logs, fields_of, set_up
from addons.wire.errors import UpstreamRefused
from config.settings import LogSettings
from storage.ledger import UsageRecord
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock

MS = 10**6
NOW_NS = exchanges.START_NS + 100 * MS
RECORD = UsageRecord(
    model="gpt-4o",
    provider="openai",
    upstream_model="gpt-4o-2024",
    evidence="reported",
    quantities={"input": 10, "output": 20},
    outcome="complete",
    status=200,
    attempts=1,
    first_byte_ms=5,
    total_ms=90,
    tokens=30,
    stream=False,
    upstream_id='chatcmpl-1"\n',
    finish="stop",
)


def served(**parts) -> Exchange:
    attempt = Attempt(exchanges.leg(), exchanges.START_NS + MS, status=200)
    attempt.end(exchanges.START_NS + 90 * MS, "complete")
    known = {
        "trail": [attempt],
        "attempts": 1,
        "leg": exchanges.leg(),
        "charge": Charge(
            250_000, 0, RECORD.quantities, "complete", RECORD, buy_nano=100_000
        ),
        "paid_nano": 250_000,
        "first_byte_ns": exchanges.START_NS + 90 * MS,
        "upstream_ns": 89 * MS,
    }
    return exchanges.held(**{**known, **parts})


def told(record: Exchange, status: int = 200) -> dict:
    flow = exchanges.travelling(record)
    flow.response = Response.make(status)
    return fields_of(flow, record, NOW_NS)


def test_a_line_tells_who_what_how_and_how_much() -> None:
    assert told(served()) == {
        "id": "req_1",
        "endpoint": "chat",
        "status": 200,
        "user_id": "user",
        "key_id": 7,
        "model": "gpt-4o",
        "stream": False,
        "provider": "openai",
        "upstream_model": "gpt-4o-2024",
        "attempts": [
            {
                "provider": "openai",
                "model": "gpt-4o-2024",
                "outcome": "complete",
                "status": 200,
                "micros": 89_000,
            }
        ],
        "end": "complete",
        "evidence": "reported",
        "used": {"input": 10, "output": 20},
        "cost": "0.00025",
        "paid": "0.00025",
        "bought": "0.0001",
        "finish": "stop",
        "upstream_id": "chatcmpl-1",
        "total_micros": 100_000,
        "first_byte_micros": 90_000,
        "overhead_micros": 11_000,
    }


def test_of_a_stranger_only_that_it_asked() -> None:
    record = exchanges.exchange(refusal=UpstreamRefused("sk-words", code="sk-code"))
    assert told(record, 400) == {
        "id": "req_1",
        "endpoint": "chat",
        "status": 400,
        "code": "upstream_refused",
        "total_micros": 100_000,
    }


def test_an_error_is_never_told_in_a_providers_words() -> None:
    charge = served().charge
    assert charge is not None
    record = served(refusal=UpstreamRefused("sk-words", code="sk-code"))
    assert told(record, 400)["end"] == "upstream_refused"
    assert "sk-" not in json.dumps(told(record, 400))


@contextmanager
def bare_logging() -> Iterator[logging.Logger]:
    """As if nobody had set up logging yet; and nobody has afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield root
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
        logs.logger.setLevel(logging.NOTSET)


def lines(settings: LogSettings) -> list[str]:
    stream = io.StringIO()
    with bare_logging():
        set_up(settings, stream)
        record = served()
        flow = exchanges.travelling(record)
        flow.response = Response.make(200)
        Logs(FakeClock(monotonic_ns=NOW_NS)).left(flow, record)
        logging.getLogger("storage").warning("the disk is slow")
        logging.getLogger("storage").info("the disk is there")
    return stream.getvalue().splitlines()


def events(settings: LogSettings) -> list[str]:
    return [json.loads(line)["event"] for line in lines(settings)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (LogSettings(), ["request", "the disk is slow"]),
        (LogSettings(level="error"), ["request"]),
        (
            LogSettings(level="info"),
            ["request", "the disk is slow", "the disk is there"],
        ),
        (LogSettings(requests="off"), ["the disk is slow"]),
    ],
)
def test_requests_are_logged_where_that_is_on_and_all_else_by_level(
    settings: LogSettings, told: list[str]
) -> None:
    assert events(settings) == told


def test_people_may_have_text() -> None:
    first, second = lines(LogSettings(format="text"))
    assert " INFO autolist.requests: request id=req_1 endpoint=chat " in first
    assert second.endswith(" WARNING storage: the disk is slow")


def test_whoever_set_up_logging_before_keeps_it() -> None:
    with bare_logging() as root:
        set_up(LogSettings(), io.StringIO())
        set_up(LogSettings(), io.StringIO())
        assert len(root.handlers) == 1
