"""Routes: the ways there are to serve each model.

A model's candidates become legs once, when the files are read: provider, credential,
dialect and clocks together. A leg without a credential does not exist. For each request
the legs are put in order: lower priority number first; among equals the weights are
honoured by smooth weighted rotation, which is even over any stretch of requests and
needs no dice. A candidate with several credentials has one share for all of them:
each time it leads, another of them goes first.
"""

from collections.abc import Sequence
from itertools import groupby

from addons.dialects import UnknownDialect, dialect_of
from addons.exchange import Leg
from addons.providers import Dialect
from addons.providers.filming import Filming
from config import Settings
from config.settings import Candidate, Model, Provider, VideoRules

DEMO = "demo"


class Rotation:
    """The legs of one model, in an order that changes with each turn."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        priorities = sorted({leg.candidate.priority for leg in legs})
        self.groups = tuple(
            Group([leg for leg in legs if leg.candidate.priority == priority])
            for priority in priorities
        )

    def next(self) -> tuple[Leg, ...]:
        return tuple(leg for group in self.groups for leg in group.next())


class Group:
    """Candidates of one priority: each turn every one gains its weight, the one with
    the most credit leads and pays the sum of all weights."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        self.shares = [Share(list(of)) for _, of in groupby(legs, candidate_of)]
        self.weight = sum(share.weight for share in self.shares)

    def next(self) -> tuple[Leg, ...]:
        for share in self.shares:
            share.credit += share.weight
        # Sorting is stable: of equals the first in the file.
        order = sorted(self.shares, key=lambda share: -share.credit)
        order[0].credit -= self.weight
        legs = tuple(leg for share in order for leg in share.legs)
        order[0].turn()
        return legs


class Share:
    """The legs of one candidate, one for each credential."""

    def __init__(self, legs: list[Leg]) -> None:
        self.legs = legs
        self.weight = legs[0].candidate.weight
        self.credit = 0

    def turn(self) -> None:
        """Another credential goes first from now on."""
        if len(self.legs) > 1:
            self.legs.append(self.legs.pop(0))


def candidate_of(leg: Leg) -> Candidate:
    return leg.candidate


def check_able(model: Model, provider: Provider, dialect: Dialect) -> None:
    """UnknownDialect if a model is to be served by a provider that makes no such thing,
    or by one that would make what is cheap of what was paid for as dear."""
    lacks = None
    if model.videos is not None:
        lacks = lacking(model.videos, dialect.filming)
    elif model.images is None:
        lacks = None if dialect.chats else "does not chat"
    elif dialect.imaging is None:
        lacks = "makes no images"
    elif len(model.images.qualities) > 1 and not dialect.imaging.qualities:
        lacks = "knows no qualities of images"
    if lacks is not None:
        raise UnknownDialect(
            f"providers.yaml: models.{model.id}.candidates: {provider.name} {lacks}"
        )


def lacking(rules: VideoRules, filming: Filming | None) -> str | None:
    """Which of a model's videos a provider does not make; all candidates make all of
    them, so that what is paid for does not depend on who is asked."""
    if filming is None:
        return "makes no videos"
    for name, sold, made in (
        ("of such a duration", rules.durations, filming.durations),
        ("of such a shape", rules.aspect_ratios, filming.ratios),
        ("of such a resolution", rules.resolutions, filming.resolutions),
    ):
        for one in sold:
            if one not in made:
                return f"makes no videos {name}: {one}"
    return None


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
    if model.videos is not None and lacking(
        model.videos, dialect_of(settings.providers[DEMO]).filming
    ):
        # Whoever made such a model did not ask for the demo.
        return ()
    return candidate_legs(settings, model, Candidate(DEMO, f"demo-{model.kind}"))


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
    dialect = dialect_of(provider)
    check_able(model, provider, dialect)
    clocks = model.clocks or provider.clocks
    credentials = provider.credentials if provider.credential_names else (None,)
    return tuple(
        Leg(candidate, provider, credential, dialect, clocks)
        for credential in credentials
    )
