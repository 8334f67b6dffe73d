"""Hooks: whatever raises, wherever it does, refuses its request and frees its money."""

import asyncio

import pytest
from mitmproxy.connection import Server
from mitmproxy.http import HTTPFlow, Response

from addons.exchange import Exchange
from addons.gateway.hooks import Hooks, call_all, stops_us, table_of
from addons.rendering import Render
from addons.upstream.call import Call
from addons.upstream.layer import UpstreamExchangeHook
from addons.wire.errors import ApiError, UnknownKey
from tests.fakes import exchanges
from tests.fakes.inlet import RecordingInlet

CALL = UpstreamExchangeHook.name
FLOW_HOOKS = ("requestheaders", "request", "responseheaders", "response", "error")


class Addon:
    """Has one hook, which does what it is told."""

    def __init__(self, hook: str, act=lambda data: None) -> None:
        setattr(self, hook, act)


class Panic(BaseException):
    """What a native library may raise: below BaseException and no Exception."""


def failing(error: BaseException):
    def act(data: object) -> None:
        raise error

    return act


class Desk:
    """Everything behind the hooks, and what was done there."""

    def __init__(self, *chain: object, release_fails: bool = False) -> None:
        self.released: list[Exchange] = []
        self.left: list[Exchange] = []
        self.release_fails = release_fails
        render = Render(lambda prefix: f"{prefix}_new")
        self.turned_away: list[ApiError] = []
        self.hooks = Hooks(
            chain, self.release, self.leave, render, self.turned_away.append
        )

    def leave(self, flow: HTTPFlow, exchange: Exchange) -> None:
        self.left.append(exchange)

    async def release(self, exchange: Exchange) -> None:
        self.released.append(exchange)
        if self.release_fails:
            raise ZeroDivisionError


# The table.


def test_addons_are_called_in_the_order_of_the_chain() -> None:
    called: list[str] = []
    one = Addon("request", lambda flow: called.append("one"))
    two = Addon("request", lambda flow: called.append("two"))
    asyncio.run(call_all(table_of([one, Addon("response"), two])["request"], None))
    assert called == ["one", "two"]


def test_only_known_hooks_are_in_the_table() -> None:
    class Busy:
        def request(self, flow): ...

        def upstream_exchange(self, call): ...

        def helper(self): ...

        def done(self): ...

    assert table_of([Busy()]).keys() == {"request", "upstream_exchange", "done"}


async def test_a_hook_may_be_a_coroutine_or_not() -> None:
    called: list[str] = []

    async def later(flow: HTTPFlow) -> None:
        await asyncio.sleep(0)
        called.append("later")

    desk = Desk(
        Addon("request", later), Addon("request", lambda flow: called.append("now"))
    )
    await desk.hooks.run("request", exchanges.travelling(exchanges.exchange()))
    assert called == ["later", "now"]


async def test_a_hook_that_nobody_has_is_nothing() -> None:
    await Desk().hooks.run("update", object())


async def test_a_hook_without_a_flow_is_run_as_it_is() -> None:
    seen: list[object] = []
    await Desk(Addon("update", seen.append)).hooks.run("update", 7)
    assert seen == [7]


# What fails is closed.


@pytest.mark.parametrize("error", [ZeroDivisionError(), Panic(), AssertionError()])
@pytest.mark.parametrize("name", FLOW_HOOKS)
async def test_a_hook_that_raises_refuses_its_request(name: str, error) -> None:
    called: list[object] = []
    desk = Desk(Addon(name, failing(error)), Addon(name, called.append))
    record = exchanges.held(route=(exchanges.leg(),))
    await desk.hooks.run(name, exchanges.answered(record))
    assert record.refusal.status == 500
    assert not record.admitted
    assert called == [], "the addons after it are skipped"


@pytest.mark.parametrize(
    ("name", "released"),
    [
        ("requestheaders", False),
        ("request", False),
        ("responseheaders", False),
        ("response", True),
        ("error", True),
    ],
)
async def test_money_is_released_where_nobody_else_will_do_it(name, released) -> None:
    desk = Desk(Addon(name, failing(ZeroDivisionError())))
    record = exchanges.held()
    await desk.hooks.run(name, exchanges.answered(record))
    assert (desk.released == [record]) is released


async def test_a_release_that_fails_is_survived() -> None:
    desk = Desk(Addon("response", failing(ZeroDivisionError())), release_fails=True)
    record = exchanges.held()
    await desk.hooks.run("response", exchanges.answered(record))
    assert (record.refusal.status, desk.left) == (500, [record])


async def test_a_failure_before_there_is_a_record_is_a_500_too() -> None:
    desk = Desk(Addon("requestheaders", failing(ZeroDivisionError())))
    flow = exchanges.flow()
    await desk.hooks.run("requestheaders", flow)
    assert flow.response.status_code == 500
    assert flow.response.headers["x-request-id"] == "req_new"


async def test_a_stream_whose_last_hook_fails_ends_with_an_error() -> None:
    desk = Desk(Addon("response", failing(ZeroDivisionError())))
    record = exchanges.held(began=True)
    flow = exchanges.answered(record)
    before = flow.response
    await desk.hooks.run("response", flow)
    assert b'"internal_error"' in record.tail and b"[DONE]" not in record.tail
    assert flow.response is before, "its head is already with the client"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
async def test_who_is_told_to_stop_closes_and_stops(error) -> None:
    desk = Desk(Addon("response", failing(error)))
    record = exchanges.held()
    with pytest.raises(type(error)):
        await desk.hooks.run("response", exchanges.answered(record))
    assert desk.released == [record]


@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (KeyboardInterrupt(), True),
        (SystemExit(), True),
        (GeneratorExit(), True),
        (asyncio.CancelledError(), True),
        (Panic(), False),
        (ValueError(), False),
    ],
)
def test_a_panic_is_a_failure_and_no_order_to_stop(error, stops: bool) -> None:
    assert stops_us(error) is stops


# A refusal is shown.


@pytest.mark.parametrize(
    ("name", "answered", "shown"),
    [
        ("requestheaders", False, True),
        ("request", False, True),
        ("request", True, False),
        ("responseheaders", True, True),
        ("response", True, True),
    ],
)
async def test_a_refusal_replaces_an_answer_until_its_first_byte(
    name: str, answered: bool, shown: bool
) -> None:
    desk = Desk(Addon(name))
    record = exchanges.exchange(refusal=UnknownKey())
    flow = exchanges.travelling(record)
    flow.response = Response.make(200) if answered else None
    await desk.hooks.run(name, flow)
    assert (flow.response.status_code == 401) is shown


async def test_nothing_of_a_refused_answer_is_left_in_the_refusal() -> None:
    desk = Desk(Addon("responseheaders"), Addon("response"))
    flow = exchanges.answered(exchanges.exchange(refusal=UnknownKey()), 200)
    await desk.hooks.run("responseheaders", flow)
    # What the core does with what an upstream still says.
    flow.response.data.content = b"data: a secret"
    await desk.hooks.run("response", flow)
    body = flow.response.raw_content
    assert b"secret" not in body
    assert flow.response.headers["content-length"] == str(len(body))


async def test_a_refusal_that_the_core_emptied_is_rendered_again() -> None:
    desk = Desk(Addon("responseheaders"), Addon("response"))
    flow = exchanges.answered(exchanges.exchange(refusal=UnknownKey()), 502)
    await desk.hooks.run("responseheaders", flow)
    flow.response.data.content = b""
    await desk.hooks.run("response", flow)
    assert b"invalid_api_key" in flow.response.raw_content


@pytest.mark.parametrize(
    ("hook", "told"), [("requestheaders", []), ("response", ["internal_error"])]
)
async def test_who_has_no_record_is_told_of_once_at_the_end(hook, told) -> None:
    desk = Desk(Addon(hook, failing(ZeroDivisionError())))
    await desk.hooks.run(hook, HTTPFlow(None, None))
    assert [error.code for error in desk.turned_away] == told
    assert desk.left == []


async def test_a_request_without_a_refusal_is_left_alone() -> None:
    flow = exchanges.travelling(exchanges.exchange())
    await Desk(Addon("request")).hooks.run("request", flow)
    assert flow.response is None


@pytest.mark.parametrize(
    ("name", "left"), [("request", False), ("response", True), ("error", True)]
)
async def test_a_request_leaves_with_its_last_hook(name: str, left: bool) -> None:
    desk = Desk(Addon(name))
    record = exchanges.exchange()
    await desk.hooks.run(name, exchanges.answered(record))
    assert (desk.left == [record]) is left


# Calls.


@pytest.mark.parametrize("error", [ZeroDivisionError(), Panic()])
async def test_a_call_that_fails_is_answered_and_refused(error) -> None:
    desk = Desk(Addon(CALL, failing(error)))
    record = exchanges.held()
    call = Call(exchanges.travelling(record), 1, Server(address=None), RecordingInlet())
    await desk.hooks.run(CALL, call)
    assert (record.refusal.status, call.inlet.status) == (500, 500)


async def test_a_call_that_was_cancelled_is_nobodys_failure() -> None:
    desk = Desk(Addon(CALL, failing(asyncio.CancelledError())))
    record = exchanges.held()
    call = Call(exchanges.travelling(record), 1, Server(address=None), RecordingInlet())
    with pytest.raises(asyncio.CancelledError):
        await desk.hooks.run(CALL, call)
    assert (record.refusal, call.inlet.events) == (None, [])


async def test_a_call_is_handed_to_its_addon() -> None:
    seen: list[object] = []
    call = Call(exchanges.flow(), 1, Server(address=None), RecordingInlet())
    await Desk(Addon(CALL, seen.append)).hooks.run(CALL, call)
    assert (seen, call.inlet.events) == ([call], [])
