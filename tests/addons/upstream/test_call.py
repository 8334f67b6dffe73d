"""A call: the three shapes of an answer as mitmproxy's events."""

import pytest
from mitmproxy.connection import Server
from mitmproxy.http import Headers, Response

from addons.upstream.call import Call, bare_response
from tests.fakes import exchanges
from tests.fakes.inlet import RecordingInlet

SERVER = Server(address=("127.0.0.1", 9))
HEAD, DATA, END = "ResponseHeaders", "ResponseData", "ResponseEndOfMessage"


def call() -> Call:
    return Call(exchanges.flow(), 3, SERVER, RecordingInlet())


async def whole(one: Call) -> None:
    await one.whole(404)


async def streamed(one: Call) -> None:
    await one.begin(b"a")
    await one.send(b"b")
    await one.end()


async def late(one: Call) -> None:
    await one.begin(b"")
    await one.send(b"")
    await one.end()


@pytest.mark.parametrize(
    ("answer", "batches", "drains"),
    [
        (whole, [[HEAD, END]], 0),
        (streamed, [[HEAD, DATA], [DATA], [END]], 2),
        (late, [[HEAD], [END]], 2),
    ],
)
async def test_an_answer_is_fed_in_batches(answer, batches, drains: int) -> None:
    one = call()
    await answer(one)
    fed = [[type(http).__name__ for http in event.batch] for event in one.inlet.events]
    assert (fed, one.inlet.drains) == (batches, drains)
    assert one.ended


async def cut(one: Call) -> None:
    await one.begin(b"a")
    await one.cut()


async def test_a_cut_answer_breaks_off_and_nothing_may_follow() -> None:
    one = call()
    await cut(one)
    assert one.inlet.names == [HEAD, DATA, "ResponseProtocolError"]
    assert (one.began, one.ended, one.task) == (True, True, None)


async def test_a_head_of_its_own_is_fed_as_it_is() -> None:
    one = call()
    response = bare_response(206)
    await one.begin(b"", response)
    (head,) = one.inlet.http_events
    assert head.response is response


async def test_every_event_is_for_the_calls_stream_and_server() -> None:
    one = call()
    await streamed(one)
    assert {event.connection for event in one.inlet.events} == {SERVER}
    assert {event.stream_id for event in one.inlet.http_events} == {3}


@pytest.mark.parametrize(("answer", "end_stream"), [(whole, True), (streamed, False)])
async def test_a_head_says_whether_a_body_follows(answer, end_stream: bool) -> None:
    one = call()
    await answer(one)
    assert one.inlet.http_events[0].end_stream is end_stream


async def test_a_call_that_has_begun_has_not_ended() -> None:
    one = call()
    await one.begin(b"a")
    await one.send(b"b")
    assert not one.ended


@pytest.mark.parametrize("status", [200, 402, 502])
def test_a_bare_response_has_nothing_but_its_status(status: int) -> None:
    response = bare_response(status)
    assert (response.status_code, len(response.headers)) == (status, 0)
    assert response.raw_content is None
    made = Response(
        b"HTTP/1.1", status, b"OK", Headers(), None, None,
        response.timestamp_start, None,
    )
    assert response.get_state() == made.get_state()


def test_what_is_done_to_a_bare_response_is_done_to_no_other() -> None:
    one, other = bare_response(200), bare_response(200)
    one.headers["a"] = "b"
    one.content = b"said"
    one.status_code = 500
    one.stream = True
    assert (other.status_code, len(other.headers)) == (200, 0)
    assert (other.raw_content, other.stream) == (None, False)
