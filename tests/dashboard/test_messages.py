"""Messages: two languages, one choice, no word missing anywhere."""

import re
import string
from pathlib import Path

import pytest

import dashboard
from dashboard.messages import GLOSSARY, choose_language, say

SOURCES = sorted(Path(dashboard.__file__).parent.glob("*.py"))
CHINESE_LETTER = re.compile("[\u4e00-\u9fff]")


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("word", GLOSSARY)
def test_both_languages_say_the_same(word: str) -> None:
    text = GLOSSARY[word]
    assert CHINESE_LETTER.search(text.zh)
    assert not CHINESE_LETTER.search(text.en)
    assert holes(text.zh) == holes(text.en)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_only_the_glossary_spells_chinese(source: Path) -> None:
    if source.name != "messages.py":
        assert not CHINESE_LETTER.search(source.read_text("utf-8"))


@pytest.mark.parametrize("word", GLOSSARY)
def test_every_word_is_used(word: str) -> None:
    assert any(
        f'"{word}"' in source.read_text("utf-8")
        for source in SOURCES
        if source.name != "messages.py"
    )


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("*", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW", "zh"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("en-GB;q=0.5, zh;q=0.4", "en"),
        ("en;q=0.1, zh;q=0.2", "zh"),
        ("de-DE,de;q=0.9,en;q=0.5", "en"),
        ("fr", "zh"),
        (";;;q=x,,\x01", "zh"),
        ("en;q=" + "9" * 5000, "zh"),
    ],
)
def test_the_language_is_the_best_of_the_two(wish: str | None, language: str) -> None:
    assert choose_language(wish) == language


def test_values_fill_the_holes() -> None:
    assert say("short_password", "zh", {"minimum": 6}) == "密码至少6位"
    assert "at least 6" in say("short_password", "en", {"minimum": 6})
