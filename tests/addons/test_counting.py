"""Counting: the same figures for short texts and long ones, images included."""

import pytest

from addons.counting import INLINE_CHARS, count_input, count_input_here, count_text
from addons.wire.tokens import count_tokens, load_vocabulary
from tests.fakes import exchanges

PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize("length", [0, 1, INLINE_CHARS, INLINE_CHARS + 1])
async def test_a_text_has_its_tokens_however_long_it_is(length: int) -> None:
    load_vocabulary()
    text = ("hello 价 " * length)[:length]
    assert await count_text(text) == count_tokens(text)


async def test_an_ask_is_its_text_and_what_wraps_it() -> None:
    ask = exchanges.ask()
    expected = await count_text("Hello there") + ask.overhead_tokens
    assert await count_input(ask, exchanges.MODEL) == expected


async def test_an_image_counts_as_what_it_can_cost_at_most() -> None:
    parts = [{"type": "text", "text": "Hello there"}, PIXEL, PIXEL]
    ask = exchanges.ask(messages=[{"role": "user", "content": parts}])
    bare = await count_input(exchanges.ask(), exchanges.MODEL)
    counted = await count_input(ask, exchanges.MODEL)
    assert 2_000 + bare <= counted <= 2_000 + bare + 2


@pytest.mark.parametrize("text", ["Hello there", "余额 " * INLINE_CHARS])
async def test_a_thread_counts_the_same_as_the_loop(text: str) -> None:
    parts = [{"type": "text", "text": text}, PIXEL]
    ask = exchanges.ask(messages=[{"role": "user", "content": parts}])
    here = count_input_here(ask, exchanges.MODEL)
    assert here == await count_input(ask, exchanges.MODEL)
