"""What each family of Anthropic's models takes, as far as they differ.

The newest refuse what older ones took: sampling first of all. A model that no line
here names is taken for one of the newest, so a new id in YAML is never sent what only
its predecessors knew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_EFFORTS: Mapping[str, str] = MappingProxyType({})
# There is no xhigh there, and a caller is not charged for more than was asked.
EFFORTS_BELOW_XHIGH: Mapping[str, str] = MappingProxyType(
    {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
)
ALL_EFFORTS: Mapping[str, str] = MappingProxyType(
    {effort: effort for effort in ("low", "medium", "high", "xhigh", "max")}
)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that take the same.

    `sampling_max` is how many of temperature and top_p may be sent at once, `schemas`
    whether they can be held to a JSON schema, and `efforts` what OpenAI's efforts are
    called there: empty for models that do not decide themselves how long to think.
    """

    prefixes: tuple[str, ...]
    sampling_max: int
    schemas: bool
    efforts: Mapping[str, str]


FAMILIES = (
    Family(
        (
            "claude-3",
            "claude-opus-4-0",
            "claude-opus-4-2",
            "claude-sonnet-4-0",
            "claude-sonnet-4-2",
        ),
        sampling_max=2,
        schemas=False,
        efforts=NO_EFFORTS,
    ),
    Family(
        (
            "claude-haiku-4-5",
            "claude-opus-4-1",
            "claude-opus-4-5",
            "claude-sonnet-4-5",
        ),
        sampling_max=1,
        schemas=True,
        efforts=NO_EFFORTS,
    ),
    Family(
        ("claude-opus-4-6", "claude-sonnet-4-6"),
        sampling_max=1,
        schemas=True,
        efforts=EFFORTS_BELOW_XHIGH,
    ),
)
NEWEST = Family((), sampling_max=0, schemas=True, efforts=ALL_EFFORTS)


def family_of(model: str) -> Family:
    for family in FAMILIES:
        if model.startswith(family.prefixes):
            return family
    return NEWEST
