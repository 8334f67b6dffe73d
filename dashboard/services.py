"""What the endpoints work with, made once by create_app and passed to each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config import Settings
from config.current import Current
from dashboard.downloads import Downloads
from dashboard.passwords import Passwords
from dashboard.session import Sessions
from dashboard.stripe_client import StripeClient
from dashboard.throttle import LoginThrottle, Throttle
from storage import Storage
from storage.acts import Act, log_act
from storage.reports import Reports
from storage.signing import Signer

HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Services:
    storage: Storage
    current: Current
    passwords: Passwords
    sessions: Sessions
    logins: LoginThrottle
    registrations: Throttle
    stripe: StripeClient
    downloads: Downloads
    signer: Signer
    models: Callable[[], Mapping[str, Any]]
    demo: bool

    @property
    def settings(self) -> Settings:
        """Those in force: whoever looks twice may see others."""
        return self.current.settings

    @property
    def reports(self) -> Reports:
        return self.storage.reader.reports

    def log(self, act: Act) -> None:
        """Into the audit log, where nothing else changes with it."""
        self.storage.writer.wait(log_act, act)


def no_models() -> Mapping[str, Any]:
    return {"object": "list", "data": []}


def make_services(
    storage: Storage,
    current: Current,
    passwords: Passwords,
    *,
    demo: bool,
    models: Callable[[], Mapping[str, Any]] = no_models,
) -> Services:
    # What counts and remembers is made once: a restart changes it.
    accounts = current.settings.accounts
    return Services(
        storage=storage,
        current=current,
        passwords=passwords,
        sessions=Sessions(storage, accounts.session_seconds),
        logins=LoginThrottle(storage.clock, accounts.login_per_minute),
        registrations=Throttle(
            storage.clock, burst=accounts.register_per_hour, seconds=HOUR_SECONDS
        ),
        stripe=StripeClient(lambda: current.settings.payments.stripe),
        downloads=Downloads(),
        signer=Signer.of(storage.secrets),
        models=models,
        demo=demo,
    )
