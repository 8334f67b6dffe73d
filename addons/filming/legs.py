"""Legs: where a job may go, and where it went.

A new job gets the legs of its model in the order in which all requests take turns. One
that is at a provider stays with that provider, its model there and its credential, and
finds them again by name after a restart, also when the files no longer offer them to
new jobs. If the credential itself is gone, nobody can ask for the job until it is back.
"""

from collections.abc import Callable, Mapping

from addons.exchange import Leg
from addons.providers import REGISTRY
from config.settings import Candidate, Credential, Provider

Providers = Callable[[], Mapping[str, Provider]]
Turn = Callable[[str], tuple[Leg, ...]]


class Legs:
    """The ways that the configuration has for jobs, which is asked each time."""

    def __init__(self, providers: Providers, turn: Turn) -> None:
        self.providers = providers
        self.turn = turn

    def of_model(self, model: str) -> tuple[Leg, ...]:
        """In the order they are to be tried; none if the model is no longer served."""
        return self.turn(model)

    def of_job(self, provider: str, upstream_model: str, credential: str) -> Leg | None:
        """The leg that a job took; None while the configuration does not have it."""
        found = self.providers().get(provider)
        dialect = None if found is None else REGISTRY.get(found.dialect)
        if found is None or dialect is None:
            return None
        secret = _credential(found, credential)
        if secret is None and credential:
            return None
        candidate = Candidate(provider, upstream_model)
        return Leg(candidate, found, secret, dialect, found.clocks)


def name_of(leg: Leg) -> str:
    """What a job keeps of a leg's credential: never what it says."""
    return "" if leg.credential is None else leg.credential.name


def _credential(provider: Provider, name: str) -> Credential | None:
    named = (one for one in provider.credentials if one.name == name)
    return next(named, None)
