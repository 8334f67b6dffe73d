"""Kept files over real sockets: ranges, conditions, slow readers, leavers, a drain."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from addons.gateway.handler import Handler
from addons.media import PIECE_BYTES, Media
from config import Settings
from storage.media import MediaStore
from tests.addons.wire.model_ranges import asked_bytes
from tests.fakes.clock import FakeClock
from tests.scenarios.conftest import Start
from tests.scenarios.dial import Dial, Reply, chat, request
from tests.scenarios.harness import Gateway, environ_of

MIB = 1024 * 1024
LARGE_BYTES = 100 * MIB
HELD_BYTES_MAX = MIB
# More than all that a socket's buffers take by themselves.
MEDIUM_BYTES = 16 * MIB
CONTENT = Random(7).randbytes(1000)
HIGH_WATER = 64 * 1024


@dataclass(slots=True)
class Kept:
    """The store of a running gateway, and one file in it."""

    addon: Media | None = None
    address: str = ""

    def wrap(self, chain: tuple[object, ...]) -> None:
        (self.addon,) = (addon for addon in chain if isinstance(addon, Media))

    @property
    def store(self) -> MediaStore:
        assert self.addon is not None
        return self.addon.store

    def keep(self, content: bytes, media_type: str = "video/mp4") -> str:
        return self.store.address(self.store.keep(content, media_type))


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def shared(provider, kept: Kept, tmp_path_factory) -> Iterator[Gateway]:
    data = tmp_path_factory.mktemp("data")
    with Gateway(data, environ_of(provider), wrap=kept.wrap) as gateway:
        kept.address = kept.keep(CONTENT, "image/png")
        yield gateway


def get(target: str, method: str = "GET", **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(method, target, headers=named)


def fetch(gateway: Gateway, target: str, method: str = "GET", **headers: str) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(get(target, method, **headers), method=method)


def with_media(**changes: float) -> Callable[[Settings], Settings]:
    return lambda settings: replace(
        settings, media=replace(settings.media, **changes)
    )


def open_files(directory: Path) -> list[Path]:
    """The files below a directory that this process has open."""
    found = []
    for handle in Path("/proc/self/fd").iterdir():
        try:
            target = handle.readlink()
        except FileNotFoundError:
            continue
        if target.is_relative_to(directory):
            found.append(handle)
    return found


def turns(gateway: Gateway, count: int) -> None:
    """Lets the gateway's loop and the threads of its media do what they can."""
    (media,) = (one for one in gateway.master.senders if isinstance(one, Media))

    async def wait() -> None:
        for _ in range(count):
            await media.run(os.getpid)

    asyncio.run_coroutine_threadsafe(wait(), gateway.loop).result()


def handlers(gateway: Gateway) -> list[Handler]:
    return list(gateway.master.instance.handlers)


def unsent_bytes(gateway: Gateway) -> int:
    """What the gateway holds of answers that the kernel has not taken."""
    return sum(
        io.writer.transport.get_write_buffer_size()
        for handler in handlers(gateway)
        for io in handler.transports.values()
        if io.writer is not None
    )


def stalled(gateway: Gateway) -> Callable[[], bool]:
    return lambda: unsent_bytes(gateway) > HIGH_WATER


# What a file is answered with.


def test_a_file_is_answered_whole_and_as_what_it_is(
    gateway: Gateway, kept: Kept
) -> None:
    reply = fetch(gateway, kept.address)
    assert (reply.status, reply.body) == (200, CONTENT)
    headers = dict(reply.headers)
    assert headers.pop("x-request-id").startswith("req_")
    assert headers.pop("etag").startswith('"')
    seconds = int(headers.pop("cache-control").removeprefix("private, max-age="))
    assert 3590 <= seconds <= 3600
    assert headers == {
        "content-type": "image/png",
        "content-length": "1000",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
    }


def test_a_head_is_that_of_the_file(gateway: Gateway, kept: Kept) -> None:
    with Dial(gateway.port) as dial:
        whole = dial.ask(get(kept.address))
        head = dial.ask(get(kept.address, "HEAD", Range="bytes=0-1"), method="HEAD")
        again = dial.ask(get(kept.address))
    same = whole.headers.keys() - {"x-request-id", "cache-control"}
    assert head.status == 200
    assert {name: head.headers[name] for name in same} == {
        name: whole.headers[name] for name in same
    }
    assert again.body == CONTENT


RANGES = [
    *("bytes=0-0", "bytes=0-999", "bytes=0-", "bytes=999-999", "bytes=999-2000"),
    *("bytes=1000-", "bytes=2000-3000", "bytes=-1", "bytes=-1000", "bytes=-2000"),
    *("bytes=-0", "bytes=5-4", "bytes=0-1,5-6", "bytes=-", "bytes=x-y", "bytes=500-"),
]


@pytest.mark.parametrize("header", RANGES)
def test_a_range_is_answered_as_the_model_says(
    gateway: Gateway, kept: Kept, header: str
) -> None:
    expected = asked_bytes(header, CONTENT)
    with Dial(gateway.port) as dial:
        reply = dial.ask(get(kept.address, Range=header))
        # Whatever it was, the connection goes on.
        assert dial.ask(get(kept.address)).body == CONTENT
    if expected is None:
        assert reply.status == 416
        assert reply.headers["content-range"] == "bytes */1000"
        assert reply.error["code"] == "range_not_satisfiable"
        return
    assert reply.body == expected
    assert reply.status == (200 if expected == CONTENT and header in WHOLE else 206)
    if reply.status == 206:
        place, _, size = reply.headers["content-range"].partition("/")
        first, _, last = place.removeprefix("bytes ").partition("-")
        assert CONTENT[int(first) : int(last) + 1] == expected
        assert size == "1000"


WHOLE = {"bytes=5-4", "bytes=0-1,5-6", "bytes=-", "bytes=x-y"}


def test_who_has_the_file_is_told_so(gateway: Gateway, kept: Kept) -> None:
    with Dial(gateway.port) as dial:
        tag = dial.ask(get(kept.address)).headers["etag"]
        for method in ("GET", "HEAD"):
            asked = get(kept.address, method, If_None_Match=tag)
            reply = dial.ask(asked, method=method)
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers["etag"] == tag
            assert "content-length" not in reply.headers
        part = {"Range": "bytes=0-9"}
        assert dial.ask(get(kept.address, If_Range=tag, **part)).status == 206
        assert dial.ask(get(kept.address, If_Range='"x"', **part)).status == 200


def test_an_older_client_gets_the_file_and_the_end(
    gateway: Gateway, kept: Kept
) -> None:
    asked = get(kept.address).replace(b"HTTP/1.1", b"HTTP/1.0")
    with Dial(gateway.port) as dial:
        dial.send(asked)
        answer = dial.rest()
    assert answer.endswith(b"\r\n\r\n" + CONTENT)


def test_requests_sent_at_once_are_answered_in_their_order(
    gateway: Gateway, kept: Kept
) -> None:
    other = kept.keep(b"other", "video/webm")
    with Dial(gateway.port) as dial:
        dial.send(get(kept.address) + get(other) + get(kept.address, "HEAD"))
        assert dial.reply().body == CONTENT
        assert dial.reply().body == b"other"
        assert dial.reply("HEAD").headers["content-length"] == "1000"


def test_a_page_anywhere_may_ask(gateway: Gateway, kept: Kept) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Headers": "range"}
    reply = fetch(gateway, kept.address, "OPTIONS", **asked)
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "*" in reply.headers["access-control-allow-headers"]


# Who gets it.


def changed(address: str) -> Iterator[str]:
    """The address with each character of its query's values changed in turn."""
    start = address.index("?")
    for place in range(start + 1, len(address)):
        if address[place] not in "&=":
            other = "A" if address[place] != "A" else "B"
            yield address[:place] + other + address[place + 1 :]


def refused(reply: Reply) -> None:
    assert reply.status == 403
    assert reply.error["code"] == "invalid_address"
    assert reply.headers["access-control-allow-origin"] == "*"


def test_an_address_with_one_character_changed_is_refused(
    gateway: Gateway, kept: Kept
) -> None:
    with Dial(gateway.port) as dial:
        for address in changed(kept.address):
            refused(dial.ask(get(address)))


@pytest.mark.parametrize(
    "target",
    [
        "/media/",
        "/media/x",
        "/media/../secret",
        "/media/..%2f..%2fsecret",
        "/media/%2e%2e/%2e%2e/etc/passwd",
        "/media//etc/passwd",
        "/media/a%00.png",
        f"/media/{'a' * 26}.png",
        f"/media/{'a' * 26}.png?expires=9999999999&signature={'A' * 43}",
        f"/media/{'a' * 26}.png?expires=-1&signature=x",
        f"/media/{'a' * 26}.png?" + "&".join(f"a{n}=1" for n in range(100)),
    ],
)
def test_what_was_not_signed_is_refused_alike(gateway: Gateway, target: str) -> None:
    refused(fetch(gateway, target))


def test_a_twice_given_signature_is_refused(gateway: Gateway, kept: Kept) -> None:
    refused(fetch(gateway, f"{kept.address}&signature=x"))
    refused(fetch(gateway, f"{kept.address}&expires=1"))


def test_an_address_ends_and_then_its_file(start: Start) -> None:
    clock, kept = FakeClock(), Kept()
    gateway = start(clock=clock, wrap=kept.wrap)
    address = kept.keep(b"content")
    clock.advance(3599)
    reply = fetch(gateway, address)
    assert reply.headers["cache-control"] == "private, max-age=1"
    clock.advance(1)
    refused(fetch(gateway, address))
    again = kept.store.address(address[len("/media/") :].partition("?")[0])
    clock.advance(86_400 - 3600)
    again = kept.store.address(again[len("/media/") :].partition("?")[0])
    assert fetch(gateway, again).body == b"content"
    clock.advance(1)
    assert kept.store.sweep() == 1
    reply = fetch(gateway, again)
    assert (reply.status, reply.error["code"]) == (404, "not_found")


def test_a_second_gateway_serves_what_the_first_kept(
    start: Start, tmp_path: Path
) -> None:
    first = Kept()
    shared = tmp_path / "mount"
    gateway = start(wrap=first.wrap, change=with_media(directory=shared))
    other = MediaStore(
        shared, gateway.storage.secrets, gateway.storage.clock, gateway.settings.media
    )
    address = other.address(other.keep(b"content", "image/gif"))
    assert fetch(gateway, address).body == b"content"
    assert not (tmp_path / "media").exists()


# However large, however slow.


def test_a_slow_reader_of_a_large_file_holds_little(
    gateway: Gateway, kept: Kept
) -> None:
    content = Random(8).randbytes(MIB) * (LARGE_BYTES // MIB)
    address = kept.keep(content)
    digest = hashlib.sha256(content).digest()
    del content
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address))
        assert dial.head()[1]["content-length"] == str(LARGE_BYTES)
        gateway.until(stalled(gateway))
        (handle,) = open_files(kept.store.directory)
        read = read_so_far(handle)
        turns(gateway, 100)
        assert read_so_far(handle) == read, "it reads on though nobody takes it"
        assert unsent_bytes(gateway) + PIECE_BYTES < HELD_BYTES_MAX
        hashed, left = hashlib.sha256(), LARGE_BYTES
        while left:
            piece = dial.exactly(min(left, MIB))
            left -= len(piece)
            hashed.update(piece)
            assert unsent_bytes(gateway) + PIECE_BYTES < HELD_BYTES_MAX
    assert hashed.digest() == digest
    gateway.settled()
    closed(gateway, kept)


def read_so_far(handle: Path) -> int:
    """Where in its file a handle of this process is."""
    place = Path("/proc/self/fdinfo", handle.name).read_text()
    return int(place.partition("pos:")[2].split()[0])


def closed(gateway: Gateway, kept: Kept) -> None:
    gateway.until(lambda: open_files(kept.store.directory) == [])


@pytest.mark.parametrize("rudely", [False, True], ids=["fin", "reset"])
def test_a_client_that_leaves_leaves_no_file_open(
    gateway: Gateway, kept: Kept, rudely: bool
) -> None:
    address = kept.keep(bytes(MEDIUM_BYTES))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address))
        dial.head()
        gateway.until(stalled(gateway))
        assert len(open_files(kept.store.directory)) == 1
        if rudely:
            dial.reset()
    gateway.settled()
    closed(gateway, kept)


def test_who_takes_nothing_for_too_long_is_cut_off(start: Start) -> None:
    kept = Kept()
    gateway = start(wrap=kept.wrap, change=with_media(stall_seconds=0.2))
    address = kept.keep(bytes(MEDIUM_BYTES))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address))
        dial.head()
        gateway.settled()
        closed(gateway, kept)
        assert len(rest(dial)) < MEDIUM_BYTES


def rest(dial: Dial) -> bytes:
    """What still comes until the connection ends, well or not."""
    try:
        return dial.rest()
    except ConnectionResetError:
        return dial.buffer


def test_a_file_that_became_shorter_never_looks_whole(
    gateway: Gateway, kept: Kept
) -> None:
    address = kept.keep(bytes(MEDIUM_BYTES))
    name = address.removeprefix("/media/").partition("?")[0]
    path = kept.store.locate(name).path
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address) + get(kept.address))
        dial.head()
        gateway.until(stalled(gateway))
        os.truncate(path, MEDIUM_BYTES - MIB)
        assert len(rest(dial)) < MEDIUM_BYTES
    gateway.settled()
    closed(gateway, kept)


def test_other_requests_are_served_beside_a_slow_reader(
    gateway: Gateway, kept: Kept
) -> None:
    address = kept.keep(bytes(MEDIUM_BYTES))
    caller = gateway.caller()
    slow = [Dial(gateway.port, receive_bytes=64 * 1024) for _ in range(8)]
    for dial in slow:
        dial.send(get(address))
        dial.head()
    try:
        assert fetch(gateway, kept.address).body == CONTENT
        with Dial(gateway.port) as dial:
            assert dial.ask(chat(caller.key)).status == 200
    finally:
        for dial in slow:
            dial.reset()
    gateway.settled()
    closed(gateway, kept)


def with_drain(grace: float) -> Callable[[Settings], Settings]:
    return lambda settings: replace(
        settings, listen=replace(settings.listen, grace_seconds=grace)
    )


def test_a_drain_lets_a_file_be_finished(start: Start) -> None:
    kept = Kept()
    gateway = start(wrap=kept.wrap, change=with_drain(30))
    address = kept.keep(bytes(MEDIUM_BYTES))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address))
        dial.head()
        gateway.loop.call_soon_threadsafe(gateway.master.stop)
        assert dial.exactly(MEDIUM_BYTES) == bytes(MEDIUM_BYTES)
    gateway.thread.join()


def test_after_the_grace_time_a_file_is_cut_off(start: Start) -> None:
    kept = Kept()
    gateway = start(wrap=kept.wrap, change=with_drain(0.05))
    address = kept.keep(bytes(MEDIUM_BYTES))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address))
        dial.head()
        gateway.until(stalled(gateway))
        gateway.loop.call_soon_threadsafe(gateway.master.stop)
        gateway.until(lambda: kept.addon.cutting)
        assert len(rest(dial)) < MEDIUM_BYTES
    gateway.thread.join()
    assert open_files(kept.store.directory) == []


def test_files_count_among_the_requests_in_flight(start: Start) -> None:
    kept = Kept()
    gateway = start(
        wrap=kept.wrap,
        change=lambda settings: replace(
            settings, listen=replace(settings.listen, inflight_max=1)
        ),
    )
    address = kept.keep(bytes(MEDIUM_BYTES))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        dial.send(get(address))
        dial.head()
        assert fetch(gateway, address).status == 503
    gateway.settled()
