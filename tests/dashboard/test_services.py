"""Services: made from the settings, one set for each application."""

from dataclasses import replace

from config import Settings
from config.current import Current
from dashboard.passwords import Passwords
from dashboard.services import make_services
from storage import Storage


def test_settings_decide(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    accounts = replace(settings.accounts, session_seconds=90.0, register_per_hour=1)
    tight = replace(settings, accounts=accounts)
    services = make_services(storage, Current.of(tight), passwords, demo=False)
    assert services.sessions.seconds == 90
    assert services.demo is False


def test_two_applications_share_no_counters(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    first = make_services(storage, Current.of(settings), passwords, demo=True)
    second = make_services(storage, Current.of(settings), passwords, demo=True)
    first.registrations.take("192.0.2.1")
    assert (len(first.registrations), len(second.registrations)) == (1, 0)
