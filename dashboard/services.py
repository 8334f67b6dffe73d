"""What the endpoints work with, made once by create_app and passed to each of them."""

from dataclasses import dataclass

from config import Settings
from dashboard.passwords import Passwords
from dashboard.session import Sessions
from dashboard.stripe_client import StripeClient
from dashboard.throttle import LoginThrottle, Throttle
from storage import Storage

HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Services:
    storage: Storage
    settings: Settings
    passwords: Passwords
    sessions: Sessions
    logins: LoginThrottle
    registrations: Throttle
    stripe: StripeClient
    demo: bool


def make_services(
    storage: Storage, settings: Settings, passwords: Passwords, *, demo: bool
) -> Services:
    accounts = settings.accounts
    return Services(
        storage=storage,
        settings=settings,
        passwords=passwords,
        sessions=Sessions(storage, accounts.session_seconds),
        logins=LoginThrottle(storage.clock, accounts.login_per_minute),
        registrations=Throttle(
            storage.clock, burst=accounts.register_per_hour, seconds=HOUR_SECONDS
        ),
        stripe=StripeClient(settings.payments.stripe),
        demo=demo,
    )
