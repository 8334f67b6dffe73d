"""Catalogue: the models as callers see them, with the prices they pay."""

from collections.abc import Mapping
from typing import Any

from addons.exchange import Leg
from addons.wire.errors import UnknownModel
from config import Price, PriceBook
from config.money import PICO_PER_NANO, dollars
from config.settings import Model
from storage.clock import Clock

NANOSECONDS = 1_000_000_000
MILLION = 1_000_000


class Catalogue:
    """Lists the configured models; a model without a way to serve it says so."""

    def __init__(
        self,
        models: Mapping[str, Model],
        routes: Mapping[str, tuple[Leg, ...]],
        prices: PriceBook,
        clock: Clock,
    ) -> None:
        self.models = models
        self.routes = routes
        self.prices = prices
        self.clock = clock

    def listing(self) -> dict[str, Any]:
        return {"object": "list", "data": [self.entry(id) for id in self.models]}

    def entry(self, id: str) -> dict[str, Any]:
        """One model; UnknownModel if it is not configured."""
        model = self.models.get(id)
        if model is None:
            raise UnknownModel(id)
        price = self.prices.at(id, self.clock.wall_ns())
        since_ns = 0 if price is None else price.effective_from_ns
        return {
            "id": model.id,
            "object": "model",
            "created": since_ns // NANOSECONDS,
            "owned_by": model.owner,
            "description": model.description,
            "kind": model.kind,
            "available": bool(self.routes.get(id)) and price is not None,
            "context_length": model.context_tokens,
            "max_output_tokens": model.output_tokens,
            "pricing": None if price is None else pricing(price),
        }


def pricing(price: Price) -> dict[str, str]:
    """Dollars per million tokens, exact, by meter."""
    return {
        meter: dollars(pico * MILLION // PICO_PER_NANO)
        for meter, pico in price.sell.items()
    }
