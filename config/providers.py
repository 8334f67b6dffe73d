"""Providers: the records behind providers.yaml and the keys that fill them.

The file names credentials by the environment variable that holds them, so it can be
shown to anybody. A variable that is not set leaves its credential out, which is no
mistake: the gateway then serves what it has credentials for. A secret is in a record's
field, but never in its repr and never in a complaint.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from config.chat_rules import CHAT_RULES, ChatRules
from config.document import Node
from config.values import (
    ASPECT_RATIO,
    Reader,
    Table,
    address,
    choice,
    duration,
    host,
    known_entries,
    list_of,
    mapping_of,
    name,
    pixels,
    record,
    resolution,
    several_of,
    size,
    table_of,
    text,
    variable,
    whole,
    whole_numbers,
)

# What may stand in a header field: anything else would be cut, or smuggle a second.
_SECRET = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long an upstream may take; the time between two events is idle."""

    connect_seconds: float = 5.0
    first_byte_seconds: float = 60.0
    idle_seconds: float = 60.0
    total_seconds: float = 600.0


CLOCKS: Table = {
    "connect_seconds": ("connect", duration()),
    "first_byte_seconds": ("first_byte", duration()),
    "idle_seconds": ("idle", duration()),
    "total_seconds": ("total", duration()),
}


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret, under the name of the variable it came from."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """An upstream service and how it is reached. `media_hosts` are the domains whose
    https addresses may be fetched where its answers name some; its own may anyway."""

    name: str
    dialect: str
    base_url: str
    credentials: tuple[Credential, ...]
    clocks: Clocks = field(default_factory=Clocks)
    response_bytes: int = 32 * 1024 * 1024
    connections_max: int = 1000
    credential_names: tuple[str, ...] = ()
    media_hosts: tuple[str, ...] = ()
    rules: ChatRules = field(default_factory=ChatRules)

    @property
    def ready(self) -> bool:
        """Whether there is a credential, or none is wanted."""
        return bool(self.credentials) or not self.credential_names


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to serve a model. A lower priority number is tried first."""

    provider: str
    model: str
    priority: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ImageRules:
    """Which images a model makes. Of sizes and qualities the first is the default;
    where there are no qualities or styles it knows no such parameter."""

    sizes: tuple[str, ...]
    qualities: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    n_max: int = 10
    prompt_chars: int = 4000


IMAGES: Table = {
    "sizes": ("sizes", several_of(pixels)),
    "qualities": ("qualities", list_of(choice("standard", "hd"))),
    "styles": ("styles", list_of(choice("vivid", "natural"))),
    "n_max": ("n_max", whole(1, 10)),
    "prompt_chars": ("prompt_chars", whole(1, 32_000)),
}


DURATION_SECONDS = 10
DURATION_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class VideoRules:
    """Which videos a model makes. Of shapes and resolutions the first is the default.

    `aspect_ratios` has the pixels of each shape at the first resolution, about so.
    """

    durations: tuple[int, ...]
    aspect_ratios: Mapping[str, str]
    resolutions: tuple[str, ...]
    duration: int = DURATION_SECONDS
    prompt_chars: int = 1000


VIDEOS: Table = {
    "durations": ("durations", whole_numbers(1, DURATION_SECONDS_MAX)),
    "aspect_ratios": ("aspect_ratios", table_of(ASPECT_RATIO, '"16:9" or so', pixels)),
    "resolutions": ("resolutions", several_of(resolution)),
    "duration": ("duration", whole(1, DURATION_SECONDS_MAX)),
    "prompt_chars": ("prompt_chars", whole(1, 32_000)),
}


@dataclass(frozen=True, slots=True)
class Model:
    """What users ask for by its id; the kind says which of the other fields count.

    A chat model's are its tokens: no image can cost more than image_tokens. An image
    model's are in `images`, a video model's in `videos`.
    """

    id: str
    kind: Literal["chat", "image", "video"]
    owner: str
    description: str
    candidates: tuple[Candidate, ...]
    context_tokens: int = 0
    output_tokens: int = 0
    image_tokens: int = 0
    images: ImageRules | None = None
    videos: VideoRules | None = None
    clocks: Clocks | None = None


@dataclass(frozen=True, slots=True)
class Upstreams:
    """All of providers.yaml."""

    providers: Mapping[str, Provider]
    models: Mapping[str, Model]


def _read_credentials(node: Node) -> tuple[Credential, ...]:
    found = (read_credential(item) for item in node.items("a list"))
    return tuple(credential for credential in found if credential)


def read_credential(node: Node) -> Credential | None:
    """The secret in the variable that is named; None if it holds none."""
    held_by = variable(node)
    secret = node.environ.get(held_by, "").strip()
    if not secret:
        return None
    if not _SECRET.fullmatch(secret):
        raise node.expected("a variable that holds one word of visible ASCII")
    return Credential(held_by, secret)


PROVIDER: Table = {
    "dialect": ("dialect", name),
    "base_url": ("base_url", address),
    "credential_names": ("credentials", list_of(variable)),
    "credentials": ("credentials", _read_credentials),
    "clocks": ("clocks", record(Clocks, CLOCKS)),
    "response_bytes": ("response_size", size),
    "connections_max": ("connections_max", whole(1)),
    "media_hosts": ("media_hosts", list_of(host)),
    "rules": ("rules", record(ChatRules, CHAT_RULES)),
}


_read_rules = record(VideoRules, VIDEOS)


def _read_videos(node: Node) -> VideoRules:
    """The rules of a video model; who names no duration must get one that it makes."""
    rules = _read_rules(node)
    if rules.duration not in rules.durations:
        entries = node.entries("a mapping")
        default = entries.get("duration", node.absent("duration"))
        raise default.expected(f"one of the durations, or not {rules.duration}")
    return rules


# What a model of each kind has beside that which all have.
KINDS: Mapping[str, Table] = {
    "chat": {
        "context_tokens": ("context_tokens", whole(1)),
        "output_tokens": ("output_tokens", whole(1)),
        "image_tokens": ("image_tokens", whole(0)),
    },
    "image": {"images": ("images", record(ImageRules, IMAGES))},
    "video": {"videos": ("videos", _read_videos)},
}


def _model_table(providers: tuple[str, ...], kind: str) -> Table:
    """The keys of a model, whose candidates may name these providers."""
    candidate: Table = {
        "provider": ("provider", choice(*providers)),
        "model": ("model", name),
        "priority": ("priority", whole(0)),
        "weight": ("weight", whole(1)),
    }
    return {
        "kind": ("kind", choice(*KINDS)),
        "owner": ("owner", text),
        "description": ("description", text),
        **KINDS[kind],
        "candidates": ("candidates", list_of(record(Candidate, candidate))),
        # All four or none: with some of them it would be a riddle whether the
        # others are the provider's or the gateway's.
        "clocks": ("clocks", record(Clocks, CLOCKS, complete=True)),
    }


def _model_reader(providers: tuple[str, ...]) -> Reader[Model]:
    """Reads a model by the table of its kind."""
    readers = {
        kind: record(
            Model, _model_table(providers, kind), named="id", also=tuple(KINDS[kind])
        )
        for kind in KINDS
    }

    def read(node: Node) -> Model:
        kind = node.entries("a mapping").get("kind")
        # Without a kind any table will complain about that.
        return readers["chat" if kind is None else choice(*KINDS)(kind)](node)

    return read


_read_providers = mapping_of(record(Provider, PROVIDER, named="name"))


def read_upstreams(document: Node) -> Upstreams:
    """The providers and models in providers.yaml."""
    entries = known_entries(document, ("providers", "models"))
    providers = _read_providers(
        entries.get("providers", document.absent("providers"))
    )
    read_models = mapping_of(_model_reader(tuple(providers)))
    models = read_models(entries.get("models", document.absent("models")))
    return Upstreams(providers, models)
