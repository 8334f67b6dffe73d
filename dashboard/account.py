"""The account at a glance: who, how much, under which limits, payable how."""

from dashboard.auth import show_user
from dashboard.services import Services
from dashboard.topup import METHODS
from dashboard.visit import Answer, Visit
from storage.keys import KeyRecord


def profile(services: Services, visit: Visit) -> Answer:
    default = services.storage.reader.default_key(visit.user.account_id)
    data = {
        "user": show_user(services, visit.user),
        "limits": limits(services, default[0] if default else None),
        "charge_methods": [
            name for name, method in METHODS.items() if method.offered(services)
        ],
        "demo": services.demo,
    }
    return Answer(data=data)


def models(services: Services, visit: Visit) -> Answer:
    """The catalogue with its prices, for everybody."""
    return Answer(data={"models": services.models()["data"]})


def limits(services: Services, key: KeyRecord | None) -> dict[str, object]:
    """What the default key may do; None where nothing limits it."""
    shared = services.settings.limits
    return {
        "rpm": effective(key.rpm if key else None, shared.rpm),
        "tpm": effective(key.tpm if key else None, shared.tpm),
        "concurrency": effective(key.concurrency if key else None, shared.concurrency),
    }


def effective(own: int | None, shared: int) -> int | None:
    return (shared if own is None else own) or None
