"""Answer text: receipts, pictures and videos, as somebody would read them.

Nothing is decoded: of a picture that is in the answer itself its size is said.
"""

from typing import Any

import orjson

from addons.inspector.web.chat_text import listed, mapped, text_of

LINE_CHARS_MAX = 300


def receipt_text(raw: bytes) -> str:
    """Every fact of a receipt on a line of its own; ValueError if it is none."""
    said = orjson.loads(raw)
    if not isinstance(said, dict) or said.get("object") != "receipt":
        raise ValueError("no receipt")
    return "\n".join(fact_lines(said, ""))


def media_text(raw: bytes) -> str:
    """What was made, or how far it is; ValueError for what is neither."""
    said = orjson.loads(raw)
    if not isinstance(said, dict):
        raise ValueError("no answer")
    lines = []
    for number, item in enumerate(listed(said.get("data")), start=1):
        lines.append(f"{number}: {made_text(item)}")
    rest = {name: value for name, value in said.items() if name != "data"}
    return "\n".join([*lines, *fact_lines(rest, "")])


def made_text(item: dict[str, Any]) -> str:
    """Where a picture or a video is, or how large it is here."""
    inside = item.get("b64_json")
    words = [text_of(item.get("url")), text_of(item.get("revised_prompt"))]
    if isinstance(inside, str):
        words.append(f"{len(inside) * 3 // 4} bytes in the answer")
    for name in ("id", "status", "model"):
        words.append(text_of(item.get(name)))
    return " · ".join(cut(word) for word in words if word)


def fact_lines(said: dict[str, Any], below: str) -> list[str]:
    lines = []
    for name, value in said.items():
        place = f"{below}.{name}" if below else name
        if isinstance(value, dict):
            lines += fact_lines(mapped(value), place)
        elif isinstance(value, str):
            lines.append(f"{place}: {cut(value)}")
        else:
            lines.append(f"{place}: {cut(orjson.dumps(value).decode())}")
    return lines


def cut(text: str) -> str:
    if len(text) <= LINE_CHARS_MAX:
        return text
    return f"{text[:LINE_CHARS_MAX]}… ({len(text)} characters)"
