"""Aside: a refusal is remembered for a while, by account and model."""

import pytest

from addons.upstream.aside import Aside
from addons.wire.errors import (
    ApiError,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamThrottled,
)
from config.settings import Credential
from tests.fakes import exchanges

FIRST, SECOND = exchanges.leg("first"), exchanges.leg("second")


def leaders(aside: Aside, now_seconds: float) -> list[str]:
    ordered = aside.order([FIRST, SECOND], now_seconds)
    return [leg.provider.name for leg in ordered]


@pytest.mark.parametrize("error", [UpstreamAuth, UpstreamBilling, UpstreamModelGone])
def test_what_does_not_mend_itself_goes_last_until_its_time_is_over(
    error: type[ApiError],
) -> None:
    aside = Aside()
    aside.failed(FIRST, error(), 160)
    assert leaders(aside, 159.9) == ["second", "first"]
    assert leaders(aside, 160) == ["first", "second"]
    assert [aside.holds(FIRST, at) for at in (159.9, 160)] == [True, False]
    assert not aside.holds(SECOND, 100)


@pytest.mark.parametrize("error", [UpstreamFailed, UpstreamThrottled])
def test_what_may_be_over_in_a_moment_is_not_remembered(
    error: type[ApiError],
) -> None:
    aside = Aside()
    aside.failed(FIRST, error(), 160)
    assert leaders(aside, 100) == ["first", "second"]


def test_nobody_is_left_out() -> None:
    aside = Aside()
    for leg in (FIRST, SECOND):
        aside.failed(leg, UpstreamAuth(), 60)
    assert leaders(aside, 1) == ["first", "second"]


def test_whoever_serves_again_is_forgiven() -> None:
    aside = Aside()
    aside.failed(FIRST, UpstreamAuth(), 60)
    aside.served(FIRST)
    assert leaders(aside, 1) == ["first", "second"]


@pytest.mark.parametrize(
    "other",
    [
        exchanges.leg("first", model="another"),
        exchanges.leg("first", credentials=(Credential("SPARE", "sk-2"),)),
    ],
    ids=["another model", "another credential"],
)
def test_only_the_one_that_was_refused_is_meant(other) -> None:
    aside = Aside()
    aside.failed(FIRST, UpstreamAuth(), 60)
    assert aside.order([FIRST, other], 1) == [other, FIRST]


def test_it_does_not_grow_beyond_the_legs() -> None:
    aside = Aside()
    for second in range(1_000):
        aside.failed(FIRST, UpstreamAuth(), 60 + second)
    assert len(aside.until) == 1


def test_all_are_forgiven_at_once() -> None:
    aside = Aside()
    aside.failed(FIRST, UpstreamAuth(), 60)
    aside.forget()
    assert leaders(aside, 1) == ["first", "second"]
