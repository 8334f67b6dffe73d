"""Chat rules: in what a provider of chat differs from the dialect it is said to speak.

Few providers that took over OpenAI's API took over all of it. What a line of YAML can
say of the difference is here; names of fields are checked where fields are known.
"""

from dataclasses import dataclass

from config.values import Table, choice, list_of, name, optional, whole

CHOICES_MAX = 128


@dataclass(frozen=True, slots=True)
class ChatRules:
    """What is not set is as in the dialect. `drops` are fields that are left out and
    named to the caller, `refuses` those whose callers are told that it has them not."""

    output_limit_field: str | None = None
    drops: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    choices_max: int | None = None


CHAT_RULES: Table = {
    "output_limit_field": (
        "output_limit_field",
        optional(choice("max_tokens", "max_completion_tokens")),
    ),
    "drops": ("drops", list_of(name)),
    "refuses": ("refuses", list_of(name)),
    "choices_max": ("choices_max", optional(whole(1, CHOICES_MAX))),
}
