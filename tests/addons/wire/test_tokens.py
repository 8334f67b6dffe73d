"""Tokens: counted with the vocabulary, guessed without, and never a crash."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from addons.wire import tokens
from addons.wire.tokens import (
    METER_SLICE_CHARS,
    SLICE_CHARS,
    VOCABULARY_FILE,
    TextMeter,
    VocabularyBroken,
    count_tokens,
    estimate_tokens,
    load_vocabulary,
    read_vocabulary,
    refusals,
    vocabulary_loaded,
)


@pytest.fixture(scope="module", autouse=True)
def vocabulary() -> None:
    load_vocabulary()


def test_loading_again_changes_nothing() -> None:
    before = tokens._engine.encoding
    load_vocabulary()
    assert vocabulary_loaded()
    assert tokens._engine.encoding is before


# Counts that the vocabulary's own publisher gives for these texts.
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello world", 2),
        ("Hello, world!", 4),
        ("你好", 1),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        ("🙂" * 3, 3),
    ],
)
def test_known_texts_have_their_known_counts(text: str, count: int) -> None:
    assert count_tokens(text) == count


def test_what_looks_like_a_control_token_is_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


@pytest.mark.parametrize(
    "text",
    [
        " " * 1_000_000,
        "a" * 1_000_000,
        "\n" * 300_000,
        "\ud800" * 10,
        "\x00" * 100_000,
        "\U0010ffff" * 10_000,
    ],
    ids=["spaces", "letters", "lines", "surrogates", "zeros", "unassigned"],
)
def test_hostile_texts_are_counted(text: str) -> None:
    assert 0 < count_tokens(text) <= 4 * len(text)


class Panic(BaseException):
    """What a native library raises when it gives up."""


class Broken:
    """A vocabulary whose engine ends in an exception of the given kind."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def encode_ordinary(self, text: str) -> list[int]:
        raise self.kind()


def test_a_panic_falls_back_to_the_estimate_and_is_counted() -> None:
    before = refusals()
    assert tokens._count_slice(Broken(Panic), "hello") == estimate_tokens("hello")
    assert refusals() == before + 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_not_swallowed(kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        tokens._count_slice(Broken(kind), "hello")


def test_slices_change_the_count_by_next_to_nothing() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 2_000
    whole = len(read_engine().encode_ordinary(text))
    assert len(text) > 2 * SLICE_CHARS
    assert abs(count_tokens(text) - whole) <= 2 * (len(text) // SLICE_CHARS)


def read_engine() -> "tokens.tiktoken.Encoding":
    engine = tokens._engine.encoding
    assert engine is not None
    return engine


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("", 0),
        ("a", 1),
        ("你", 1),
        ("你好", 2),
        ("a" * 440, 100),
        ("一" * 100, 70),
        ("a" * 440 + "一" * 100, 170),
    ],
)
def test_the_estimate_knows_letters_only(text: str, guess: int) -> None:
    assert estimate_tokens(text) == guess


@pytest.mark.parametrize("length", [1, 3, METER_SLICE_CHARS, METER_SLICE_CHARS + 1])
def test_a_meter_counts_the_whole_however_it_is_cut(length: int) -> None:
    text = "Streams come in pieces, 流是一段一段来的。" * 500
    meter = TextMeter()
    for start in range(0, len(text), length):
        meter.feed(text[start : start + length])
    assert meter.characters == len(text)
    off = abs(meter.tokens() - count_tokens(text))
    assert off <= 2 * (len(text) // METER_SLICE_CHARS)
    assert meter.tokens() == meter.tokens()


def test_a_meter_keeps_no_more_than_a_slice() -> None:
    meter = TextMeter()
    for _ in range(1_000):
        meter.feed("word " * 100)
        assert len(meter._slice.getvalue()) < METER_SLICE_CHARS


def cut_off(raw: bytes) -> bytes:
    return raw[:1_000]


def changed(raw: bytes) -> bytes:
    return gzip.compress(gzip.decompress(raw) + b"\n", compresslevel=1)


@pytest.mark.parametrize("damage", [cut_off, changed, lambda raw: b"no gzip at all"])
def test_a_file_that_is_not_the_vocabulary_is_not_used(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "vocabulary.gz"
    file.write_bytes(damage(VOCABULARY_FILE.read_bytes()))
    with pytest.raises(VocabularyBroken, match=r"vocabulary\.gz"):
        read_vocabulary(file)
    with pytest.raises(VocabularyBroken):
        read_vocabulary(tmp_path / "missing.gz")
