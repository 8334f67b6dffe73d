"""Legible: an entry in the words of its row.

The path names model and user, the comment says what was used, what it cost and how it
went, a marker stands where something went wrong. `facts` are what the worker sent;
whatever is missing there is missing here.
"""

from collections.abc import Mapping
from typing import Any

from config.meters import INPUT_METERS, OUTPUT_METERS
from config.money import dollars

type Facts = Mapping[str, Any]

ERROR, RETRY, EJECTED, REPLAYED = (
    ":red_circle:",
    ":repeat:",
    ":no_entry:",
    ":recycle:",
)
COMPLETE = "complete"
BETWEEN = " · "
# What each meter of pieces is called, for one and for several.
PIECES = {"image": ("image", "images"), "generation": ("video", "videos")}
ERROR_STATUS = 400
CLIENT_LEFT = "client_left"


def path_text(target: str, facts: Facts) -> str:
    """The path with what stands behind it."""
    words = [str(facts.get("model", "")), str(facts.get("user", ""))]
    if "attempt" in facts:
        provider, model = facts.get("provider", ""), facts.get("upstream_model", "")
        words = [
            f"{provider} {model}".strip(),
            f"attempt {facts['attempt']}",
            str(facts.get("errand", "")),
        ]
    said = BETWEEN.join(word for word in words if word)
    return f"{target} [{said}]" if said else target


def comment_text(status: int, facts: Facts) -> str:
    if "attempt" in facts:
        return call_comment(status, facts)
    words = [
        quantities_text(facts.get("quantities", {})),
        paid_text(facts),
        f"ttft {facts['ttft_ms']} ms" if "ttft_ms" in facts else "",
        f"attempt {facts['attempts']}" if facts.get("attempts") else "",
        str(facts.get("error", "")),
        ended_text(facts),
        str(facts.get("state", "")),
    ]
    return BETWEEN.join(word for word in words if word)


def call_comment(status: int, facts: Facts) -> str:
    words = [
        f"{facts.get('provider', '')} {facts.get('upstream_model', '')}".strip(),
        f"attempt {facts['attempt']}",
        str(facts.get("errand", "")),
        str(status) if status else "",
        f"{facts['total_ms']} ms" if "total_ms" in facts else "",
        str(facts.get("outcome") or "running"),
        "put aside" if facts.get("ejected") else "",
    ]
    return BETWEEN.join(word for word in words if word)


def quantities_text(quantities: Mapping[str, int]) -> str:
    """12→34 tok, or how many pieces; nothing where nothing was used."""
    for meter, (one, several) in PIECES.items():
        count = quantities.get(meter, 0)
        if count:
            return f"{count} {one if count == 1 else several}"
    if not quantities:
        return ""
    used = [
        sum(quantities.get(meter, 0) for meter in meters)
        for meters in (INPUT_METERS, OUTPUT_METERS)
    ]
    return f"{used[0]}→{used[1]} tok"


def paid_text(facts: Facts) -> str:
    """Exactly, as the receipt has it."""
    paid_nano = facts.get("paid_nano")
    return "" if paid_nano is None else f"${dollars(paid_nano)}"


def ended_text(facts: Facts) -> str:
    """How it ended, where that was not by being complete or refused."""
    end = str(facts.get("end", ""))
    return "" if end in (COMPLETE, facts.get("error")) else end


def marker(status: int, facts: Facts) -> str:
    """The worst that is to be said of an entry; nothing of a good one."""
    if facts.get("ejected"):
        return EJECTED
    if facts.get("error") or facts.get("fault") or status >= ERROR_STATUS:
        return ERROR
    if facts.get("state") == "replayed":
        return REPLAYED
    if facts.get("attempts", 0) > 1:
        return RETRY
    return ""


def metadata_of(facts: Facts) -> dict[str, Any]:
    """The facts by name, for `~meta`: texts and whole numbers."""
    return {
        name: value
        for name, value in facts.items()
        if isinstance(value, str | int) and value not in ("", False)
    }
