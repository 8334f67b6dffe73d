"""Routing: who gets a route, and in whose turn."""

from dataclasses import replace

import pytest

from addons.routing import Routing
from addons.wire.errors import UnknownKey
from tests.fakes import exchanges
from tests.fakes.plans import plans


@pytest.mark.parametrize(
    ("held", "refused", "routed"),
    [(True, False, True), (False, False, False), (True, True, False)],
)
def test_only_a_held_request_gets_a_route(held, refused, routed) -> None:
    record = exchanges.held(held=held)
    if refused:
        record.refuse(UnknownKey())
    Routing(plans(routes={"gpt-4o": (exchanges.leg(),)})).request(
        exchanges.travelling(record)
    )
    assert bool(record.route) is routed
    assert record.admitted is routed


def test_each_model_takes_its_own_turns() -> None:
    pair = exchanges.leg("first"), exchanges.leg("second")
    routing = Routing(plans(routes={"gpt-4o": pair, "other": pair}))
    seen = []
    for model in ("gpt-4o", "other"):
        record = exchanges.held(model=replace(exchanges.MODEL, id=model))
        routing.request(exchanges.travelling(record))
        seen.append(record.route[0].provider.name)
    assert seen == ["first", "first"]
