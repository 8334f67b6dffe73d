"""Routing: where it goes.

A model's candidates become legs once, at start: provider, credential, dialect and
clocks together. A leg without a credential does not exist. For each request the
legs are put in order: lower priority number first; among equals the weights are
honoured by smooth weighted rotation, which is even over any stretch of requests
and needs no dice.
"""

from collections.abc import Mapping, Sequence

from mitmproxy.http import HTTPFlow

from addons.exchange import Exchange, Leg
from addons.providers import REGISTRY
from config import Settings
from config.settings import Candidate, Model

DEMO = "demo"


class Routing:
    """Gives each held request its legs, in the order they are to be tried."""

    def __init__(self, routes: Mapping[str, tuple[Leg, ...]]) -> None:
        self.routes = routes
        self.turns = {model: Rotation(legs) for model, legs in routes.items()}

    def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or not exchange.held:
            return
        if exchange.model is not None:
            exchange.route = self.turns[exchange.model.id].next()


class Rotation:
    """Smooth weighted rotation: each turn every leg gains its weight, the highest
    leads and pays the sum of all weights."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        self.legs = tuple(legs)
        self.credit = [0] * len(self.legs)

    def next(self) -> tuple[Leg, ...]:
        if len(self.legs) < 2:
            return self.legs
        weights = [leg.candidate.weight for leg in self.legs]
        self.credit = [have + gain for have, gain in zip(self.credit, weights)]
        order = sorted(range(len(self.legs)), key=self._rank)
        self.credit[order[0]] -= sum(weights)
        return tuple(self.legs[index] for index in order)

    def _rank(self, index: int) -> tuple[int, int, int]:
        return (self.legs[index].candidate.priority, -self.credit[index], index)


def routes_of(settings: Settings, demo: bool) -> dict[str, tuple[Leg, ...]]:
    """The legs of every model.

    With `demo` the built-in provider serves the models that have no other; without
    it nothing is served by the demo, whatever the file says.
    """
    return {
        model.id: legs_of(settings, model, demo) or demo_legs(settings, model, demo)
        for model in settings.models.values()
    }


def demo_legs(settings: Settings, model: Model, demo: bool) -> tuple[Leg, ...]:
    if not demo or DEMO not in settings.providers:
        return ()
    return candidate_legs(settings, model, Candidate(DEMO, "demo-chat"))


def legs_of(settings: Settings, model: Model, demo: bool) -> tuple[Leg, ...]:
    return tuple(
        leg
        for candidate in model.candidates
        if demo or settings.providers[candidate.provider].dialect != DEMO
        for leg in candidate_legs(settings, model, candidate)
    )


def candidate_legs(
    settings: Settings, model: Model, candidate: Candidate
) -> tuple[Leg, ...]:
    provider = settings.providers[candidate.provider]
    dialect = REGISTRY[provider.dialect]
    clocks = model.clocks or provider.clocks
    credentials = provider.credentials if provider.credential_names else (None,)
    return tuple(
        Leg(candidate, provider, credential, dialect, clocks)
        for credential in credentials
    )
