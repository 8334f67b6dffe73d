"""Shapes: what `config check` and `prices check` say, for programs.

Names of credentials are in them, secrets never. Rates are whole picodollars for one
unit (a token, an image, a generation, a second), as they are charged.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from config.price_changes import Change, changes_in
from config.prices import Price, moment_text
from config.providers import Model, Provider
from config.settings import Settings

DEMO = "demo"
"""The dialect that serves nothing without --demo, and with it what nobody else can."""

type Shape = dict[str, Any]


def config_shape(settings: Settings) -> Shape:
    """What the gateway would serve."""
    return {
        "providers": [provider_shape(one) for one in settings.providers.values()],
        "models": [model_shape(one, settings) for one in settings.models.values()],
    }


def provider_shape(provider: Provider) -> Shape:
    return {
        "name": provider.name,
        "dialect": provider.dialect,
        "base_url": provider.base_url,
        "credentials": [one.name for one in provider.credentials],
        "credentials_wanted": list(provider.credential_names),
        "ready": provider.ready,
    }


def model_shape(model: Model, settings: Settings) -> Shape:
    return {
        "id": model.id,
        "kind": model.kind,
        "candidates": [
            {"provider": one.provider, "model": one.model} for one in model.candidates
        ],
        "available": is_available(model, settings.providers),
    }


def is_available(model: Model, providers: Mapping[str, Provider]) -> bool:
    """Whether somebody serves it without --demo."""
    found = [providers[candidate.provider] for candidate in model.candidates]
    return any(one.ready and one.dialect != DEMO for one in found)


def prices_shape(settings: Settings, now_ns: int, warnings: Sequence[str]) -> Shape:
    """All prices, what each changes in the one before it, and what is warned of."""
    return {
        "at": moment_text(now_ns),
        "prices": [
            price_shape(price, settings.prices.at(price.model, now_ns) == price)
            for price in settings.prices
        ],
        "changes": [change_shape(one) for one in changes_in(settings.prices)],
        "unused": [id for id in settings.prices.models if id not in settings.models],
        "warnings": list(warnings),
    }


def price_shape(price: Price, in_force: bool) -> Shape:
    return {
        "id": price.id,
        "model": price.model,
        "kind": price.kind.name,
        "from": moment_text(price.effective_from_ns),
        "in_force": in_force,
        "sell_pico": dict(price.sell),
        "buy_pico": dict(price.buy),
        "cases": [
            {
                "where": case.when.text,
                "sell_pico": dict(case.sell),
                "buy_pico": dict(case.buy),
            }
            for case in price.cases
        ],
    }


def change_shape(change: Change) -> Shape:
    return {
        "model": change.price.model,
        "from": moment_text(change.price.effective_from_ns),
        "meter": change.meter,
        "sell_pico": list(change.sell),
        "buy_pico": list(change.buy),
        "where": change.case,
    }
