"""The page of metrics: for whoever has the token, or for this machine."""

import asyncio

import pytest
from mitmproxy.http import HTTPFlow

from addons.endpoints import CHAT, METRICS
from addons.exchange import Exchange
from addons.metrics.gauges import Gauges, Sources
from addons.metrics.metrics import Metrics, is_loopback
from addons.metrics.registry import Registry
from addons.metrics.tally import Tally
from addons.wire.errors import LedgerDown
from config.current import Loaded
from storage import Storage
from storage.errors import LedgerUnavailable
from tests.fakes import exchanges
from tests.fakes.plans import settings

TOKEN = "a-token-of-many-letters"


def no_holds():
    raise LedgerUnavailable("the disk is gone")


@pytest.fixture
def page(storage: Storage):
    def make(token: str = "", holds=storage.reader.holds_open) -> Metrics:
        registry = Registry()
        sources = Sources(
            in_flight=lambda: 0,
            streams=lambda: 0,
            candidates=lambda: [],
            writer=storage.writer.statistics,
            holds=holds,
            lines_dropped=lambda: 0,
            copies_dropped=lambda: 0,
            loaded=lambda: Loaded(settings()),
        )
        gauges = Gauges(registry, sources)
        tally = Tally(registry, storage.clock)
        return Metrics(registry, tally, gauges, lambda _: token)

    return make


async def asked(
    page: Metrics, address: str = "127.0.0.1", peer: str = "127.0.0.1", **headers: str
) -> HTTPFlow:
    record = exchanges.exchange(METRICS, address=address)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    flow = exchanges.travelling(
        record, method="GET", target="/metrics", headers=named
    )
    flow.client_conn.peername = (peer, 50_000)
    page.requestheaders(flow)
    await page.request(flow)
    return flow


def refusal(flow: HTTPFlow) -> int | None:
    found = Exchange.of(flow).refusal
    return None if found is None else found.status


async def test_it_is_text_that_prometheus_reads(page) -> None:
    flow = await asked(page())
    assert flow.response.status_code == 200
    assert flow.response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert flow.response.headers["cache-control"] == "no-store"
    assert b"\nautolist_holds_open 0.0\n" in flow.response.content


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
async def test_without_a_token_it_is_for_this_machine(page, address) -> None:
    assert refusal(await asked(page(), address, address)) is None


@pytest.mark.parametrize(
    ("address", "peer", "headers"),
    [
        ("10.0.0.7", "10.0.0.7", {}),
        # A proxy on this machine, one that is trusted and others.
        ("203.0.113.7", "127.0.0.1", {}),
        ("127.0.0.1", "127.0.0.1", {"x_forwarded_for": "127.0.0.1"}),
        ("127.0.0.1", "127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", "127.0.0.1", {"x_real_ip": "203.0.113.7"}),
        ("127.0.0.1", "127.0.0.1", {"Via": "1.1 proxy"}),
        ("127.0.0.1", "10.0.0.7", {}),
    ],
)
async def test_to_everybody_else_there_is_no_such_page(
    page, address, peer, headers
) -> None:
    flow = await asked(page(), address, peer, **headers)
    assert refusal(flow) == 404
    assert flow.response is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_with_a_token_it_is_for_who_sends_it(page, scheme) -> None:
    flow = await asked(
        page(TOKEN), "203.0.113.7", authorization=f"{scheme} {TOKEN}"
    )
    assert refusal(flow) is None
    assert "authorization" not in flow.request.headers


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ü"],
)
async def test_nobody_is_let_in_with_another(page, authorization) -> None:
    flow = await asked(page(TOKEN), authorization=authorization)
    assert refusal(flow) == 401
    assert Exchange.of(flow).refusal.headers == (("WWW-Authenticate", "Bearer"),)
    assert "authorization" not in flow.request.headers


async def test_a_ledger_that_cannot_be_read_is_told(page) -> None:
    flow = await asked(page(holds=no_holds))
    assert isinstance(Exchange.of(flow).refusal, LedgerDown)


async def test_other_requests_are_left_alone(page) -> None:
    record = exchanges.exchange(CHAT)
    flow = exchanges.travelling(record, headers={"authorization": "Bearer x"})
    made = page(TOKEN)
    made.requestheaders(flow)
    await made.request(flow)
    assert (record.refusal, flow.response) == (None, None)
    assert "authorization" in flow.request.headers


async def test_a_request_that_is_over_is_counted(page) -> None:
    made = page()
    record = exchanges.exchange(CHAT)
    made.left(exchanges.travelling(record), record)
    assert b'autolist_requests_total{endpoint="chat"' in made.registry.text()


async def test_gauges_are_looked_at_while_it_runs_and_a_fault_is_survived(
    page, caplog
) -> None:
    made = page()
    made.look_seconds = 0.0
    looks: list[int] = []
    seen = asyncio.Event()

    def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            seen.set()
        raise ZeroDivisionError

    made.gauges.look = look
    made.running()
    await asyncio.wait_for(seen.wait(), 10)
    made.done()
    assert "the gauges could not be set" in caplog.text


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_which_addresses_are_this_machine(text: str, loopback: bool) -> None:
    assert is_loopback(text) is loopback
