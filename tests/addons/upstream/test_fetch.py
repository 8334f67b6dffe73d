"""Fetch: only what the configuration says, only so much, and only images."""

from collections.abc import AsyncIterator, Iterator

import pytest

from addons.upstream.fetch import Fetch, allowed_address
from addons.wire.errors import UpstreamFailed, UpstreamMisled
from addons.wire.images import Made
from config.settings import Clocks, Provider
from tests.fakes import exchanges
from tests.fakes.dashscope_server import FakeDashScope, Image
from tests.fakes.png import png

PROVIDER = exchanges.provider(
    base_url="http://127.0.0.1:9/api/v1", media_hosts=("aliyuncs.com", "b.example")
)


@pytest.mark.parametrize(
    ("text", "fetched"),
    [
        ("https://x.oss-cn.aliyuncs.com/a.png?Expires=1&Sig=a%2Bb", True),
        ("https://aliyuncs.com/a.png", True),
        ("https://aliyuncs.com:443/a.png", True),
        ("https://X.ALIYUNCS.com/a.png", True),
        ("http://127.0.0.1:9/files/a.png", True),
        ("https://b.example/a", True),
        ("https://a.b.example/a", True),
        ("https://aliyuncs.com:8443/a.png", False),
        ("https://evil-aliyuncs.com/a.png", False),
        ("https://aliyuncs.com.evil.example/a.png", False),
        ("https://aliyuncs.com@evil.example/a.png", False),
        ("https://evil.example#.aliyuncs.com", False),
        ("https://evil.example\\.aliyuncs.com/", False),
        ("https://evil.example/?x=.aliyuncs.com", False),
        ("https://127.0.0.1:9/a.png", False),
        ("http://127.0.0.1/a.png", False),
        ("http://127.0.0.1:99/a.png", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://[::1]:9/a", False),
        ("file:///etc/passwd", False),
        ("ftp://aliyuncs.com/a", False),
        ("//aliyuncs.com/a", False),
        ("data:image/png;base64,AAAA", False),
        ("https://aliyuncs.com:x/a", False),
        ("https://[/a", False),
        ("https://aliyuncs.com/\r\nX: y", False),
        ("https://аliyuncs.com/cyrillic", False),
        ("", False),
    ],
)
def test_only_the_configured_places_may_be_fetched(text: str, fetched: bool) -> None:
    assert (allowed_address(text, PROVIDER) is not None) is fetched


def test_a_file_host_is_asked_by_https_even_where_http_is_written() -> None:
    written = "http://x.aliyuncs.com/a.png?b=%20c"
    assert allowed_address(written, PROVIDER) == "https://x.aliyuncs.com/a.png?b=%20c"


@pytest.fixture
def fake() -> Iterator[FakeDashScope]:
    with FakeDashScope() as fake:
        yield fake


@pytest.fixture
def provider(fake: FakeDashScope) -> Provider:
    return exchanges.provider(base_url=fake.base_url, clocks=Clocks())


@pytest.fixture
async def fetch(provider: Provider) -> AsyncIterator[Fetch]:
    made = Fetch(provider)
    yield made
    await made.close()


async def test_an_image_is_fetched_without_our_key(fake, fetch: Fetch) -> None:
    fake.files["a.png"] = Image()
    wanted = Made(url=f"{fake.address}/files/a.png", revised_prompt="p")
    made = await fetch.fetched(wanted, 1000)
    assert (made.data, made.url) == (png("a.png"), None)
    assert (made.media_type, made.revised_prompt) == ("image/png", "p")
    assert not fake.betrayed


async def test_what_has_its_bytes_is_not_fetched(fake, fetch: Fetch) -> None:
    made = Made(png("x"), media_type="image/png")
    assert await fetch.fetched(made, 1000) is made
    assert fake.fetched == []


@pytest.mark.parametrize(
    "image",
    [
        Image(data=b"<html>"),
        Image(data=png("x") + bytes(1000)),
        Image(file_status=404),
        Image(file_status=500),
        Image(location="/files/b.png"),
    ],
)
async def test_anything_else_is_a_failure(fake, fetch: Fetch, image: Image) -> None:
    fake.files |= {"a.png": image, "b.png": Image()}
    with pytest.raises(UpstreamFailed):
        await fetch.fetched(Made(url=f"{fake.address}/files/a.png"), 1000)
    assert fake.fetched == ["a.png"]


async def test_a_limit_is_met_exactly(fake, fetch: Fetch) -> None:
    data = png("x").ljust(1000, b"\0")
    fake.files["a.png"] = Image(data=data)
    made = await fetch.fetched(Made(url=f"{fake.address}/files/a.png"), 1000)
    assert made.data == data


async def test_a_place_that_is_not_there_is_a_failure_without_its_name() -> None:
    nobody = Fetch(exchanges.provider(base_url="http://127.0.0.1:9"))
    with pytest.raises(UpstreamFailed) as caught:
        await nobody.fetched(Made(url="http://127.0.0.1:9/a.png"), 1000)
    assert "127.0.0.1" not in caught.value.message
    await nobody.close()


async def test_who_never_fetched_has_nothing_to_close() -> None:
    await Fetch(PROVIDER).close()


async def test_a_file_of_any_size_comes_piece_by_piece(fake, fetch: Fetch) -> None:
    data = bytes(1_000_000)
    fake.files["a.mp4"] = Image(data=data)
    async with fetch.pieces(f"{fake.address}/files/a.mp4") as pieces:
        came = [piece async for piece in pieces]
    assert len(came) > 1
    assert b"".join(came) == data


async def test_pieces_come_only_from_where_files_may_be(fetch: Fetch) -> None:
    with pytest.raises(UpstreamMisled):
        async with fetch.pieces("http://169.254.169.254/a.mp4"):
            pass


async def test_pieces_that_cannot_be_had_are_a_failure(fake, fetch: Fetch) -> None:
    with pytest.raises(UpstreamFailed):
        async with fetch.pieces(f"{fake.address}/files/none.mp4"):
            pass
