"""Pictures: files behind addresses, or base64, and only what could be kept."""

import base64
import logging

import pytest

from addons.pictures import Pictures
from addons.wire.errors import UpstreamFailed
from addons.wire.images import ImageAnswer, Made
from storage.errors import MediaFull
from tests.fakes import exchanges
from tests.fakes.png import png

DATA = png("cat")
MADE = Made(DATA, media_type="image/png", revised_prompt="a cat")


class Shelf:
    """Keeps so many files in memory; no more."""

    def __init__(self, room: int = 10, error: Exception = MediaFull("full")) -> None:
        self.room = room
        self.error = error
        self.kept: list[tuple[bytes, str]] = []

    def keep(self, data: bytes, media_type: str) -> str:
        if len(self.kept) >= self.room:
            raise self.error
        self.kept.append((data, media_type))
        return f"{len(self.kept)}.png"

    def address(self, name: str) -> str:
        return f"/media/{name}?signature=s"


async def show(shelf: Shelf, *, hook: str = "response", public=None, **parts):
    fields = {"ask": exchanges.image_ask(n=2), "answer": ImageAnswer((MADE, MADE))}
    record = exchanges.image_held(**{**fields, **parts})
    flow = exchanges.travelling(record, headers={"host": "ai.test:8000"})
    await getattr(Pictures(shelf, public), hook)(flow)
    return record


@pytest.mark.parametrize("hook", ["response", "error"])
async def test_images_become_files_behind_addresses(hook: str) -> None:
    shelf = Shelf()
    record = await show(shelf, hook=hook)
    assert shelf.kept == [(DATA, "image/png")] * 2
    assert record.answer == ImageAnswer(
        (),
        tuple(
            {
                "url": f"http://ai.test:8000/media/{number}.png?signature=s",
                "revised_prompt": "a cat",
            }
            for number in (1, 2)
        ),
    )


async def test_images_may_be_in_the_answer_itself() -> None:
    shelf = Shelf()
    ask = exchanges.image_ask(response_format="b64_json")
    record = await show(shelf, ask=ask, answer=ImageAnswer((Made(DATA),)))
    (one,) = record.answer.shown
    assert one == {"b64_json": base64.b64encode(DATA).decode()}
    assert shelf.kept == []


async def test_a_public_address_goes_before_the_callers_host() -> None:
    record = await show(Shelf(), public="https://ai.example.com")
    assert record.answer.shown[0]["url"].startswith("https://ai.example.com/media/")


@pytest.mark.parametrize("error", [MediaFull("full"), OSError("disk")])
async def test_what_cannot_be_kept_is_left_out(error, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        record = await show(Shelf(1, error))
    assert len(record.answer.shown) == 1
    assert record.refusal is None
    assert "an image is not kept" in caplog.text


async def test_if_nothing_can_be_kept_the_answer_is_refused() -> None:
    record = await show(Shelf(0))
    assert record.refusal.code == "media_unavailable"
    assert record.answer.quantities == {"image": 0}


@pytest.mark.parametrize(
    "parts", [{"refusal": UpstreamFailed()}, {"answer": None}, {"ask": exchanges.ask()}]
)
async def test_what_are_no_images_is_left_alone(parts) -> None:
    shelf = Shelf()
    parts = {"ask": exchanges.image_ask(), **parts}
    record = exchanges.image_held(ask=exchanges.image_ask())
    record.ask = parts["ask"]
    record.answer = parts.get("answer", ImageAnswer((MADE,)))
    record.refusal = parts.get("refusal")
    before = record.answer
    await Pictures(shelf, None).response(exchanges.travelling(record))
    assert (record.answer, shelf.kept) == (before, [])


async def test_a_flow_that_nobody_admitted_has_no_pictures() -> None:
    await Pictures(Shelf(), None).response(exchanges.flow())
