"""Admission: what goes no further, and what is counted as being served."""

import asyncio

import pytest

from addons.admission import Admission, announced_bytes, path_of
from addons.exchange import Exchange
from config.settings import Listen
from storage.ids import Ids
from storage.keys import networks_of
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.loop import leap

LISTEN = Listen(body_bytes=1000, form_bytes=100, inflight_max=2)


def admission(listen: Listen = LISTEN) -> Admission:
    clock = FakeClock()
    return Admission(listen, clock, Ids(clock))


def enter(addon: Admission, **request) -> Exchange:
    flow = exchanges.flow(**request)
    addon.requestheaders(flow)
    return Exchange.of(flow)


def refused(addon: Admission, **request) -> tuple[int, str] | None:
    refusal = enter(addon, **request).refusal
    return None if refusal is None else (refusal.status, refusal.code)


def sized(size: object) -> dict[str, str]:
    return {"content-length": str(size)}


@pytest.mark.parametrize(
    ("request_of", "expected"),
    [
        ({}, None),
        ({"headers": sized(1000)}, None),
        ({"headers": sized(1001)}, (413, "body_too_large")),
        ({"target": "/api/user.php", "headers": sized(100)}, None),
        ({"target": "/api/user.php", "headers": sized(101)}, (413, "body_too_large")),
        ({"target": "/v1/nothing"}, (404, "unknown_route")),
        ({"target": "/v1/nothing", "headers": sized(9999)}, (404, "unknown_route")),
        ({"method": "GET"}, (405, "method_not_allowed")),
        ({"method": "GET", "target": "/healthz"}, None),
        ({"method": "GET", "target": "/"}, None),
    ],
)
def test_a_request_is_refused_by_its_head(request_of, expected) -> None:
    assert refused(admission(), **request_of) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("12", 12),
        ("", 0),
        ("-1", 0),
        ("1, 1", 0),
        ("٣", 0),
        ("x", 0),
        ("9" * 4300, int("9" * 4300)),
    ],
    ids=lambda value: str(value)[:8],
)
def test_only_a_plain_number_announces_a_size(text: str, size: int) -> None:
    flow = exchanges.flow()
    flow.request.headers["content-length"] = text
    assert announced_bytes(flow) == size


def test_a_refusal_does_not_repeat_the_query() -> None:
    record = enter(admission(), target="/v1/x?key=tk_secret")
    assert "tk_secret" not in record.refusal.message
    assert path_of(exchanges.flow(target="/v1/x?key=tk_secret")) == "/v1/x"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/models", (503, "draining")),
        ("/", (503, "draining")),
        ("/healthz", None),
        ("/readyz", None),
        ("/v1/nothing", (404, "unknown_route")),
    ],
)
def test_a_draining_gateway_answers_only_who_asks_about_it(target, expected) -> None:
    addon = admission()
    addon.draining = True
    assert refused(addon, method="GET", target=target) == expected


def test_one_more_than_can_be_served_is_refused() -> None:
    addon = admission()
    assert [refused(addon) for _ in range(3)] == [None, None, (503, "overloaded")]
    assert refused(addon, method="GET", target="/healthz") is None


def test_who_leaves_makes_room() -> None:
    addon = admission()
    first = enter(addon)
    enter(addon)
    addon.leave(first)
    assert refused(addon) is None


def test_every_request_has_an_id_of_its_own_and_its_start() -> None:
    addon = admission()
    one, two = enter(addon), enter(addon)
    assert one.id.startswith("req_") and one.id != two.id
    assert one.started_ns == addon.clock.monotonic_ns()


def test_refused_requests_count_until_they_are_answered() -> None:
    addon = admission()
    record = enter(addon, target="/v1/nothing")
    assert addon.live == {record.id}
    addon.leave(record)
    addon.leave(record)
    assert addon.live == set()


@pytest.mark.parametrize(
    ("left_after", "emptied", "seconds"),
    [(None, False, 30), (10, True, 10), (0, True, 0)],
)
def test_a_drain_waits_for_the_last_answer_and_no_longer_than_allowed(
    left_after: float | None, emptied: bool, seconds: float
) -> None:
    async def story() -> tuple[bool, float]:
        addon = admission()
        record = enter(addon)
        loop = asyncio.get_running_loop()
        if left_after is not None:
            loop.call_later(left_after, addon.leave, record)
        return await addon.empty_within(30), loop.time()

    assert leap(story()) == (emptied, pytest.approx(seconds))


def test_nothing_is_waited_for_when_nothing_is_served() -> None:
    assert leap(admission().empty_within(30)) is True


def test_a_drain_is_not_over_because_it_was_empty_before() -> None:
    async def story() -> bool:
        addon = admission()
        addon.leave(enter(addon))
        enter(addon)
        return await addon.empty_within(1)

    assert leap(story()) is False


@pytest.mark.parametrize(
    ("trusted", "sender"),
    [((), ("127.0.0.1", False)), (("127.0.0.1",), ("192.0.2.1", True))],
)
def test_who_sent_a_request_is_found_out_first(trusted, sender) -> None:
    listen = Listen(trusted_proxies=networks_of(trusted))
    headers = {"x-forwarded-for": "6.6.6.6, 192.0.2.1", "x-forwarded-proto": "https"}
    record = enter(admission(listen), headers=headers)
    assert (record.address, record.secure) == sender


def test_who_is_gone_before_it_is_accepted_has_no_address_and_breaks_nothing() -> None:
    flow = exchanges.flow(headers={"x-forwarded-for": "10.0.0.9"})
    flow.client_conn.peername = None
    admission(Listen(trusted_proxies=networks_of(["127.0.0.1"]))).requestheaders(flow)
    assert (Exchange.of(flow).address, Exchange.of(flow).refusal) == ("", None)
