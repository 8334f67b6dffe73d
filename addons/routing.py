"""Routing: where it goes."""

from mitmproxy.http import HTTPFlow

from addons.exchange import Exchange
from addons.plan import Plans


class Routing:
    """Gives each held request its legs, in the order they are to be tried."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans

    def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or not exchange.held:
            return
        if exchange.model is not None:
            exchange.route = self.plans.of(exchange).turn(exchange.model.id)
