"""Catalogue: the models as callers see them, and which of them serves an ask."""

from collections.abc import Mapping
from typing import Any

from addons.exchange import Leg
from addons.wire.errors import BadParameter, ModelUnavailable, UnknownModel
from addons.wire.images import ImageAsk
from addons.wire.openai import ChatAsk
from addons.wire.videos import VideoAsk, pixels_of
from config import Price, PriceBook
from config.meters import TOKENS, kind_of, rate_text
from config.prices import Case
from config.settings import Model, VideoRules
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
        return self.routed(model_of(ask, self.models))

    def drawing(self, ask: ImageAsk) -> tuple[ImageAsk, Model]:
        """An ask by the rules of the model that draws it, and that model; what `ruled`
        raises, or ModelUnavailable."""
        ask = ruled(ask, self.models)
        return ask, self.routed(self.models[ask.model])

    def filming(self, ask: VideoAsk) -> tuple[VideoAsk, Model]:
        """The same for a video."""
        ask = ruled(ask, self.models)
        return ask, self.routed(self.models[ask.model])

    def routed(self, model: Model) -> Model:
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
            **limits_of(model),
            "pricing": None if price is None else pricing(price),
        }


def model_of(ask: ChatAsk, models: Mapping[str, Model]) -> Model:
    """The model that an ask names; UnknownModel if there is none, BadParameter if more
    output is asked for than it makes."""
    model = models.get(ask.model)
    if model is None:
        raise UnknownModel(ask.model)
    if model.kind != "chat":
        raise BadParameter("model", f"{model.id} makes {model.kind}s and does not chat")
    if ask.output_limit is not None and ask.output_limit > model.output_tokens:
        raise BadParameter(
            ask.output_limit_name,
            f"{model.id} answers with {model.output_tokens} at most",
        )
    return model


def ruled[A: (ImageAsk, VideoAsk, ImageAsk | VideoAsk)](
    ask: A, models: Mapping[str, Model]
) -> A:
    """An ask by the rules of the model that it names. UnknownModel if there is none,
    BadParameter if it makes no such thing or none such."""
    model = models.get(ask.model)
    if model is None:
        raise UnknownModel(ask.model)
    if isinstance(ask, VideoAsk):
        if model.videos is None:
            raise BadParameter("model", f"{model.id} makes no videos.")
        return ask.within(model.videos)
    if model.images is None:
        raise BadParameter("model", f"{model.id} makes no images.")
    return ask.within(model.images)


def limits_of(model: Model) -> dict[str, Any]:
    """What can be asked of a model, by its kind."""
    if model.images is not None:
        return {
            "sizes": model.images.sizes,
            "qualities": model.images.qualities,
            "styles": model.images.styles,
            "max_images": model.images.n_max,
            "max_prompt_characters": model.images.prompt_chars,
        }
    if model.videos is not None:
        return {
            "durations": model.videos.durations,
            "default_duration": model.videos.duration,
            "aspect_ratios": tuple(model.videos.aspect_ratios),
            "resolutions": model.videos.resolutions,
            "sizes": sizes_of(model.videos),
            "max_prompt_characters": model.videos.prompt_chars,
        }
    return {
        "context_length": model.context_tokens,
        "max_output_tokens": model.output_tokens,
    }


def sizes_of(rules: VideoRules) -> tuple[str, ...]:
    """Every shape in every resolution, about so, in pixels."""
    return tuple(
        pixels_of(rules, shape, resolution)
        for resolution in rules.resolutions
        for shape in rules.aspect_ratios
    )


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
