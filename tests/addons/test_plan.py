"""Plan: a request ends under the configuration that it began under."""

from config.current import Loaded
from tests.fakes import exchanges
from tests.fakes.plans import plans


def test_a_request_keeps_its_plan_and_the_next_has_the_new_one() -> None:
    found, other = plans(), plans(routes={"gpt-4o": (exchanges.leg(),)}).plan
    old = found.plan
    record = exchanges.exchange(plan=old)
    found.swap(other, Loaded(other.settings, 5))
    assert found.of(record) is old
    assert found.of(exchanges.exchange()) is other
    assert (found.current.settings, found.current.loaded.at_ns) == (other.settings, 5)


def test_a_job_takes_turns_with_requests() -> None:
    pair = exchanges.leg("first"), exchanges.leg("second")
    plan = plans(routes={"gpt-4o": pair}).plan
    first, second = plan.turn("gpt-4o"), plan.turn("gpt-4o")
    assert first == second[::-1]
    assert plan.turn("gone") == ()


def test_all_that_is_made_of_the_settings_is_of_the_same() -> None:
    film = exchanges.provider("runway", dialect="runway")
    plan = plans({"gpt-4o": exchanges.MODEL}, providers={"runway": film}).plan
    assert plan.catalogue.models == plan.settings.models
    assert plan.catalogue.prices is plan.prices is plan.settings.prices
    assert plan.studios.keys() == {"runway"}
