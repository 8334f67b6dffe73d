"""Metrics and logs of a whole gateway: they say what the ledger says.

Whoever has a whole answer is counted already: the counting comes before its end.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from addons.metrics.table import BY_NAME
from storage.ledger import topup
from tests.fakes.openai_script import Answer, End, Gate, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.conftest import Start
from tests.scenarios.dial import CHAT, Dial, chat, request
from tests.scenarios.harness import Caller, Gateway, with_listen

TOKEN = "a-token-of-many-letters"
SOLD = {"provider": "openai", "model": "gpt-4o"}
WAIT_SECONDS = 10
# A moment for heads and bodies.
IMPATIENT = with_listen(header_seconds=0.2, body_seconds=0.2)

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def figures(gateway: Gateway) -> Figures:
    answer = httpx.get(f"{gateway.url}/metrics").raise_for_status()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


class Change:
    """What the figures have gained since this was made."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.before = figures(gateway)

    def __call__(self, name: str, **labels: str) -> float:
        key = (f"autolist_{name}", frozenset(labels.items()))
        return figures(self.gateway).get(key, 0) - self.before.get(key, 0)


@pytest.fixture
def change(gateway: Gateway) -> Change:
    return Change(gateway)


@pytest.fixture
def logged() -> Iterator[list[dict]]:
    """The lines of requests, as they come."""
    lines: list[dict] = []
    logger = logging.getLogger("autolist.requests")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.fields)  # type: ignore[attr-defined]

    keep = Keep()
    logger.addHandler(keep)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield lines
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(keep)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_is_counted_to_the_nano_dollar_and_told(
    gateway: Gateway, caller: Caller, change: Change, logged: list[dict], stream: bool
) -> None:
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    assert reply.status == 200
    (charge,) = gateway.charges(caller)
    served = {"endpoint": "chat", "model": "gpt-4o", "status": "200"}
    assert change("requests_total", **served) == 1
    assert change("charged_nanodollars_total", **SOLD) == charge.paid_nano > 0
    assert change("bought_nanodollars_total", **SOLD) == charge.buy_nano
    margin_nano = charge.paid_nano - charge.buy_nano
    assert change("margin_nanodollars", **SOLD) == margin_nano
    for meter, count in charge.record.quantities.items():
        assert change("tokens_total", **SOLD, token_type=meter) == count
    tried = {**SOLD, "upstream_model": "gpt-4o", "outcome": "complete"}
    assert change("attempts_total", **tried) == 1
    assert change("request_overhead_seconds_count", endpoint="chat") == 1
    assert change("time_to_first_token_seconds_count", **SOLD) == stream
    assert change("time_per_output_token_seconds_count", **SOLD) == stream
    (line,) = (one for one in logged if one["endpoint"] == "chat")
    assert line["id"] == charge.request_id == reply.headers["x-request-id"]
    assert (line["status"], line["end"], line["stream"]) == (200, "complete", stream)
    assert line["used"] == dict(charge.record.quantities)
    assert line["key_id"] == charge.key_id


def test_what_a_provider_fails_at_is_counted(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, change: Change
) -> None:
    fake.always(Status(500))
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key)).status == 502
    errors = {"endpoint": "chat", "model": "gpt-4o", "code": "upstream_error"}
    assert change("request_errors_total", **errors) == 1
    tried = {**SOLD, "upstream_model": "gpt-4o", "outcome": "upstream_error"}
    assert change("attempts_total", **tried) >= 1
    assert change("charges_total", **SOLD, evidence="none") == 1
    assert change("charged_nanodollars_total", **SOLD) == 0


def test_a_stream_that_dies_is_an_error_under_status_200(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, change: Change
) -> None:
    fake.always(Answer(edits=[after(3, End.FIN)]))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=True))
    assert reply.status == 200
    errors = {"endpoint": "chat", "model": "gpt-4o", "code": "upstream_error"}
    assert change("request_errors_total", **errors) == 1
    (charge,) = gateway.charges(caller)
    assert change("charged_nanodollars_total", **SOLD) == charge.paid_nano


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET /\r\n\r\n", 400, "invalid_request"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "invalid_request"),
        (b"CONNECT a:443 HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        (b"\x16\x03\x01\x02\r\n\r\n", 400, "invalid_request"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 99_999, 431, "headers_too_large"),
        (b"GET / HT", 408, "request_timeout"),
    ],
    ids=["version", "length", "connect", "tls", "large", "slow"],
)
def test_what_is_no_request_is_counted_all_the_same(
    start: Start, data: bytes, status: int, code: str
) -> None:
    change = Change(gateway := start(change=IMPATIENT))
    with Dial(gateway.port) as dial:
        dial.send(data)
        assert dial.head()[0] == status
    unread = {"endpoint": "unread", "model": ""}
    assert change("requests_total", **unread, status=str(status)) == 1
    assert change("request_errors_total", **unread, code=code) == 1


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ("Content-Length: 99", 408, "request_timeout"),
        ("Content-Length: 999999999", 413, "body_too_large"),
        ("Transfer-Encoding: chunked\r\n\r\nx", 400, "invalid_request"),
    ],
)
def test_a_body_that_is_refused_is_counted_for_its_endpoint(
    start: Start, head: str, status: int, code: str
) -> None:
    gateway = start(change=IMPATIENT)
    caller = gateway.caller()
    change = Change(gateway)
    with Dial(gateway.port) as dial:
        line = f"POST {CHAT} HTTP/1.1\r\nAuthorization: Bearer {caller.key}\r\n"
        dial.send(f"{line}Host: gateway\r\n{head}\r\n\r\n".encode())
        assert dial.head()[0] == status
    asked = {"endpoint": "chat", "model": ""}
    while change("requests_total", **asked, status=str(status)) < 1:
        continue
    assert change("request_errors_total", **asked, code=code) == 1
    assert change("requests_total", **asked, status="499") == 0


def test_what_is_refused_before_is_counted_without_its_words(
    gateway: Gateway, caller: Caller, change: Change
) -> None:
    with Dial(gateway.port) as dial:
        assert dial.ask(chat("tk_nobody")).status == 401
        assert dial.ask(chat(caller.key, model="made-up-model")).status == 404
        assert dial.ask(request("GET", "/v1/made-up-path")).status == 404
    unknown = {"endpoint": "chat", "model": ""}
    assert change("request_errors_total", **unknown, code="invalid_api_key") == 1
    assert change("request_errors_total", **unknown, code="model_not_found") == 1
    assert "made-up" not in httpx.get(f"{gateway.url}/metrics").text


def test_a_stream_that_runs_is_seen_and_its_client_that_leaves(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, change: Change
) -> None:
    gate = Gate()
    fake.always(Answer(edits=[after(3, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        dial.head()
        assert gate.reached.wait(WAIT_SECONDS)
        assert change("streams_in_flight") == 1
        assert change("requests_in_flight") == 1
        assert change("holds_open") == 1
        assert change("holds_open_nanodollars") > 0
    gate.open()
    gateway.settled()
    assert change("streams_in_flight") == 0
    assert change("holds_open") == 0
    served = {"endpoint": "chat", "model": "gpt-4o", "status": "200"}
    assert change("requests_total", **served) == 1


def test_who_leaves_before_its_answer_is_499(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, change: Change
) -> None:
    gate = Gate()
    fake.always(Answer(edits=[after(0, gate)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key))
        assert gate.reached.wait(WAIT_SECONDS)
    gateway.settled()
    gate.open()
    served = {"endpoint": "chat", "model": "gpt-4o", "status": "499"}
    assert change("requests_total", **served) == 1


def test_the_ledgers_own_work_is_counted(
    gateway: Gateway, caller: Caller, change: Change
) -> None:
    wait = gateway.storage.writer.wait
    for number in range(3):
        wait(topup, caller.account_id, 1, "test", f"{caller.account_id}:{number}")
    # Told after the answer: the next one shows that the last was.
    wait(topup, caller.account_id, 1, "test", f"{caller.account_id}:last")
    assert change("ledger_operations_total") >= 3
    assert change("ledger_commit_seconds_count") >= 3
    assert change("ledger_failures_total") == 0


def test_all_that_is_shown_is_in_the_table(gateway: Gateway, caller: Caller) -> None:
    with Dial(gateway.port) as dial:
        dial.ask(chat(caller.key, stream=True))
    text = httpx.get(f"{gateway.url}/metrics").text
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert shown == set(BY_NAME)


def test_a_proxy_on_this_machine_gets_no_metrics(gateway: Gateway) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7"}
    answer = httpx.get(f"{gateway.url}/metrics", headers=headers)
    assert (answer.status_code, answer.json()["success"]) == (404, False)


def test_with_a_token_only_who_sends_it_gets_them(start: Start) -> None:
    def with_token(settings):
        metrics = replace(settings.metrics, token=TOKEN)
        return replace(settings, metrics=metrics)

    gateway = start(change=with_token)
    url = f"{gateway.url}/metrics"
    refused = httpx.get(url)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    assert httpx.get(url, headers=wrong).status_code == 401
    right = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
    answer = httpx.get(url, headers=right)
    assert answer.status_code == 200
    assert TOKEN not in answer.text
    assert httpx.head(url, headers=right).status_code == 200
