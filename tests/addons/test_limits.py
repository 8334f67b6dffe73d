"""Limits: a key's own where it has one, else what the file says."""

from dataclasses import replace

import pytest

from addons.exchange import KeyLimits
from addons.limits import Limits, effective
from config.settings import Limits as Defaults
from tests.fakes import exchanges
from tests.fakes.plans import plans

DEFAULTS = Defaults(rpm=60, tpm=1000, concurrency=5)


@pytest.mark.parametrize(
    ("own", "limits"),
    [
        ({}, KeyLimits(60, 1000, 5)),
        ({"rpm": 1}, KeyLimits(1, 1000, 5)),
        ({"tpm": 2}, KeyLimits(60, 2, 5)),
        ({"concurrency": 3}, KeyLimits(60, 1000, 3)),
        ({"rpm": 0, "tpm": 0, "concurrency": 0}, KeyLimits(0, 0, 0)),
    ],
)
def test_a_limit_of_its_own_comes_first_and_zero_is_none(own, limits) -> None:
    assert effective(replace(exchanges.CALLER, **own), DEFAULTS) == limits


@pytest.mark.parametrize("caller", [None, exchanges.CALLER])
def test_only_a_caller_has_limits(caller) -> None:
    record = exchanges.exchange(caller=caller)
    Limits(plans(limits=DEFAULTS)).requestheaders(exchanges.travelling(record))
    assert (record.limits is None) is (caller is None)
