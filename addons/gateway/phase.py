"""Phase: what a client connection is doing, for the clocks that watch it."""

from enum import Enum


class Phase(Enum):
    """Between requests, sending a head, sending a body, or waiting for its answer."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    BUSY = "busy"
