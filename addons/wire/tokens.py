"""Tokens: how many a text has, when nobody else says.

Providers report usage; this is for the times they do not, for limits, and for the
demo. One vocabulary (o200k) serves all models: for English and code the others lie
within a sixth of it, for Chinese it counts up to a quarter more than Qwen's and
DeepSeek's own. What is counted here is therefore always marked as counted.

The vocabulary takes some 80 MB and half a second to load, so it is loaded once, from a
thread (`load_vocabulary`). Until then, and wherever the engine gives up, a heuristic
answers. The engine panics on some very long texts, and its panic is no Exception; cut
into slices even hostile text is harmless, and each cut adds a token or two.

NOTICE: o200k_base.tiktoken.gz beside this file is OpenAI's published rank file
o200k_base.tiktoken, compressed, otherwise unchanged; it is fetched by, and the split
pattern below belongs to, the tiktoken library (MIT licence, copyright (c) 2022 OpenAI,
Shantanu Jain). The file's SHA-256 is checked at every load.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import threading
from pathlib import Path

import tiktoken

VOCABULARY_FILE = Path(__file__).with_name("o200k_base.tiktoken.gz")
VOCABULARY_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

SLICE_CHARS = 32_768
# A meter lives as long as its stream and there may be thousands, so it counts early:
# slices this small cost a thousandth in precision and well under a millisecond each.
METER_SLICE_CHARS = 4_096

_LETTER = r"\p{Lm}\p{Lo}\p{M}"
_SPLIT = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{_LETTER}]*[\p{{Ll}}{_LETTER}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{_LETTER}]+[\p{{Ll}}{_LETTER}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


class VocabularyBroken(Exception):
    """The vocabulary file is not the one this code was written for."""


class _Engine:
    """The loaded vocabulary; there is one a process, and it may be missing."""

    def __init__(self) -> None:
        self.encoding: tiktoken.Encoding | None = None
        self.loading = threading.Lock()
        self.refusals = 0


_engine = _Engine()


def load_vocabulary() -> None:
    """Load the vocabulary if it is not loaded. It blocks: call it from a thread."""
    with _engine.loading:
        if _engine.encoding is None:
            _engine.encoding = read_vocabulary(VOCABULARY_FILE)


def vocabulary_loaded() -> bool:
    return _engine.encoding is not None


def refusals() -> int:
    """How often the engine gave up and the heuristic answered in its place."""
    return _engine.refusals


def read_vocabulary(file: Path) -> tiktoken.Encoding:
    """The vocabulary in a file; VocabularyBroken if it is not the expected one."""
    try:
        ranks = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise VocabularyBroken(f"{file.name} cannot be read: {error}") from error
    if hashlib.sha256(ranks).hexdigest() != VOCABULARY_SHA256:
        raise VocabularyBroken(f"{file.name} is not the expected vocabulary")
    tokens = (line.split() for line in ranks.splitlines())
    return tiktoken.Encoding(
        "o200k_base",
        pat_str=_SPLIT,
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in tokens},
        special_tokens={},
    )


def count_tokens(text: str) -> int:
    """The text's tokens: counted if the vocabulary is loaded, estimated if not."""
    encoding = _engine.encoding
    if encoding is None:
        return estimate_tokens(text)
    if len(text) <= SLICE_CHARS:
        return _count_slice(encoding, text)
    starts = range(0, len(text), SLICE_CHARS)
    return sum(
        _count_slice(encoding, text[start : start + SLICE_CHARS]) for start in starts
    )


def estimate_tokens(text: str) -> int:
    """A guess from the letters alone: 4.4 ASCII characters or 1.4 others a token."""
    ascii_chars = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    tenths = -(-ascii_chars * 100 // 44) + (len(text) - ascii_chars) * 7
    return -(-tenths // 10)


class TextMeter:
    """Counts the tokens of a text that arrives in pieces, in bounded memory.

    Pieces are joined into slices before they are counted: counting each by itself
    would find more tokens than the whole has.
    """

    __slots__ = ("characters", "_slice", "_slice_chars", "_tokens")

    def __init__(self) -> None:
        self.characters = 0
        self._slice = io.StringIO()
        self._slice_chars = 0
        self._tokens = 0

    def feed(self, text: str) -> None:
        length = len(text)
        self.characters += length
        self._slice_chars += length
        self._slice.write(text)
        if self._slice_chars >= METER_SLICE_CHARS:
            self._tokens += count_tokens(self._slice.getvalue())
            self._slice = io.StringIO()
            self._slice_chars = 0

    def tokens(self) -> int:
        """Tokens so far; feeding may go on."""
        return self._tokens + count_tokens(self._slice.getvalue())


def _count_slice(encoding: tiktoken.Encoding, text: str) -> int:
    try:
        # Ordinary: what looks like a control token in a caller's text is text.
        return len(encoding.encode_ordinary(text))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # the engine's panic is not an Exception
        _engine.refusals += 1
        return estimate_tokens(text)
