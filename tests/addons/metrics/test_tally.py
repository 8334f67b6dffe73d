"""The tally: each request is counted once, for what its record says."""

import pytest
from mitmproxy.http import Response

from addons.endpoints import MODELS
from addons.exchange import Attempt, Charge, Exchange
from addons.metrics.registry import Registry
from addons.metrics.tally import Tally
from addons.wire.errors import HeadersTooLarge, UpstreamOverloaded
from storage.ledger import UsageRecord
from storage.trail import AttemptRecord
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock

MS = 10**6
SOLD = {"provider": "openai", "model": "gpt-4o"}
CHAT = {"endpoint": "chat"}


class Counted:
    """A tally, and what its registry has afterwards."""

    def __init__(self) -> None:
        self.clock = FakeClock(monotonic_ns=exchanges.START_NS + 100 * MS)
        self.registry = Registry()
        self.tally = Tally(self.registry, self.clock)

    def request(self, record: Exchange, status: int = 200) -> None:
        flow = exchanges.travelling(record)
        flow.response = Response.make(status)
        self.tally.request(flow, record)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.own.get_sample_value(f"autolist_{name}", labels)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def attempt(
    started_ms: int, ended_ms: int | None, outcome: str = "complete"
) -> Attempt:
    made = Attempt(exchanges.leg(), exchanges.START_NS + started_ms * MS)
    if ended_ms is not None:
        made.end(exchanges.START_NS + ended_ms * MS, outcome)
    return made


def usage(**fields) -> UsageRecord:
    known = {
        "model": "gpt-4o",
        "provider": "openai",
        "upstream_model": "gpt-4o-2024",
        "evidence": "reported",
        "quantities": {"input": 10, "cache_read": 0, "output": 21},
        "outcome": "complete",
        "status": 200,
        "attempts": 1,
        "first_byte_ms": None,
        "total_ms": 90,
        "tokens": 31,
        "stream": False,
    }
    return UsageRecord(**{**known, **fields})


def charged(cost_nano: int = 1000, buy_nano: int = 400, **fields) -> Charge:
    record = usage(**fields)
    return Charge(
        cost_nano, 0, record.quantities, record.outcome, record, buy_nano=buy_nano
    )


def test_an_answer_is_a_request_with_its_attempts_tokens_and_money(
    counted: Counted,
) -> None:
    record = exchanges.held(
        trail=[attempt(1, 5, "upstream_overloaded"), attempt(5, 90)],
        upstream_ns=89 * MS,
        charge=charged(),
        paid_nano=1000,
    )
    counted.request(record)
    value = counted.value
    assert value("requests_total", status="200", **CHAT, model="gpt-4o") == 1
    assert value("request_duration_seconds_sum", **CHAT) == 0.1
    assert value("request_overhead_seconds_sum", **CHAT) == pytest.approx(0.011)
    tried = {**SOLD, "upstream_model": "gpt-4o-2024"}
    assert value("attempts_total", **tried, outcome="upstream_overloaded") == 1
    assert value("attempts_total", **tried, outcome="complete") == 1
    assert value("upstream_duration_seconds_count", **SOLD) == 2
    assert value("upstream_duration_seconds_sum", **SOLD) == pytest.approx(0.089)
    assert value("tokens_total", **SOLD, token_type="input") == 10
    assert value("tokens_total", **SOLD, token_type="output") == 21
    assert value("charges_total", **SOLD, evidence="reported") == 1
    assert value("charged_nanodollars_total", **SOLD) == 1000
    assert value("bought_nanodollars_total", **SOLD) == 400
    assert value("margin_nanodollars", **SOLD) == 600
    assert value("shortfall_nanodollars_total", **SOLD) == 0
    assert value("zero_cost_answers_total", **SOLD) == 0
    assert value("time_to_first_token_seconds_count", **SOLD) is None


def test_money_adds_up_to_the_last_nano_dollar(counted: Counted) -> None:
    for _ in range(10):
        record = exchanges.held(charge=charged(10**14 + 1), paid_nano=10**14 + 1)
        counted.request(record)
    assert counted.value("charged_nanodollars_total", **SOLD) == 10**15 + 10


def test_the_tokens_of_a_stream_are_timed(counted: Counted) -> None:
    record = exchanges.held(
        trail=[attempt(1, 70)],
        charge=charged(stream=True),
        paid_nano=1000,
        committed=True,
        first_byte_ns=exchanges.START_NS + 30 * MS,
    )
    counted.request(record)
    first = counted.value("time_to_first_token_seconds_sum", **SOLD)
    later = counted.value("time_per_output_token_seconds_sum", **SOLD)
    assert (first, later) == (0.03, pytest.approx(0.002))


def test_a_stream_that_never_began_has_no_first_token(counted: Counted) -> None:
    record = exchanges.held(
        trail=[attempt(1, 70, "upstream_error")],
        charge=charged(0, 0, stream=True, evidence="none", outcome="upstream_error"),
        refusal=UpstreamOverloaded(),
    )
    counted.request(record, 502)
    assert counted.value("time_to_first_token_seconds_count", **SOLD) is None
    assert counted.value("zero_cost_answers_total", **SOLD) == 0


def test_what_could_not_be_charged_is_a_shortfall(counted: Counted) -> None:
    counted.request(exchanges.held(charge=charged(1000), paid_nano=300))
    assert counted.value("shortfall_nanodollars_total", **SOLD) == 700
    assert counted.value("margin_nanodollars", **SOLD) == -100


def test_a_complete_answer_for_nothing_is_noticed(counted: Counted) -> None:
    counted.request(exchanges.held(charge=charged(0, 0), paid_nano=0))
    assert counted.value("zero_cost_answers_total", **SOLD) == 1


def test_an_error_is_counted_by_its_code(counted: Counted) -> None:
    record = exchanges.exchange(refusal=UpstreamOverloaded("sk-secret", code="sk-x"))
    counted.request(record, 502)
    labels = {**CHAT, "model": "", "code": "upstream_overloaded"}
    assert counted.value("request_errors_total", **labels) == 1
    assert b"sk-" not in counted.registry.text()


def test_who_asks_no_provider_has_no_overhead(counted: Counted) -> None:
    counted.request(exchanges.exchange(MODELS))
    assert counted.value("request_duration_seconds_count", endpoint="models") == 1
    assert counted.value("request_overhead_seconds_count", endpoint="models") is None


def test_images_and_seconds_are_pieces(counted: Counted) -> None:
    record = exchanges.held(charge=charged(quantities={"image": 2}), paid_nano=1000)
    counted.request(record)
    assert counted.value("pieces_total", **SOLD, meter="image") == 2


def test_a_job_is_counted_when_it_has_ended(counted: Counted) -> None:
    tried = AttemptRecord("openai", "gpt-4o-2024", "complete", 200, 0, 250)
    counted.tally.job(usage(trail=(tried,)), 1000, 1000, 1200)
    labels = {**SOLD, "upstream_model": "gpt-4o-2024", "outcome": "complete"}
    assert counted.value("attempts_total", **labels) == 1
    assert counted.value("upstream_duration_seconds_sum", **SOLD) == 0.25
    assert counted.value("margin_nanodollars", **SOLD) == -200


def test_batches_are_counted_and_timed(counted: Counted) -> None:
    counted.tally.committed(3, 2 * MS)
    counted.tally.committed(4, 4 * MS)
    counted.tally.failed()
    assert counted.value("ledger_operations_total") == 7
    assert counted.value("ledger_commit_seconds_count") == 2
    assert counted.value("ledger_commit_seconds_sum") == pytest.approx(0.006)
    assert counted.value("ledger_failures_total") == 1


def test_what_was_no_request_is_counted_as_one_that_nobody_read(counted) -> None:
    counted.tally.turned_away(HeadersTooLarge(2000))
    unread = {"endpoint": "unread", "model": ""}
    assert counted.value("requests_total", **unread, status="431") == 1
    code = "headers_too_large"
    assert counted.value("request_errors_total", **unread, code=code) == 1
