"""Web brief: what the inspector's process is told at its start, as a line of JSON."""

from dataclasses import asdict, dataclass
from typing import BinaryIO

import orjson

from config.settings import LogSettings

BRIEF_BYTES_MAX = 64 * 1024
NOT_BY_HAND = "an inspector is started by `serve --web` only"


@dataclass(frozen=True, slots=True)
class WebBrief:
    """What an inspector is told: where it meets the workers, by what descriptor it
    listens, whom it lets in, how much it keeps, and how it logs."""

    data: str
    listening: int
    password_hash: str
    flows_max: int
    flows_bytes: int
    log: LogSettings = LogSettings()

    def dump(self) -> bytes:
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def load(cls, stdin: BinaryIO) -> "WebBrief":
        """ValueError if nobody has written a brief there."""
        try:
            said = orjson.loads(stdin.readline(BRIEF_BYTES_MAX))
            return cls(**{**said, "log": LogSettings(**said["log"])})
        except (orjson.JSONDecodeError, LookupError, TypeError) as error:
            raise ValueError(NOT_BY_HAND) from error
