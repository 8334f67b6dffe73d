"""Endpoints: which addresses exist, and what each one is.

A literal table; everything that is not in it does not exist. Programs use
`/api/v1/*` (or the alias `/v1/*`) and read errors in OpenAI's shape; people use
the web endpoints and read `{success, message, data}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from config.settings import Listen


class Kind(Enum):
    """What answers at an address."""

    CHAT = "chat"
    IMAGES = "images"
    # The API document's way to a video, then OpenAI's.
    VIDEO_GENERATION = "video_generation"
    VIDEO_CREATION = "video_creation"
    VIDEO_LIST = "video_list"
    VIDEO = "video"
    VIDEO_CONTENT = "video_content"
    MODELS = "models"
    MODEL = "model"
    QUOTE = "quote"
    KEY = "key"
    CREDITS = "credits"
    RECEIPT = "receipt"
    RECEIPT_KEY = "receipt_key"
    GENERATION = "generation"
    MEDIA = "media"
    HEALTH = "health"
    READY = "ready"
    METRICS = "metrics"
    WEB = "web"
    PREFLIGHT = "preflight"
    NOTHING = "nothing"
    WRONG_METHOD = "wrong_method"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: who answers, and under which rules.

    `api` decides the dialect of its errors, `paid` whether money must be held
    before anything is sent upstream, `keyed` whether a caller's key is needed.
    """

    kind: Kind
    api: bool
    keyed: bool = False
    paid: bool = False
    methods: tuple[str, ...] = ()
    name: str = ""

    def body_bytes_max(self, listen: Listen) -> int:
        """Only what is paid for may be large, and what asks what that would cost."""
        large = self.paid or self.kind is Kind.QUOTE
        return listen.body_bytes if large else listen.form_bytes


CHAT = Endpoint(Kind.CHAT, api=True, keyed=True, paid=True, methods=("POST",))
IMAGES = Endpoint(
    Kind.IMAGES, api=True, keyed=True, paid=True, methods=("POST",)
)
VIDEO_GENERATION = Endpoint(
    Kind.VIDEO_GENERATION, api=True, keyed=True, paid=True, methods=("POST",)
)
VIDEO_CREATION = Endpoint(
    Kind.VIDEO_CREATION, api=True, keyed=True, paid=True, methods=("POST",)
)
VIDEO_LIST = Endpoint(Kind.VIDEO_LIST, api=True, keyed=True, methods=("GET", "HEAD"))
VIDEO = Endpoint(
    Kind.VIDEO, api=True, keyed=True, methods=("GET", "HEAD", "DELETE")
)
VIDEO_CONTENT = Endpoint(
    Kind.VIDEO_CONTENT, api=True, keyed=True, methods=("GET", "HEAD")
)
QUOTE = Endpoint(Kind.QUOTE, api=True, keyed=True, methods=("POST",))
KEY = Endpoint(Kind.KEY, api=True, keyed=True, methods=("GET", "HEAD"))
CREDITS = Endpoint(Kind.CREDITS, api=True, keyed=True, methods=("GET", "HEAD"))
MODELS = Endpoint(Kind.MODELS, api=True, keyed=True, methods=("GET", "HEAD"))
# Whoever has a receipt may check it: the key is no secret.
RECEIPT_KEY = Endpoint(Kind.RECEIPT_KEY, api=True, methods=("GET", "HEAD"))
GENERATION = Endpoint(
    Kind.GENERATION, api=True, keyed=True, methods=("GET", "HEAD")
)
MODEL = Endpoint(Kind.MODEL, api=True, keyed=True, methods=("GET", "HEAD"))
RECEIPT = Endpoint(Kind.RECEIPT, api=True, keyed=True, methods=("GET", "HEAD"))
# Its signature is the right to a file: a picture in a page can send no key.
MEDIA = Endpoint(Kind.MEDIA, api=True, methods=("GET", "HEAD"))
HEALTH = Endpoint(Kind.HEALTH, api=False, methods=("GET", "HEAD"))
READY = Endpoint(Kind.READY, api=False, methods=("GET", "HEAD"))
METRICS = Endpoint(Kind.METRICS, api=False, methods=("GET", "HEAD"))
WEB = Endpoint(Kind.WEB, api=False)
UNKNOWN_API = Endpoint(Kind.NOTHING, api=True)
PREFLIGHT = Endpoint(Kind.PREFLIGHT, api=True)

TABLE: Mapping[str, Endpoint] = MappingProxyType(
    {
        "/api/v1/chat/completions": CHAT,
        "/api/v1/images/generations": IMAGES,
        "/api/v1/videos/generations": VIDEO_GENERATION,
        "/api/v1/videos": VIDEO_CREATION,
        "/api/v1/models": MODELS,
        "/api/v1/quote": QUOTE,
        "/api/v1/key": KEY,
        # The older name, which programs written for OpenRouter still use.
        "/api/v1/auth/key": KEY,
        "/api/v1/credits": CREDITS,
        "/api/v1/receipts/key": RECEIPT_KEY,
        "/api/v1/generation": GENERATION,
        "/healthz": HEALTH,
        "/readyz": READY,
        "/metrics": METRICS,
    }
)
# What else there is at an address, for other methods than its own.
BESIDE: Mapping[Kind, Endpoint] = MappingProxyType({Kind.VIDEO_CREATION: VIDEO_LIST})
# What is asked for by name, below an address of its own.
PREFIXES: Mapping[str, Endpoint] = MappingProxyType(
    {
        "/api/v1/models/": MODEL,
        "/api/v1/receipts/": RECEIPT,
        "/api/v1/videos/": VIDEO,
        "/media/": MEDIA,
    }
)
# What belongs to a thing that is asked for by name, below that.
BELOW: Mapping[tuple[Kind, str], Endpoint] = MappingProxyType(
    {(Kind.VIDEO, "/content"): VIDEO_CONTENT}
)
API_PREFIXES = ("/api/v1/", "/v1/")


def find(method: str, target: str) -> Endpoint:
    """The endpoint at a request target (path and query); never None."""
    path = canonical(target.partition("?")[0])
    endpoint = lookup(path)
    if method == "OPTIONS" and endpoint.api:
        return PREFLIGHT
    if not endpoint.methods or method in endpoint.methods:
        return endpoint
    allowed = endpoint.methods
    beside = BESIDE.get(endpoint.kind)
    if beside is not None:
        if method in beside.methods:
            return beside
        allowed += beside.methods
    return Endpoint(Kind.WRONG_METHOD, endpoint.api, methods=allowed)


def canonical(path: str) -> str:
    """`/v1/…` is an alias of `/api/v1/…`, and one trailing slash is forgiven."""
    if path.startswith("/v1/"):
        path = "/api" + path
    if len(path) > 1 and path.endswith("/") and is_api(path):
        path = path[:-1]
    return path


def lookup(path: str) -> Endpoint:
    found = TABLE.get(path)
    if found is not None:
        return found
    for prefix, endpoint in PREFIXES.items():
        if path.startswith(prefix):
            return named(endpoint, path[len(prefix) :])
    return UNKNOWN_API if is_api(path) else WEB


def named(endpoint: Endpoint, name: str) -> Endpoint:
    for (kind, ending), below in BELOW.items():
        if kind is endpoint.kind and name.endswith(ending):
            return replace(below, name=name.removesuffix(ending))
    return replace(endpoint, name=name)


def is_api(path: str) -> bool:
    return path.startswith(API_PREFIXES) or path in ("/api/v1", "/v1")
