"""Plans made with no more words than a test is about."""

from collections.abc import Mapping
from typing import Any

from addons.exchange import Leg
from addons.plan import Plan, Plans
from config import PriceBook, Settings
from config.settings import (
    Accounts,
    LedgerSettings,
    Limits,
    Listen,
    MediaSettings,
    Model,
    Policies,
    VideoSettings,
)
from storage.clock import Clock
from tests.fakes.clock import FakeClock


def settings(**parts: Any) -> Settings:
    """What the files say: the defaults, no provider and no model."""
    known: dict[str, Any] = {
        "listen": Listen(),
        "ledger": LedgerSettings(),
        "limits": Limits(),
        "policies": Policies(),
        "accounts": Accounts(),
        "media": MediaSettings(),
        "videos": VideoSettings(),
        "providers": {},
        "models": {},
        "prices": PriceBook(),
    }
    return Settings(**{**known, **parts})


def plans(
    models: Mapping[str, Model] | None = None,
    routes: Mapping[str, tuple[Leg, ...]] | None = None,
    clock: Clock | None = None,
    **parts: Any,
) -> Plans:
    """A plan in force with these models, routes, and parts of the settings."""
    found = settings(models=models or {}, **parts)
    return Plans(Plan.of(found, routes or {}, clock or FakeClock()))
