"""The table of metrics: every name that `/metrics` shows, with its meaning.

Names are Prometheus': base units and `_total` for what only grows. Where OpenTelemetry
has a convention for generative AI, shape and buckets are its own, so that figures of
other gateways can be laid beside ours. Money is in nano-dollars: whole numbers add up
exactly, also as the floating point that Prometheus keeps, up to nine million dollars.

Labels are bounded by the configuration and by tables of ours. A model is the id of one
that is configured, never what a caller wrote; nothing here tells one user from another.

`merge` says what becomes of a gauge of several workers: the sum, the least, or the
newest. One that begins with `live` forgets a worker that has died.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Literal

Merge = Literal["livesum", "livemin", "livemostrecent", "sum"]


class Form(Enum):
    """What Prometheus makes of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table."""

    name: str
    form: Form
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    merge: Merge = "livesum"


# From a tenth of a millisecond: what the gateway adds is small, and is to stay so.
OWN_BUCKETS = (
    *(0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005),
    *(0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
COMMIT_BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5),
)
REQUEST_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0, 120.0, 300.0),
)
# OpenTelemetry's, of gen_ai.client.operation.duration, of
# gen_ai.server.time_to_first_token and of gen_ai.server.time_per_output_token.
UPSTREAM_BUCKETS = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48),
    *(40.96, 81.92),
)
FIRST_TOKEN_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5),
    *(5.0, 7.5, 10.0),
)
NEXT_TOKEN_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
)

SOLD = ("provider", "model")

TABLE = (
    Metric(
        "autolist_requests_total",
        Form.COUNTER,
        "Requests that have ended. Status 499 is a client that left before its answer.",
        ("endpoint", "model", "status"),
    ),
    Metric(
        "autolist_request_errors_total",
        Form.COUNTER,
        "Requests that were refused or broke off, by the code of the error.",
        ("endpoint", "model", "code"),
    ),
    Metric(
        "autolist_request_duration_seconds",
        Form.HISTOGRAM,
        "From the head of a request to the end of its answer.",
        ("endpoint",),
        REQUEST_BUCKETS,
    ),
    Metric(
        "autolist_request_overhead_seconds",
        Form.HISTOGRAM,
        "The gateway's own share of that, of requests that a provider was asked for.",
        ("endpoint",),
        OWN_BUCKETS,
    ),
    Metric(
        "autolist_attempts_total",
        Form.COUNTER,
        "Attempts to have a request served, by what became of each.",
        ("provider", "model", "upstream_model", "outcome"),
    ),
    Metric(
        "autolist_upstream_duration_seconds",
        Form.HISTOGRAM,
        "From the beginning of an attempt to its end.",
        SOLD,
        UPSTREAM_BUCKETS,
    ),
    Metric(
        "autolist_time_to_first_token_seconds",
        Form.HISTOGRAM,
        "From the head of a streamed request to the first content of its answer.",
        SOLD,
        FIRST_TOKEN_BUCKETS,
    ),
    Metric(
        "autolist_time_per_output_token_seconds",
        Form.HISTOGRAM,
        "Of a streamed answer: the time for each token after the first.",
        SOLD,
        NEXT_TOKEN_BUCKETS,
    ),
    Metric(
        "autolist_tokens_total",
        Form.COUNTER,
        "Tokens that were charged, each once, under the meter of its price.",
        (*SOLD, "token_type"),
    ),
    Metric(
        "autolist_pieces_total",
        Form.COUNTER,
        "Images, videos and their seconds that were charged.",
        (*SOLD, "meter"),
    ),
    Metric(
        "autolist_charges_total",
        Form.COUNTER,
        "Holds that were settled or voided, by what is known of the usage.",
        (*SOLD, "evidence"),
    ),
    Metric(
        "autolist_charged_nanodollars_total",
        Form.COUNTER,
        "What users paid for requests.",
        SOLD,
    ),
    Metric(
        "autolist_bought_nanodollars_total",
        Form.COUNTER,
        "What providers ask for the same, by the prices that are configured.",
        SOLD,
    ),
    Metric(
        "autolist_margin_nanodollars",
        Form.GAUGE,
        "What users paid less what providers ask, since the start; may be below zero.",
        SOLD,
        merge="sum",
    ),
    Metric(
        "autolist_shortfall_nanodollars_total",
        Form.COUNTER,
        "What was served and could not be charged, because a balance had ended.",
        SOLD,
    ),
    Metric(
        "autolist_zero_cost_answers_total",
        Form.COUNTER,
        "Complete answers that cost nothing; more than a few are a fault of metering.",
        SOLD,
    ),
    Metric(
        "autolist_requests_in_flight",
        Form.GAUGE,
        "Requests that are being served.",
    ),
    Metric(
        "autolist_streams_in_flight",
        Form.GAUGE,
        "Streamed answers that have begun and not ended.",
    ),
    Metric(
        "autolist_candidate_available",
        Form.GAUGE,
        "1, or 0 while a worker has put the candidate aside because it was refused.",
        ("provider", "upstream_model", "credential"),
        merge="livemin",
    ),
    Metric(
        "autolist_holds_open",
        Form.GAUGE,
        "Requests and jobs for which money is held, over the whole ledger.",
        merge="livemostrecent",
    ),
    Metric(
        "autolist_holds_open_nanodollars",
        Form.GAUGE,
        "The money that is held for them.",
        merge="livemostrecent",
    ),
    Metric(
        "autolist_ledger_queue_operations",
        Form.GAUGE,
        "Changes that wait for the ledger's writer.",
    ),
    Metric(
        "autolist_ledger_healthy",
        Form.GAUGE,
        "1, or 0 while a worker cannot write to the ledger: nothing is admitted then.",
        merge="livemin",
    ),
    Metric(
        "autolist_ledger_commit_seconds",
        Form.HISTOGRAM,
        "The time that a commit took to be on disk; one for each batch of changes.",
        buckets=COMMIT_BUCKETS,
    ),
    Metric(
        "autolist_ledger_operations_total",
        Form.COUNTER,
        "Changes that were committed.",
    ),
    Metric(
        "autolist_ledger_failures_total",
        Form.COUNTER,
        "Batches of changes that could not be written.",
    ),
    Metric(
        "autolist_log_lines_dropped_total",
        Form.COUNTER,
        "Lines that were not logged, because whoever reads them is too slow.",
    ),
    Metric(
        "autolist_inspector_copies_dropped_total",
        Form.COUNTER,
        "Copies that the inspector was not sent, because it is slow, stopped or gone.",
    ),
    Metric(
        "autolist_config_loaded_timestamp_seconds",
        Form.GAUGE,
        "Since when the configuration is in force, of the worker that has the oldest.",
        merge="livemin",
    ),
    Metric(
        "autolist_config_reload_successful",
        Form.GAUGE,
        "1, or 0 if the files were refused when they were last read again.",
        merge="livemin",
    ),
    Metric(
        "autolist_workers",
        Form.GAUGE,
        "Processes that serve.",
    ),
    Metric(
        "autolist_worker_cpu_seconds_total",
        Form.COUNTER,
        "Processor time of all workers.",
    ),
    Metric(
        "autolist_worker_resident_bytes",
        Form.GAUGE,
        "Memory of all workers.",
    ),
    Metric(
        "autolist_build_info",
        Form.GAUGE,
        "Always 1: which versions run.",
        ("version", "python", "mitmproxy"),
        merge="livemostrecent",
    ),
)

BY_NAME: Mapping[str, Metric] = MappingProxyType({one.name: one for one in TABLE})
