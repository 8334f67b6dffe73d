"""Catalogue: the models as callers see them, and which of them serves an ask."""

from collections.abc import Mapping
from typing import Any

from addons.exchange import Leg
from addons.wire.errors import BadParameter, ModelUnavailable, UnknownModel
from addons.wire.openai import ChatAsk
from config import Price, PriceBook
from config.meters import TOKENS, kind_of, rate_text
from config.prices import Case
from config.settings import Model
from storage.clock import Clock

NANOSECONDS = 1_000_000_000


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

    def serving(self, ask: ChatAsk) -> Model:
        """The model that serves an ask; what `model_of` raises, or ModelUnavailable."""
        model = model_of(ask, self.models)
        if not self.routes.get(model.id):
            raise ModelUnavailable(model.id)
        return model

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


def model_of(ask: ChatAsk, models: Mapping[str, Model]) -> Model:
    """The model that an ask names; UnknownModel if there is none, BadParameter if more
    output is asked for than it makes."""
    model = models.get(ask.model)
    if model is None:
        raise UnknownModel(ask.model)
    if ask.output_limit is not None and ask.output_limit > model.output_tokens:
        raise BadParameter(
            ask.output_limit_name,
            f"{model.id} answers with {model.output_tokens} at most",
        )
    return model


def pricing(price: Price) -> dict[str, Any]:
    """Exact dollars by meter: per million tokens, or per image, generation or second.

    Where rates depend on something there are `cases`, from top to bottom: each says
    when it applies, for people and for programs, and which rates it replaces.
    """
    shown: dict[str, Any] = rates_text(price.sell)
    cases = [case_entry(case) for case in price.cases if case.sell]
    return {**shown, "cases": cases} if cases else shown


def case_entry(case: Case) -> dict[str, Any]:
    return {
        "when": case.when.text,
        "conditions": case.when.facts(),
        **rates_text(case.sell),
    }


def rates_text(rates: Mapping[str, int]) -> dict[str, str]:
    """What is not billed by a meter is not shown, unless nothing is billed at all."""
    tokens = kind_of(rates) is TOKENS
    billed = {meter: pico for meter, pico in rates.items() if pico or tokens}
    return {meter: rate_text(meter, pico) for meter, pico in (billed or rates).items()}
