"""One call: how far it came decides whether it may be made again."""

from addons.filming.calls import Calls
from addons.providers.filming import get
from addons.wire.errors import UpstreamFailed, UpstreamTimeout
from config.settings import Clocks
from tests.addons.filming.bench import leg, refused, said
from tests.fakes.loop import leap
from tests.fakes.transport import STUCK, ScriptedReply, ScriptedTransport

REQUEST = get("/v1/tasks/1")


async def call(*replies, **fields):
    line = ScriptedTransport(*replies)
    calls = Calls(lambda provider: line)
    called = await calls.call(leg(**fields), REQUEST)
    await calls.close()
    assert line.closed
    return called, line


async def test_an_answer_is_whole_and_our_key_goes_with_the_question() -> None:
    called, line = await call(said(id="1"))
    assert (called.sent, called.status, called.body) == (True, 200, b'{"id":"1"}')
    assert called.error is None
    assert line.requests[0].headers["authorization"] == "Bearer key_secret"


async def test_a_provider_without_a_key_is_sent_none() -> None:
    _, line = await call(said(), credentials=(), credential_names=())
    assert "authorization" not in line.requests[0].headers


async def test_a_call_that_never_left_is_not_sent() -> None:
    called, _ = await call(UpstreamFailed())
    assert (called.sent, called.status) == (False, 0)
    assert isinstance(called.error, UpstreamFailed)


async def test_an_answer_that_breaks_off_is_none() -> None:
    called, _ = await call(ScriptedReply([b"{", UpstreamFailed()]))
    assert (called.sent, called.status, called.body) == (True, 200, b"")
    assert isinstance(called.error, UpstreamFailed)


async def test_a_refusal_stays_one_whatever_becomes_of_its_reasons() -> None:
    called, _ = await call(ScriptedReply([b"{", UpstreamFailed()], 429))
    assert (called.status, called.body, called.error) == (429, b"", None)


async def test_an_answer_that_is_too_large_is_none() -> None:
    called, _ = await call(said(text="x" * 100), response_bytes=50)
    assert isinstance(called.error, UpstreamFailed)


def test_an_answer_that_does_not_come_is_waited_for_only_so_long() -> None:
    clocks = Clocks(first_byte_seconds=5.0)
    called, _ = leap(call(ScriptedReply([STUCK]), clocks=clocks))
    assert called.sent
    assert isinstance(called.error, UpstreamTimeout)


async def test_a_connection_is_used_again() -> None:
    opened = []

    def open_one(provider):
        opened.append(ScriptedTransport(said(), refused(500)))
        return opened[-1]

    calls, one = Calls(open_one), leg()
    await calls.call(one, REQUEST)
    assert (await calls.call(one, REQUEST)).status == 500
    assert len(opened) == 1
