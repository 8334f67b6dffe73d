"""Media: who is refused how, what is sent in which pieces, and what is put away."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.connection import Server
from mitmproxy.http import HTTPFlow

from addons import endpoints
from addons.exchange import Exchange
from addons.media import PIECE_BYTES, Media, read_at, signed
from addons.upstream.call import Call
from addons.wire.errors import InternalError
from config.gateway import MediaSettings
from storage.media import MediaStore
from storage.secrets import Secrets
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.inlet import RecordingInlet

SETTINGS = MediaSettings(keep_seconds=1000.0, url_seconds=100.0, stall_seconds=30.0)
HEAD, DATA, END = "ResponseHeaders", "ResponseData", "ResponseEndOfMessage"
CUT = "ResponseProtocolError"


class CountingStore(MediaStore):
    """Tells how often it was swept; the disk fails as often as it is told to."""

    sweeps = 0
    failures = 0

    def sweep(self) -> int:
        self.sweeps += 1
        if self.failures:
            self.failures -= 1
            raise OSError("no disk")
        return super().sweep()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> CountingStore:
    return CountingStore(tmp_path, Secrets(b"s" * 32), clock, SETTINGS, remove_max=3)


@pytest.fixture
async def media(store: CountingStore, clock: FakeClock) -> AsyncIterator[Media]:
    made = Media(store, clock)
    yield made
    made.done()


async def ask(media: Media, target: str, **request: Any) -> HTTPFlow:
    """A request as it comes out of the `request` hook."""
    endpoint = endpoints.find("GET", target)
    flow = exchanges.travelling(
        exchanges.exchange(endpoint),
        **{"method": "GET", "target": target, **request},
    )
    await media.request(flow)
    return flow


def call_of(flow: HTTPFlow) -> Call:
    return Call(flow, 1, Server(address=None), RecordingInlet())


async def asked(media: Media, size: int, **request: Any) -> Call:
    """A call for a new file of so many bytes."""
    name = media.store.keep(b"x" * size, "video/mp4")
    return call_of(await ask(media, media.store.address(name), **request))


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def code(flow: HTTPFlow) -> str | None:
    refusal = Exchange.of(flow).refusal
    return None if refusal is None else refusal.code


# Who gets it.


async def test_a_right_address_is_to_be_answered_with_its_file(media: Media) -> None:
    flow = await ask(media, media.store.address(media.store.keep(b"x", "image/png")))
    record = Exchange.of(flow)
    assert (record.refusal, flow.response) == (None, None)
    assert record.file.found.size == 1
    assert record.file.max_age_seconds == 100
    assert not record.admitted


async def test_it_may_be_kept_elsewhere_no_longer_than_its_address_lasts(
    media: Media, clock: FakeClock
) -> None:
    address = media.store.address(media.store.keep(b"x", "image/png"))
    clock.advance(99.5)
    assert Exchange.of(await ask(media, address)).file.max_age_seconds == 1
    clock.advance(0.5)
    assert code(await ask(media, address)) == "invalid_address"


async def test_only_a_right_address_learns_what_exists(
    media: Media, store: CountingStore
) -> None:
    name = store.keep(b"x", "image/png")
    there, gone = store.address(name), store.address("a" * 26 + ".png")
    assert code(await ask(media, gone)) == "not_found"
    for address in (there, gone):
        wrong = address[:-1] + ("A" if address[-1] != "A" else "B")
        assert code(await ask(media, wrong)) == "invalid_address"
        assert code(await ask(media, address.partition("?")[0])) == "invalid_address"


async def test_what_was_refused_or_answered_stays_so(media: Media) -> None:
    address = media.store.address(media.store.keep(b"x", "image/png"))
    flow = exchanges.travelling(
        exchanges.exchange(endpoints.find("GET", address)), target=address
    )
    Exchange.of(flow).refuse(InternalError())
    await media.request(flow)
    assert Exchange.of(flow).file is None


async def test_other_addresses_are_not_its_own(media: Media) -> None:
    flow = await ask(media, "/healthz")
    assert (flow.response, code(flow)) == (None, None)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "HEAD"}, 200),
        ({"method": "HEAD", "headers": {"if-none-match": "*"}}, 304),
        ({"headers": {"if-none-match": "*"}}, 304),
    ],
)
async def test_what_has_no_body_is_answered_at_once(
    media: Media, request_: dict[str, Any], status: int
) -> None:
    call = await asked(media, 7, **request_)
    assert call.flow.response.status_code == status
    assert not call.flow.response.raw_content


async def test_a_range_behind_the_end_is_refused(media: Media) -> None:
    call = await asked(media, 7, headers={"range": "bytes=7-"})
    assert code(call.flow) == "range_not_satisfiable"


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/media/a?expires=1&signature=b", ("1", "b")),
        ("/media/a?signature=b&x=y&expires=1", ("1", "b")),
        ("/media/a?expires=%31&signature=b", ("1", "b")),
        ("/media/a?expires=1", ("", "")),
        ("/media/a", ("", "")),
        ("/media/a?expires=1&signature=", ("", "")),
        ("/media/a?expires=1&expires=1&signature=b", ("", "")),
        ("/media/a?expires=1&signature=b&signature=b", ("", "")),
        ("/media/a?" + "&".join(["x=y"] * 17), ("", "")),
    ],
)
def test_a_query_has_each_once(target: str, found: tuple[str, str]) -> None:
    assert signed(target) == found


# What is sent.


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (1, 1),
        (PIECE_BYTES, 1),
        (PIECE_BYTES + 1, 2),
        (3 * PIECE_BYTES, 3),
    ],
)
async def test_a_file_is_sent_piece_by_piece(
    media: Media, size: int, pieces: int
) -> None:
    call = await asked(media, size)
    await media.upstream_exchange(call)
    assert call.inlet.names == [HEAD, *[DATA] * pieces, END]
    assert call.inlet.data == b"x" * size
    # The client had taken each piece before the next was read.
    assert call.inlet.drains == pieces + 1
    assert call.ended


async def test_a_part_is_sent_as_one(media: Media) -> None:
    call = await asked(media, 1000, headers={"range": "bytes=990-"})
    await media.upstream_exchange(call)
    assert call.inlet.status == 206
    assert call.inlet.data == b"x" * 10


async def test_a_call_for_no_file_is_left_to_others(media: Media) -> None:
    call = call_of(exchanges.travelling(exchanges.held()))
    await media.upstream_exchange(call)
    assert (call.inlet.events, call.ended, call.task) == ([], False, None)


async def test_nothing_is_read_while_the_client_takes_nothing(media: Media) -> None:
    call = await asked(media, 10 * PIECE_BYTES)
    call.inlet.slow()
    sending = asyncio.create_task(media.upstream_exchange(call))
    await call.inlet.waiting.wait()
    await media.run(os.getpid)
    assert call.inlet.data == b""
    assert Exchange.of(call.flow).call is call
    call.inlet.read()
    await sending
    assert len(call.inlet.data) == 10 * PIECE_BYTES


async def test_who_takes_nothing_for_too_long_is_cut_off(media: Media) -> None:
    media.store.settings = replace(SETTINGS, stall_seconds=0.01)
    call = await asked(media, 10)
    call.inlet.slow()
    await media.upstream_exchange(call)
    assert call.inlet.names == [HEAD, CUT]


async def test_a_client_that_left_ends_it(media: Media, tmp_path: Path) -> None:
    call = await asked(media, 10)
    call.inlet.slow()
    sending = asyncio.create_task(media.upstream_exchange(call))
    await call.inlet.waiting.wait()
    call.task.cancel("client left")
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert call.inlet.names == [HEAD]
    assert media.calls == set()


async def test_one_that_left_while_its_file_was_opened_leaves_none_open(
    media: Media,
) -> None:
    # A file that is left open warns, and a warning fails the test.
    call = await asked(media, 10)
    sending = asyncio.create_task(media.upstream_exchange(call))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert call.inlet.events == []


async def test_a_cut_breaks_off_what_is_sent_and_refuses_what_is_not(
    media: Media,
) -> None:
    call = await asked(media, 10)
    call.inlet.slow()
    sending = asyncio.create_task(media.upstream_exchange(call))
    await call.inlet.waiting.wait()
    media.cut_all()
    await sending
    assert call.inlet.names == [HEAD, CUT]
    assert code(call.flow) is None


async def test_a_cut_before_the_head_is_a_refusal(media: Media) -> None:
    call = await asked(media, 10)
    sending = asyncio.create_task(media.upstream_exchange(call))
    await until(lambda: media.calls)
    media.cut_all()
    await sending
    if call.inlet.names != [HEAD, CUT]:
        assert call.inlet.status == 503
        assert code(call.flow) == "draining"


async def test_a_file_that_went_meanwhile_is_not_found(media: Media) -> None:
    call = await asked(media, 10)
    Exchange.of(call.flow).file.found.path.unlink()
    await media.upstream_exchange(call)
    assert call.inlet.status == 404
    assert code(call.flow) == "not_found"


async def test_what_cannot_be_opened_is_our_fault(media: Media) -> None:
    call = await asked(media, 10)
    path = Exchange.of(call.flow).file.found.path
    path.unlink()
    path.symlink_to("/etc/passwd")
    await media.upstream_exchange(call)
    assert code(call.flow) == "internal_error"
    assert call.inlet.names == [HEAD, END]


async def test_a_file_that_became_shorter_breaks_off(media: Media) -> None:
    call = await asked(media, 2 * PIECE_BYTES)
    os.truncate(Exchange.of(call.flow).file.found.path, PIECE_BYTES + 1)
    await media.upstream_exchange(call)
    assert call.inlet.names == [HEAD, DATA, CUT]


async def test_a_refusal_at_the_head_keeps_the_file_back(media: Media) -> None:
    call = await asked(media, 10)

    class Refusing(RecordingInlet):
        async def server_event(self, event: Any) -> None:
            await super().server_event(event)
            Exchange.of(call.flow).refuse(InternalError())

    call.inlet = Refusing()
    await media.upstream_exchange(call)
    assert call.inlet.names == [HEAD, END]


def test_a_piece_is_never_short(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        assert read_at(file, 2, 3) == b"234"
        assert read_at(file, 9, 1) == b"9"
        with pytest.raises(OSError):
            read_at(file, 9, 2)


# What is put away.


async def test_it_looks_at_once_and_then_now_and_then(
    store: CountingStore, clock: FakeClock
) -> None:
    media = Media(store, clock, sweep_seconds=0.001)
    store.failures = 2
    media.running()
    await until(lambda: store.sweeps > 4)
    media.done()


async def test_one_look_sweeps_until_all_that_is_old_is_gone(
    media: Media, store: CountingStore, clock: FakeClock
) -> None:
    for _ in range(7):
        store.keep(b"x", "image/png")
    clock.advance(2000)
    await media.look()
    assert store.sweeps == 1 + 3
    assert store.used_bytes == 0
