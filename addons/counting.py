"""Counting: an ask's tokens as our own tokenizer sees them.

Short texts are counted at once, long ones off the event loop.
"""

import asyncio

from addons.wire.openai import ChatAsk
from addons.wire.tokens import count_tokens, load_vocabulary, vocabulary_loaded
from config.settings import Model

# About half a millisecond of counting.
INLINE_CHARS = 8_000


async def count_text(text: str) -> int:
    """The tokens of a text. The first count of a process loads the vocabulary."""
    loop = asyncio.get_running_loop()
    if not vocabulary_loaded():
        await loop.run_in_executor(None, load_vocabulary)
    if len(text) <= INLINE_CHARS:
        return count_tokens(text)
    return await loop.run_in_executor(None, count_tokens, text)


async def count_input(ask: ChatAsk, model: Model) -> int:
    """The tokens of an ask: its text, what each message adds, and its images, which
    count as what one can cost at most."""
    return await count_text(ask.text) + beside_text(ask, model)


def count_input_here(ask: ChatAsk, model: Model) -> int:
    """The same in this thread, which is not the event loop's."""
    load_vocabulary()
    return count_tokens(ask.text) + beside_text(ask, model)


def beside_text(ask: ChatAsk, model: Model) -> int:
    return ask.overhead_tokens + ask.images * model.image_tokens
