"""Reloading: what is taken, what waits for a restart, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import ConfigError, Settings, load
from config.current import Loaded
from config.identity import Identity
from config.reloading import RESTART, Reading, changed, kept
from tests.fakes.clock import FakeClock

CONFIG = Path(__file__).parents[2] / "config"
TOLD = load(CONFIG, {})
RUNNING = TOLD.with_overrides(port=40_000)


class Unfit(Exception):
    """What a check says."""


def reading(
    *read: Settings | Exception, check: Callable[[Settings], object] = bool
) -> Reading:
    """Files that are read like this, one time after the other."""
    outcomes = iter(read)

    def next_one() -> Settings:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    clock = FakeClock()
    loaded = Loaded(RUNNING, 5)
    return Reading(next_one, check, TOLD, loaded, clock.wall_ns, (Unfit,))


def section(settings: Settings, name: str, **changes: Any) -> Settings:
    return replace(settings, **{name: replace(getattr(settings, name), **changes)})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("limits", {"rpm": 1}),
        ("policies", {"output_floor_tokens": 1}),
        ("retries", {"attempts_max": 1}),
        ("accounts", {"welcome_nano": 1}),
        ("videos", {"running_max": 1}),
        ("payments", {"orders_waiting_max": 1}),
        ("metrics", {"token": "another"}),
    ],
)
def test_what_nothing_is_built_of_is_taken(name: str, changes) -> None:
    read = section(TOLD, name, **changes)
    assert getattr(kept(RUNNING, read), name) == getattr(read, name)
    assert list(changed(TOLD, read)) == []


def test_providers_models_and_prices_are_taken() -> None:
    read = replace(TOLD, providers={}, models={}, prices=load(CONFIG, {}).prices)
    taken = kept(RUNNING, read)
    assert (taken.providers, taken.models, taken.prices) == ({}, {}, read.prices)


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("listen", {"host": "0.0.0.0"}, "listen.host"),
        ("listen", {"port": 1}, "listen.port"),
        ("listen", {"workers": 9}, "listen.workers"),
        ("listen", {"header_bytes": 1}, "listen.header_size"),
        ("ledger", {"queue_max": 1}, "ledger.queue_max"),
        ("media", {"keep_seconds": 1.0}, "media.keep_time"),
        ("log", {"format": "text"}, "log.format"),
        ("inspector", {"port": 1}, "inspector.port"),
        ("tracing", {"otlp": "http://127.0.0.1:1"}, "tracing.otlp"),
        ("accounts", {"session_seconds": 1.0}, "accounts.session_time"),
    ],
)
def test_what_is_built_of_it_stays_and_is_named(name: str, changes, named) -> None:
    read = section(TOLD, name, **changes)
    assert getattr(kept(RUNNING, read), name) == getattr(RUNNING, name)
    assert list(changed(TOLD, read)) == [named]


def test_another_ledger_is_named_and_not_told() -> None:
    read = replace(TOLD, storage="postgresql://user:password@db/autolist")
    assert kept(RUNNING, read).storage == ""
    assert list(changed(TOLD, read)) == ["storage"]


ONE, OTHER = Identity(b"chain", b"key"), Identity(b"other", b"key")
PATHS = {"tls_certificate": Path("chain.pem"), "tls_key": Path("key.pem")}
ENCRYPTED = replace(section(TOLD, "listen", **PATHS), identity=ONE)


def test_a_renewed_certificate_is_taken() -> None:
    renewed = replace(ENCRYPTED, identity=OTHER)
    assert kept(ENCRYPTED, renewed).identity is OTHER
    assert list(changed(ENCRYPTED, renewed)) == []


@pytest.mark.parametrize(
    ("running", "read"), [(TOLD, ENCRYPTED), (ENCRYPTED, TOLD)]
)
def test_whether_there_is_one_takes_a_restart(
    running: Settings, read: Settings
) -> None:
    taken = kept(running, read)
    assert (taken.identity, taken.listen) == (running.identity, running.listen)
    assert list(changed(running, read)) == ["listen.tls_certificate"]


@pytest.mark.parametrize("name", sorted(RESTART))
def test_the_table_names_settings(name: str) -> None:
    found = getattr(TOLD, name)
    assert all(hasattr(found, field) for field in RESTART[name])


def test_each_reading_has_its_moment_and_its_outcome() -> None:
    limited = section(TOLD, "limits", rpm=1)
    found = reading(limited, ConfigError("f.yaml", 3, "k", "v", "a w"), limited)
    first = found.again()
    assert (first.settings.limits.rpm, first.settings.listen.port) == (1, 40_000)
    assert first.at_ns != 5
    second = found.again()
    assert (second.settings, second.at_ns) == (first.settings, first.at_ns)
    assert second.refusal == "f.yaml:3: k: v: expected a w"
    assert found.again().refusal is None


@pytest.mark.parametrize("error", [Unfit("unfit"), OSError("gone")])
def test_what_cannot_be_served_changes_nothing(error: Exception) -> None:
    def check(settings: Settings) -> None:
        raise error

    refused = reading(section(TOLD, "limits", rpm=1), check=check).again()
    assert refused == Loaded(RUNNING, 5, (), str(error))
