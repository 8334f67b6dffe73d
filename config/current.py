"""Current: the settings in force, and what became of the files that were read last.

A reload replaces the whole of it at once: whoever looks sees all of the old settings or
all of the new ones, from whatever thread.
"""

from dataclasses import dataclass

from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force since a moment, in nanoseconds since 1970.

    `restart` names the settings whose files say something else by now, and which only
    a restart changes. `refusal` says why the files were not taken when they were last
    read; None if they were.
    """

    settings: Settings
    at_ns: int = 0
    restart: tuple[str, ...] = ()
    refusal: str | None = None


class Current:
    """Where to look for the settings in force."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded

    @classmethod
    def of(cls, settings: Settings) -> "Current":
        """Settings that were read at no particular time."""
        return cls(Loaded(settings))

    @property
    def settings(self) -> Settings:
        return self.loaded.settings
