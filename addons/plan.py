"""Plan: what a request is served by, from its first line to its receipt.

The settings, and all that is made of them once: routes, catalogue, turns. A plan never
changes. When the files are read again another takes its place for the requests that
come from then on; one that has begun keeps its own to the end, so that no request is
asked by one configuration and charged by another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from addons.catalogue import Catalogue
from addons.exchange import Exchange, Leg
from addons.films import Studios, studios_of
from addons.routes import Rotation
from config import PriceBook, Settings
from config.current import Current, Loaded
from storage.clock import Clock

Routes = Mapping[str, tuple[Leg, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """One configuration, ready to serve; make it with `Plan.of`."""

    settings: Settings
    routes: Routes
    catalogue: Catalogue
    studios: Studios
    turns: Mapping[str, Rotation]
    demo: bool = False

    @classmethod
    def of(
        cls, settings: Settings, routes: Routes, clock: Clock, demo: bool = False
    ) -> "Plan":
        return cls(
            settings,
            routes,
            Catalogue(settings.models, routes, settings.prices, clock),
            studios_of(settings.providers),
            {model: Rotation(legs) for model, legs in routes.items()},
            demo,
        )

    @property
    def prices(self) -> PriceBook:
        return self.settings.prices

    def turn(self, model: str) -> tuple[Leg, ...]:
        """The legs of a model in the order of its next turn; none if it has none."""
        rotation = self.turns.get(model)
        return () if rotation is None else rotation.next()


class Plans:
    """The plan in force, and where to find that of a request."""

    def __init__(self, plan: Plan, current: Current | None = None) -> None:
        self.plan = plan
        self.current = current or Current.of(plan.settings)

    def of(self, exchange: Exchange) -> Plan:
        """The plan under which a request began."""
        return exchange.plan or self.plan

    def swap(self, plan: Plan, loaded: Loaded) -> None:
        """From now on this is in force. For the event loop's thread."""
        self.plan = plan
        self.current.loaded = loaded
