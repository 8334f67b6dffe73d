"""Receipts, pictures and videos are read without being decoded."""

import orjson
import pytest

from addons.inspector.web.answer_text import media_text, receipt_text


def test_a_receipt_is_its_facts() -> None:
    raw = {"object": "receipt", "charge": {"nano": 5}, "trail": [1], "state": "open"}
    text = receipt_text(orjson.dumps(raw))
    assert "charge.nano: 5" in text and "trail: [1]" in text and "state: open" in text


def test_pictures_are_where_they_are_or_how_large() -> None:
    data = [{"url": "https://x/y.png"}, {"b64_json": "A" * 4000}]
    raw = {"created": 1, "data": data, "usage": {"images": 2}}
    text = media_text(orjson.dumps(raw))
    assert "1: https://x/y.png" in text
    assert "2: 3000 bytes in the answer" in text and "AAAA" not in text
    assert "usage.images: 2" in text


def test_a_job_is_how_far_it_is() -> None:
    raw = {"id": "video_1", "object": "video", "status": "queued", "progress": 0}
    text = media_text(orjson.dumps(raw))
    assert "status: queued" in text and "progress: 0" in text


def test_a_long_text_is_cut() -> None:
    text = media_text(orjson.dumps({"prompt": "x" * 5000}))
    assert len(text) < 400 and "(5000 characters)" in text


@pytest.mark.parametrize("read", [receipt_text, media_text])
@pytest.mark.parametrize("raw", [b"", b"[1]", b"nothing"])
def test_what_is_neither_is_left_to_others(read, raw: bytes) -> None:
    with pytest.raises(ValueError):
        read(raw)
