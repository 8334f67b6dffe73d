"""The catalogue that the pages show, as the gateway makes it of the shipped files."""

from collections.abc import Callable, Mapping
from typing import Any

from addons.catalogue import Catalogue
from addons.routes import routes_of
from config import Settings
from storage.clock import Clock


def offers(settings: Settings, clock: Clock) -> Callable[[], Mapping[str, Any]]:
    """Every model served by the demo."""
    routes = routes_of(settings, demo=True)
    return Catalogue(settings.models, routes, settings.prices, clock).listing
