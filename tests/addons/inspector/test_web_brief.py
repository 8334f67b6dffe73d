"""What an inspector is told comes over as it was said."""

import io

import pytest

from addons.inspector.web_brief import NOT_BY_HAND, WebBrief
from config.settings import LogSettings

LOG = LogSettings("text", "debug", "off")
BRIEF = WebBrief("/data", 5, "$argon2id$…", 100, 1000, LOG)


def test_a_brief_is_one_line() -> None:
    raw = BRIEF.dump()
    assert raw.count(b"\n") == 1
    assert WebBrief.load(io.BytesIO(raw + b"more")) == BRIEF


@pytest.mark.parametrize("raw", [b"", b"hello\n", b"[]\n", b'{"data":"x"}\n'])
def test_what_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=NOT_BY_HAND):
        WebBrief.load(io.BytesIO(raw))
