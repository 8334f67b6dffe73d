"""The catalogue of the pages' tests."""

from config import Settings
from tests.dashboard.browser.offers import offers
from tests.fakes.clock import FakeClock


def test_every_model_is_on_offer(settings: Settings, clock: FakeClock) -> None:
    listed = offers(settings, clock)()["data"]
    assert [one["id"] for one in listed] == list(settings.models)
