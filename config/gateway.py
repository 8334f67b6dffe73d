"""Gateway: the records behind gateway.yaml and the keys that fill them.

Each record is followed by its table: field, key in the file, reader. The defaults are
the records' own, so that a key left out of the file and a record made by hand agree.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from config.document import ConfigError, Node
from config.inspector import INSPECTOR, InspectorSettings
from config.money import NANO
from config.payments import PAYMENTS, Payments
from config.values import (
    Table,
    address,
    amount,
    choice,
    database,
    duration,
    folder,
    list_of,
    network,
    optional,
    record,
    size,
    text,
    token,
    whole,
)

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
DAY_SECONDS = 86_400.0
WORKERS_MAX = 64
# A receipt has room for so many.
ATTEMPTS_MAX = 16


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the gateway listens, and what one client may make it wait for or keep.

    No `workers` is as many as there are cores.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0
    backlog: int = 2048
    connections_max: int = 4096
    header_bytes: int = 64 * KIB
    header_seconds: float = 10.0
    body_bytes: int = 20 * MIB
    form_bytes: int = 64 * KIB
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    inflight_max: int = 2048
    grace_seconds: float = 30.0
    public_url: str | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None


LISTEN: Table = {
    "host": ("host", text),
    "port": ("port", whole(0, 65535)),
    "workers": ("workers", whole(0, WORKERS_MAX)),
    "backlog": ("backlog", whole(1, 65535)),
    "connections_max": ("connections_max", whole(1)),
    "header_bytes": ("header_size", size),
    "header_seconds": ("header_time", duration()),
    "body_bytes": ("body_size", size),
    "form_bytes": ("form_size", size),
    "body_seconds": ("body_time", duration()),
    "idle_seconds": ("idle_time", duration()),
    "inflight_max": ("inflight_max", whole(1)),
    "grace_seconds": ("grace_time", duration(0)),
    "public_url": ("public_url", optional(address)),
    "trusted_proxies": ("trusted_proxies", list_of(network)),
    "tls_certificate": ("tls_certificate", optional(folder)),
    "tls_key": ("tls_key", optional(folder)),
}


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """How the ledger's writer queues, batches and repeats, and what a start proves."""

    queue_max: int = 4096
    batch_max: int = 128
    busy_seconds: float = 2.0
    recover_seconds: float = 1.0
    boot_proof_transfers: int = 50_000


LEDGER: Table = {
    "queue_max": ("queue_max", whole(1)),
    "batch_max": ("batch_max", whole(1)),
    "busy_seconds": ("busy_time", duration()),
    "recover_seconds": ("recover_time", duration()),
    "boot_proof_transfers": ("boot_proof_transfers", whole(0)),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may do that has no limits of its own; 0 is no limit."""

    rpm: int = 6000
    tpm: int = 20_000_000
    concurrency: int = 1000


LIMITS: Table = {
    "rpm": ("rpm", whole(0)),
    "tpm": ("tpm", whole(0)),
    "concurrency": ("concurrency", whole(0)),
}


@dataclass(frozen=True, slots=True)
class Policies:
    """What is charged when a request ends badly, and how low an output limit goes."""

    output_floor_tokens: int = 256
    client_left_before_headers: Literal["input", "nothing"] = "input"
    client_left_midstream: Literal["delivered", "nothing"] = "delivered"
    upstream_died: Literal["delivered", "nothing"] = "delivered"


POLICIES: Table = {
    "output_floor_tokens": ("output_floor_tokens", whole(1)),
    "client_left_before_headers": (
        "client_left_before_headers",
        choice("input", "nothing"),
    ),
    "client_left_midstream": ("client_left_midstream", choice("delivered", "nothing")),
    "upstream_died": ("upstream_died", choice("delivered", "nothing")),
}


@dataclass(frozen=True, slots=True)
class Retries:
    """How a request goes on that a provider failed.

    `attempts_max` counts all of a request, `repeats_max` those of one way to serve it
    after its first; `wait_seconds` is all waiting between them together.
    """

    attempts_max: int = 6
    repeats_max: int = 2
    wait_seconds: float = 10.0
    backoff_seconds: float = 0.5
    backoff_seconds_max: float = 8.0
    aside_seconds: float = 60.0


RETRIES: Table = {
    "attempts_max": ("attempts_max", whole(1, ATTEMPTS_MAX)),
    "repeats_max": ("repeats_max", whole(0, ATTEMPTS_MAX)),
    "wait_seconds": ("wait_time", duration(0)),
    "backoff_seconds": ("backoff_time", duration()),
    "backoff_seconds_max": ("backoff_time_max", duration()),
    "aside_seconds": ("aside_time", duration(0)),
}


@dataclass(frozen=True, slots=True)
class Accounts:
    """What a new user gets, and how signing up and in is bounded."""

    welcome_nano: int = 10 * NANO
    session_seconds: float = 7 * DAY_SECONDS
    password_min: int = 6
    password_bytes_max: int = 1024
    login_per_minute: int = 10
    register_per_hour: int = 60


ACCOUNTS: Table = {
    "welcome_nano": ("welcome", amount),
    "session_seconds": ("session_time", duration()),
    "password_min": ("password_min", whole(1)),
    "password_bytes_max": ("password_size", size),
    "login_per_minute": ("login_per_minute", whole(1)),
    "register_per_hour": ("register_per_hour", whole(1)),
}


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where files made for callers are kept, for how long, and how many.

    Without a directory they are in the data directory.
    """

    directory: Path | None = None
    keep_seconds: float = DAY_SECONDS
    url_seconds: float = 3600.0
    stall_seconds: float = 60.0
    file_bytes: int = 512 * MIB
    total_bytes: int = 20 * GIB


MEDIA: Table = {
    "directory": ("directory", optional(folder)),
    "keep_seconds": ("keep_time", duration()),
    "url_seconds": ("url_time", duration()),
    "stall_seconds": ("stall_time", duration()),
    "file_bytes": ("file_size", size),
    "total_bytes": ("total_size", size),
}


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """How long videos may take, how many are made at once, and what is kept of them.

    A request waits for its video no longer than `wait_seconds`; the video goes on.
    """

    wait_seconds: float = 290.0
    total_seconds: float = 1800.0
    running_max: int = 64
    account_max: int = 20
    unfinished_max: int = 10_000
    record_seconds: float = 30 * DAY_SECONDS


# All that providers make are looked at in one go; more would never be looked at.
RUNNING_MAX = 500
VIDEOS: Table = {
    "wait_seconds": ("wait_time", duration(0)),
    "total_seconds": ("total_time", duration()),
    "running_max": ("running_max", whole(1, RUNNING_MAX)),
    "account_max": ("account_max", whole(1)),
    "unfinished_max": ("unfinished_max", whole(1)),
    "record_seconds": ("record_time", duration()),
}


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Who may read the metrics: whoever has the token; without one, this machine."""

    token: str = field(default="", repr=False)


METRICS: Table = {"token": ("token", token)}


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged to standard error, and in which form.

    `requests` says whether each request is, whatever the level.
    """

    format: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "warning"
    requests: Literal["on", "off"] = "on"


LOG: Table = {
    "format": ("format", choice("json", "text")),
    "level": ("level", choice("debug", "info", "warning", "error")),
    "requests": ("requests", choice("on", "off")),
}


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Where spans are sent by OTLP over HTTP; nowhere if there is no address."""

    otlp: str | None = None


TRACING: Table = {"otlp": ("otlp", optional(address))}


@dataclass(frozen=True, slots=True)
class Gateway:
    """All of gateway.yaml. Where `storage` is empty the ledger is a SQLite file."""

    storage: str = ""
    listen: Listen = field(default_factory=Listen)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    limits: Limits = field(default_factory=Limits)
    policies: Policies = field(default_factory=Policies)
    retries: Retries = field(default_factory=Retries)
    accounts: Accounts = field(default_factory=Accounts)
    media: MediaSettings = field(default_factory=MediaSettings)
    videos: VideoSettings = field(default_factory=VideoSettings)
    payments: Payments = field(default_factory=Payments)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    inspector: InspectorSettings = field(default_factory=InspectorSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)


GATEWAY: Table = {
    "storage": ("storage", database),
    "listen": ("listen", record(Listen, LISTEN)),
    "ledger": ("ledger", record(LedgerSettings, LEDGER)),
    "limits": ("limits", record(Limits, LIMITS)),
    "policies": ("policies", record(Policies, POLICIES)),
    "retries": ("retries", record(Retries, RETRIES)),
    "accounts": ("accounts", record(Accounts, ACCOUNTS)),
    "media": ("media", record(MediaSettings, MEDIA)),
    "videos": ("videos", record(VideoSettings, VIDEOS)),
    "payments": ("payments", record(Payments, PAYMENTS)),
    "metrics": ("metrics", record(MetricsSettings, METRICS)),
    "log": ("log", record(LogSettings, LOG)),
    "inspector": ("inspector", record(InspectorSettings, INSPECTOR)),
    "tracing": ("tracing", record(TracingSettings, TRACING)),
}

_gateway = record(Gateway, GATEWAY)


def read_gateway(document: Node) -> Gateway:
    """The settings in gateway.yaml."""
    gateway = _gateway(document)
    methods = gateway.payments.stripe.ready or gateway.payments.epay.ready
    if methods and gateway.listen.public_url is None:
        # Who is paid through has to find the way back.
        raise ConfigError(
            document.file,
            None,
            "listen.public_url",
            "",
            "the address of the gateway, because payments are on",
        )
    return gateway
