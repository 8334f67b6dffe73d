from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.document import ConfigError, open_document
from config.gateway import (
    ACCOUNTS,
    GATEWAY,
    LEDGER,
    LIMITS,
    LISTEN,
    LOG,
    MEDIA,
    METRICS,
    POLICIES,
    TRACING,
    VIDEOS,
    Accounts,
    Gateway,
    LedgerSettings,
    Limits,
    Listen,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    Policies,
    TracingSettings,
    VideoSettings,
    read_gateway,
)
from config.inspector import INSPECTOR, InspectorSettings
from config.money import NANO
from config.payments import PAYMENTS, Payments

RECORDS = [
    (Listen, LISTEN),
    (LedgerSettings, LEDGER),
    (Limits, LIMITS),
    (Policies, POLICIES),
    (Accounts, ACCOUNTS),
    (MediaSettings, MEDIA),
    (VideoSettings, VIDEOS),
    (Payments, PAYMENTS),
    (MetricsSettings, METRICS),
    (LogSettings, LOG),
    (InspectorSettings, INSPECTOR),
    (TracingSettings, TRACING),
    (Gateway, GATEWAY),
]


@pytest.mark.parametrize(("kind", "table"), RECORDS)
def test_each_field_has_one_key(kind, table):
    assert list(table) == [field.name for field in fields(kind)]
    assert len({key for key, _ in table.values()}) == len(table)


def test_an_empty_section_has_the_defaults(document):
    keys = {key for key, _ in GATEWAY.values()} - {"storage"}
    sections = "".join(f"{key}: {{}}\n" for key in keys)

    assert read_gateway(document(sections)) == read_gateway(document("{}")) == Gateway()


def test_a_database_is_named_by_its_address(document):
    found = read_gateway(document("storage: postgresql://me@db.example.com/ledger"))
    assert found.storage == "postgresql://me@db.example.com/ledger"


def test_the_shipped_file_has_the_defaults(shipped):
    assert read_gateway(open_document(shipped / "gateway.yaml", {})) == Gateway()


@pytest.mark.parametrize(
    ("section", "table"),
    [
        ("listen", LISTEN),
        ("ledger", LEDGER),
        ("limits", LIMITS),
        ("policies", POLICIES),
        ("accounts", ACCOUNTS),
        ("media", MEDIA),
        ("videos", VIDEOS),
        ("payments", PAYMENTS),
        ("metrics", METRICS),
        ("log", LOG),
        ("tracing", TRACING),
    ],
)
def test_the_shipped_file_shows_every_key(shipped, section, table):
    root = open_document(shipped / "gateway.yaml", {})
    entries = root.entries("a mapping")[section].entries("a mapping")

    assert set(entries) == {key for key, _ in table.values()}


@pytest.mark.parametrize(
    ("content", "record"),
    [
        ("listen: {port: 0, host: 0.0.0.0}", Listen(port=0, host="0.0.0.0")),
        ("listen: {header_size: 1KiB}", Listen(header_bytes=1024)),
        ("listen: {grace_time: 0s}", Listen(grace_seconds=0.0)),
        ("listen: {public_url: https://a.b/}", Listen(public_url="https://a.b")),
        (
            "listen: {trusted_proxies: [10.0.0.0/8, '::1']}",
            Listen(trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1"))),
        ),
        ("ledger: {busy_time: 250ms}", LedgerSettings(busy_seconds=0.25)),
        ("limits: {rpm: 0, tpm: 0}", Limits(rpm=0, tpm=0)),
        (
            "policies: {upstream_died: nothing}",
            Policies(upstream_died="nothing"),
        ),
        ('accounts: {welcome: "0.50"}', Accounts(welcome_nano=NANO // 2)),
        ("accounts: {session_time: 12h}", Accounts(session_seconds=43_200.0)),
        ("accounts: {password_size: 72B}", Accounts(password_bytes_max=72)),
        ("media: {directory: /mnt/media}", MediaSettings(Path("/mnt/media"))),
        ("media: {keep_time: 12h}", MediaSettings(keep_seconds=43_200.0)),
        ("media: {total_size: 1GiB}", MediaSettings(total_bytes=2**30)),
        ("videos: {wait_time: 0s}", VideoSettings(wait_seconds=0.0)),
        ("videos: {account_max: 2}", VideoSettings(account_max=2)),
        ("videos: {running_max: 500}", VideoSettings(running_max=500)),
    ],
)
def test_a_key_changes_its_field_only(document, content, record):
    section = content.partition(":")[0]

    assert getattr(read_gateway(document(content)), section) == record


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "limits:\n  rpm: many",
            '2: limits.rpm: "many": expected a whole number ≥ 0',
        ),
        (
            "limits:\n  rmp: 60",
            '2: limits.rmp: "60": expected one of the keys rpm, tpm, concurrency',
        ),
        (
            "limits:\n  rpm: 60\n  rpm: 61",
            '3: limits.rpm: "61": expected each key once, this one is on line 2 too',
        ),
        (
            "listen: {port: 65536}",
            '1: listen.port: "65536": expected a whole number ≥ 0 and ≤ 65535',
        ),
        (
            "videos: {running_max: 501}",
            '1: videos.running_max: "501": expected a whole number ≥ 1 and ≤ 500',
        ),
        (
            "listen: {port: ${PORT}}",
            '1: "listen: {port: ${PORT}}": expected YAML (',
        ),
        (
            'listen: {port: "${PORT}"}',
            '1: listen.port: "${PORT}": expected the environment variable PORT'
            " to be set",
        ),
        (
            "listen: {body_time: 60}",
            '1: listen.body_time: "60": expected a duration > 0 such as'
            " 500ms, 10s, 5m, 2h or 7d",
        ),
        (
            "listen: {body_size: 20MB}",
            '1: listen.body_size: "20MB": expected a size > 0 such as'
            " 512B, 64KiB or 20MiB",
        ),
        (
            "policies: {upstream_died: all}",
            '1: policies.upstream_died: "all": expected one of delivered, nothing',
        ),
        (
            "accounts: {welcome: 10.00}",
            '1: accounts.welcome: "10.00": expected a quoted amount in dollars,'
            ' such as "10.00"',
        ),
        (
            'accounts: {welcome: "1000000.000000001"}',
            '1: accounts.welcome: "1000000.000000001": expected a quoted amount in'
            ' dollars, such as "10.00", at most 1,000,000',
        ),
        (
            "listen: 8000",
            '1: listen: "8000": expected a mapping with host, port, workers,',
        ),
        (
            "stores: {}",
            "1: stores: a mapping: expected one of the keys storage, listen, ledger,"
            " limits, policies, retries, accounts, media",
        ),
        (
            "storage: postgres://me:secret@host/name",
            "1: storage: expected nothing, or postgresql://user@host/name",
        ),
        ("storage: {}", "1: storage: expected nothing, or postgresql://user@host/name"),
    ],
)
def test_a_mistake_is_named(document, mistake, content, line):
    def read():
        read_gateway(document(content))

    assert mistake(read).startswith(f"gateway.yaml:{line}")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("retries: {attempts_max: 0}", "1: retries.attempts_max"),
        ("retries: {attempts_max: 17}", "1: retries.attempts_max"),
        ("retries: {wait_time: 10}", "1: retries.wait_time"),
        ("retries: {backoff_time: 0s}", "1: retries.backoff_time"),
    ],
)
def test_what_is_tried_again_has_limits(document, mistake, content, line) -> None:
    assert mistake(lambda: read_gateway(document(content))).startswith(
        f"gateway.yaml:{line}"
    )


@pytest.mark.parametrize("written", ["short", "a token with blanks in it", "~", "[]"])
def test_a_complaint_about_a_token_does_not_show_it(document, written):
    with pytest.raises(ConfigError) as raised:
        read_gateway(document(f"metrics: {{token: {written}}}"))
    assert str(raised.value).startswith("gateway.yaml:1: metrics.token: expected ")
    assert written not in str(raised.value) or written == "~"


def test_a_token_may_come_from_the_environment(document):
    text = 'metrics: {token: "${AUTOLIST_METRICS_TOKEN:-}"}'
    found = read_gateway(document(text, {"AUTOLIST_METRICS_TOKEN": "x" * 16}))
    assert found.metrics.token == "x" * 16
    assert "x" * 16 not in repr(found)
    assert read_gateway(document(text)).metrics.token == ""
