"""Tally: counts what has ended.

A request is counted once, when its answer and its charge are final; a job when its
charge is. What is counted of them is read from the record that travelled with them.
"""

from collections.abc import Mapping

from mitmproxy.http import HTTPFlow

from addons.endings import code_of, kind_code, outcome_of, status_of
from addons.exchange import Attempt, Charge, Exchange
from addons.metrics.family import Family
from addons.metrics.registry import Registry
from addons.wire.errors import ApiError
from config.meters import OUTPUT_METERS, TOKEN_METERS
from storage.clock import Clock
from storage.ledger import UsageRecord
from storage.trail import AttemptRecord

NANOSECONDS = 1_000_000_000
MILLISECONDS = 1000
COMPLETE = "complete"
# The endpoint of what nobody knows which it was for.
UNREAD = "unread"


class Tally:
    """Adds to the metrics of a registry."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self.clock = clock
        counters, histograms = registry.counters, registry.histograms
        self.requests = Family(counters["autolist_requests_total"])
        self.errors = Family(counters["autolist_request_errors_total"])
        self.attempts = Family(counters["autolist_attempts_total"])
        self.tokens = Family(counters["autolist_tokens_total"])
        self.pieces = Family(counters["autolist_pieces_total"])
        self.charges = Family(counters["autolist_charges_total"])
        self.charged = Family(counters["autolist_charged_nanodollars_total"])
        self.bought = Family(counters["autolist_bought_nanodollars_total"])
        self.shortfall = Family(counters["autolist_shortfall_nanodollars_total"])
        self.zero_cost = Family(counters["autolist_zero_cost_answers_total"])
        self.operations = counters["autolist_ledger_operations_total"]
        self.failures = counters["autolist_ledger_failures_total"]
        self.margin = Family(registry.gauges["autolist_margin_nanodollars"])
        self.duration = Family(histograms["autolist_request_duration_seconds"])
        self.overhead = Family(histograms["autolist_request_overhead_seconds"])
        self.upstream = Family(histograms["autolist_upstream_duration_seconds"])
        self.first_token = Family(histograms["autolist_time_to_first_token_seconds"])
        self.next_token = Family(histograms["autolist_time_per_output_token_seconds"])
        self.commit = histograms["autolist_ledger_commit_seconds"]

    def request(self, flow: HTTPFlow, exchange: Exchange) -> None:
        """A request that is over."""
        now_ns = self.clock.monotonic_ns()
        endpoint = exchange.endpoint.kind.value
        model = "" if exchange.model is None else exchange.model.id
        status = str(status_of(flow, exchange))
        self.requests[endpoint, model, status].inc()
        if code := code_of(exchange):
            self.errors[endpoint, model, code].inc()
        self.duration[endpoint,].observe(
            (now_ns - exchange.started_ns) / NANOSECONDS
        )
        if exchange.trail:
            self.overhead[endpoint,].observe(
                exchange.overhead_ns(now_ns) / NANOSECONDS
            )
        for attempt in exchange.trail:
            self.attempt(attempt, model, now_ns)
        if exchange.charge is not None:
            self.charge(exchange, exchange.charge)

    def turned_away(self, error: ApiError) -> None:
        """Something that was refused before it was a request."""
        self.requests[UNREAD, "", str(error.status)].inc()
        self.errors[UNREAD, "", kind_code(type(error))].inc()

    def job(
        self, record: UsageRecord, cost_nano: int, paid_nano: int, buy_nano: int
    ) -> None:
        """A job that is over."""
        for attempt in record.trail:
            self.tried(attempt, record.model)
        self.money(record, cost_nano, paid_nano, buy_nano)

    def committed(self, operations: int, commit_ns: int) -> None:
        """A batch of changes is on disk. Called by the ledger's thread."""
        self.operations.inc(operations)
        self.commit.observe(commit_ns / NANOSECONDS)

    def failed(self) -> None:
        """A batch could not be written. Called by the ledger's thread."""
        self.failures.inc()

    def attempt(self, attempt: Attempt, model: str, now_ns: int) -> None:
        provider = attempt.leg.provider.name
        outcome = outcome_of(attempt.outcome)
        upstream_model = attempt.leg.candidate.model
        self.attempts[provider, model, upstream_model, outcome].inc()
        lasted_ns = (attempt.ended_ns or now_ns) - attempt.started_ns
        self.upstream[provider, model].observe(lasted_ns / NANOSECONDS)

    def tried(self, attempt: AttemptRecord, model: str) -> None:
        provider, outcome = attempt.provider, outcome_of(attempt.outcome)
        self.attempts[provider, model, attempt.model, outcome].inc()
        lasted_seconds = attempt.total_ms / MILLISECONDS
        self.upstream[provider, model].observe(lasted_seconds)

    def charge(self, exchange: Exchange, charge: Charge) -> None:
        record = charge.record
        paid_nano = exchange.paid_nano or 0
        self.money(record, charge.cost_nano, paid_nano, charge.buy_nano)
        if not record.stream or not exchange.committed:
            return
        first_ns, attempt = exchange.first_byte_ns, exchange.trail[-1]
        if first_ns is None or attempt.ended_ns is None:
            return
        sold = record.provider, record.model
        self.first_token[sold].observe(
            (first_ns - exchange.started_ns) / NANOSECONDS
        )
        later = output_tokens(record.quantities) - 1
        if later > 0:
            self.next_token[sold].observe(
                (attempt.ended_ns - first_ns) / NANOSECONDS / later
            )

    def money(
        self, record: UsageRecord, cost_nano: int, paid_nano: int, buy_nano: int
    ) -> None:
        sold = record.provider, record.model
        self.charges[*sold, record.evidence].inc()
        for meter, count in record.quantities.items():
            counter = self.tokens if meter in TOKEN_METERS else self.pieces
            if count:
                counter[*sold, meter].inc(count)
        if paid_nano:
            self.charged[sold].inc(paid_nano)
        if buy_nano:
            self.bought[sold].inc(buy_nano)
        if paid_nano != buy_nano:
            self.margin[sold].inc(paid_nano - buy_nano)
        # With their nothing too: an alert sees a series grow, not come into being.
        self.shortfall[sold].inc(max(0, cost_nano - paid_nano))
        self.zero_cost[sold].inc(record.outcome == COMPLETE and not cost_nano)


def output_tokens(quantities: Mapping[str, int]) -> int:
    return sum(quantities.get(meter, 0) for meter in OUTPUT_METERS)
