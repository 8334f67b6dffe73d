"""Videos: what a caller asks of a video model, as far as it decides the price.

The fields and defaults are those of the API document, and `resolution`, by which some
models are priced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from addons.wire.checks import filled, missing, one_of, whole

MODEL = "gen-2"
DURATION_SECONDS = 10
DURATION_SECONDS_MAX = 60
ASPECT_RATIO = "16:9"
ASPECT_RATIOS = (ASPECT_RATIO, "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
RESOLUTION = "720p"
RESOLUTIONS = (RESOLUTION, "1080p")
MODEL_CHARS_MAX = 256
# No provider takes more.
PROMPT_CHARS_MAX = 32_000

_model = filled(MODEL_CHARS_MAX)
_prompt = filled(PROMPT_CHARS_MAX)
_duration = whole(1, DURATION_SECONDS_MAX)
_aspect_ratio = one_of(*ASPECT_RATIOS)
_resolution = one_of(*RESOLUTIONS)


@dataclass(frozen=True, slots=True)
class VideoAsk:
    """One video of some length and shape."""

    model: str
    prompt: str
    duration_seconds: int = DURATION_SECONDS
    aspect_ratio: str = ASPECT_RATIO
    resolution: str = RESOLUTION

    @property
    def quantities(self) -> dict[str, int]:
        """Both ways a video can be billed by; a price puts its rate on one."""
        return {"generation": 1, "second": self.duration_seconds}

    @property
    def parameters(self) -> dict[str, str]:
        """What a rate may depend on."""
        return {"resolution": self.resolution}


def video_of(sent: Mapping[str, Any]) -> VideoAsk:
    """The ask in a request's body; BadParameter names what is wrong with it."""
    if sent.get("prompt") is None:
        raise missing("prompt")
    given = {name: value for name, value in sent.items() if value is not None}
    return VideoAsk(
        model=_model(given.get("model", MODEL), "model"),
        prompt=_prompt(given["prompt"], "prompt"),
        duration_seconds=_duration(given.get("duration", DURATION_SECONDS), "duration"),
        aspect_ratio=_aspect_ratio(
            given.get("aspect_ratio", ASPECT_RATIO), "aspect_ratio"
        ),
        resolution=_resolution(given.get("resolution", RESOLUTION), "resolution"),
    )
