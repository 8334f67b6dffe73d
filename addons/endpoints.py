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
WEB = Endpoint(Kind.WEB, api=False)
UNKNOWN_API = Endpoint(Kind.NOTHING, api=True)
PREFLIGHT = Endpoint(Kind.PREFLIGHT, api=True)

TABLE: Mapping[str, Endpoint] = MappingProxyType(
    {
        "/api/v1/chat/completions": CHAT,
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
    }
)
# What is asked for by name, below an address of its own.
PREFIXES: Mapping[str, Endpoint] = MappingProxyType(
    {"/api/v1/models/": MODEL, "/api/v1/receipts/": RECEIPT, "/media/": MEDIA}
)
API_PREFIXES = ("/api/v1/", "/v1/")


def find(method: str, target: str) -> Endpoint:
    """The endpoint at a request target (path and query); never None."""
    path = canonical(target.partition("?")[0])
    endpoint = lookup(path)
    if method == "OPTIONS" and endpoint.api:
        return PREFLIGHT
    if endpoint.methods and method not in endpoint.methods:
        return Endpoint(Kind.WRONG_METHOD, endpoint.api, methods=endpoint.methods)
    return endpoint


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
            return replace(endpoint, name=path[len(prefix) :])
    return UNKNOWN_API if is_api(path) else WEB


def is_api(path: str) -> bool:
    return path.startswith(API_PREFIXES) or path in ("/api/v1", "/v1")
