"""Transports: real sockets to a fake provider, and the demo without any."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from addons.providers.base import UpstreamRequest
from addons.upstream.transport import (
    Local,
    Pool,
    address,
    open_transport,
    read_start,
    read_whole,
)
from addons.wire.errors import UpstreamFailed
from config.settings import Clocks
from tests.fakes import exchanges
from tests.fakes.loop import leap
from tests.fakes.openai_script import Answer, End, Gate, Raw, Silence, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.transport import ScriptedReply

HEADERS = {"authorization": "Bearer sk-fake", "content-type": "application/json"}
WAIT_SECONDS = 20


def request(path: str = "/chat/completions", **fields: object) -> UpstreamRequest:
    body = exchanges.ask_body(**fields)
    stream = bool(fields.get("stream"))
    return UpstreamRequest("POST", path, HEADERS, body, stream)


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
async def pool(fake: FakeOpenAI) -> AsyncIterator[Pool]:
    made = Pool(exchanges.provider(base_url=fake.base_url + "/"))
    yield made
    await made.close()


async def ask(pool: Pool, asked: UpstreamRequest | None = None) -> tuple[int, bytes]:
    async with pool.open(asked or request()) as reply:
        return reply.status, await read_whole(reply, 10**6)


async def test_it_says_when_a_request_is_on_its_way(pool: Pool) -> None:
    said = []
    for _ in range(2):
        # The second over a connection that is kept.
        async with pool.open(request(), lambda: said.append("sent")) as reply:
            await read_whole(reply, 10**6)
    assert said == ["sent", "sent"]


async def test_it_says_nothing_of_a_request_that_found_no_connection() -> None:
    nowhere = Pool(exchanges.provider(base_url="http://127.0.0.1:1/v1"))
    said = []
    with pytest.raises(UpstreamFailed):
        async with nowhere.open(request(), lambda: said.append("sent")):
            pass
    await nowhere.close()
    assert said == []


async def test_a_request_arrives_as_it_was_made(fake: FakeOpenAI, pool: Pool) -> None:
    status, body = await ask(pool)
    (received,) = fake.requests
    assert (status, received.method, received.path) == (
        200,
        "POST",
        "/v1/chat/completions",
    )
    assert received.body == request().body
    assert received.headers["authorization"] == "Bearer sk-fake"
    assert orjson.loads(body)["choices"]


async def test_a_read_answer_gives_its_connection_back(fake, pool: Pool) -> None:
    for _ in range(3):
        await ask(pool)
    assert (len(fake.requests), fake.connections) == (3, 1)


async def test_an_unread_answer_closes_its_connection(fake, pool: Pool) -> None:
    fake.script(Answer("one two", edits=[after(2, Gate())]))
    async with pool.open(request(stream=True)) as reply:
        pieces = reply.pieces()
        assert (await anext(pieces)).startswith(b"data: ")
        await pieces.aclose()
    assert await asyncio.to_thread(fake.requests[0].disconnected.wait, WAIT_SECONDS)


async def test_pieces_come_before_the_answer_is_complete(fake, pool: Pool) -> None:
    gate = Gate()
    fake.script(Answer("one two", edits=[after(2, gate)]))
    async with pool.open(request(stream=True)) as reply:
        seen = b""
        async for piece in reply.pieces():
            seen += piece
            if b"one" in seen:
                gate.open()
    assert b"two" in seen


async def test_any_status_is_a_reply(fake: FakeOpenAI, pool: Pool) -> None:
    fake.script(Status(429, headers={"Retry-After": "7"}))
    async with pool.open(request()) as reply:
        assert (reply.status, reply.headers["retry-after"]) == (429, "7")


async def test_a_redirect_is_not_followed(fake: FakeOpenAI, pool: Pool) -> None:
    fake.script(Raw(b"", 307, headers={"Location": fake.base_url + "/elsewhere"}))
    status, _ = await ask(pool)
    assert (status, len(fake.requests)) == (307, 1)


async def test_cookies_of_a_provider_are_not_kept(fake: FakeOpenAI, pool: Pool) -> None:
    fake.script(Answer(headers={"Set-Cookie": "a=b; Path=/"}))
    await ask(pool)
    await ask(pool)
    assert "cookie" not in fake.requests[1].headers


@pytest.mark.parametrize("end", [End.FIN, End.RST])
async def test_a_connection_that_dies_is_a_failure(fake, pool: Pool, end: End) -> None:
    fake.script(Silence(end), Answer("one two", edits=[after(1, end)]))
    for asked in (request(), request(stream=True)):
        with pytest.raises(UpstreamFailed) as caught:
            await ask(pool, asked)
        assert caught.value.message == UpstreamFailed.text
        assert caught.value.detail


async def test_an_address_where_nobody_is_is_a_failure_without_its_name() -> None:
    nobody = Pool(exchanges.provider(base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(UpstreamFailed) as caught:
        await ask(nobody)
    assert "127.0.0.1" not in caught.value.message
    await nobody.close()


async def test_who_is_cancelled_closes_the_connection(fake, pool: Pool) -> None:
    fake.script(Silence())
    asking = asyncio.create_task(ask(pool))
    (received,) = await asyncio.to_thread(fake.wait_for, 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(received.disconnected.wait, WAIT_SECONDS)


async def test_the_connect_clock_is_the_providers(pool: Pool) -> None:
    own = Pool(exchanges.provider(clocks=Clocks(connect_seconds=1.5)))
    assert own.session.timeout.sock_connect == 1.5
    # The watch has the other clocks; the client must not have its own opinion.
    assert own.session.timeout.total is None
    await own.close()


def test_an_address_is_taken_as_it_is_written() -> None:
    assert str(address("http://a/b%2Fc?d=%20")) == "http://a/b%2Fc?d=%20"


# Reading.


@pytest.mark.parametrize(
    ("pieces", "limit", "read"),
    [([], 5, b""), ([b"ab", b"cde"], 5, b"abcde"), ([b"ab", b"cdef"], 5, None)],
)
async def test_a_body_is_read_whole_or_not_at_all(pieces, limit: int, read) -> None:
    reply = ScriptedReply(pieces)
    if read is None:
        with pytest.raises(UpstreamFailed, match="too large"):
            await read_whole(reply, limit)
    else:
        assert await read_whole(reply, limit) == read


async def test_each_piece_is_a_sign_of_life() -> None:
    signs: list[int] = []
    reply = ScriptedReply([b"a", b"b", b""])
    await read_whole(reply, 5, lambda: signs.append(reply.taken))
    assert signs == [1, 2, 3]


@pytest.mark.parametrize(
    ("pieces", "read", "taken"),
    [
        ([], b"", 0),
        ([b"ab"], b"ab", 1),
        ([b"ab", b"cdef", b"gh"], b"abcde", 2),
        ([b"abcde", b"f"], b"abcde", 1),
    ],
)
async def test_the_start_of_a_body_is_enough(pieces, read: bytes, taken: int) -> None:
    reply = ScriptedReply(pieces)
    assert await read_start(reply, 5) == read
    assert reply.taken == taken


# The demo.


def test_the_demo_is_played_with_its_pauses() -> None:
    def play(body):
        assert body["model"] == "gpt-4o"
        yield 1.5, b"one "
        yield 2, b"two"

    async def story() -> tuple[int, bytes, float]:
        async with Local(play).open(request()) as reply:
            whole = await read_whole(reply, 100)
            return reply.status, whole, asyncio.get_running_loop().time()

    assert leap(story()) == (200, b"one two", pytest.approx(3.5))


@pytest.mark.parametrize(("dialect", "kind"), [("openai", Pool), ("demo", Local)])
async def test_a_provider_is_called_or_played_by_its_dialect(dialect, kind) -> None:
    transport = open_transport(exchanges.provider(dialect=dialect))
    assert type(transport) is kind
    await transport.close()
