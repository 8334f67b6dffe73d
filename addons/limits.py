"""Limits: how often a caller may ask.

Finds the limits that hold for a key: its own, or the configured ones. They are
checked where the money is held, in the same transaction, so that they are exact
whatever runs at the same time; what is left of them is told in the usual headers.
"""

from mitmproxy.http import HTTPFlow

from addons.exchange import Exchange, KeyLimits
from addons.plan import Plans
from config.settings import Limits as Defaults
from storage.keys import KeyRecord


class Limits:
    """Resolves each caller's limits."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.caller is not None:
            defaults = self.plans.of(exchange).settings.limits
            exchange.limits = effective(exchange.caller, defaults)


def effective(key: KeyRecord, defaults: Defaults) -> KeyLimits:
    """A key's own limit where it has one, else the default; 0 is no limit."""
    return KeyLimits(
        rpm=defaults.rpm if key.rpm is None else key.rpm,
        tpm=defaults.tpm if key.tpm is None else key.tpm,
        concurrency=(
            defaults.concurrency if key.concurrency is None else key.concurrency
        ),
    )
