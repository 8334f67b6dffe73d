"""Keys: who is asking.

A caller proves itself by its key, as a bearer token or in `X-API-Key`. An unknown key
and a revoked one get the same answer, so that guessing teaches nothing; of one whose
time is over this is said, because only its owner has it. Some keys are for some
networks only. The key is taken off the request here: nothing further along can log it
or show it.
"""

from mitmproxy.http import Headers, HTTPFlow

from addons.exchange import Exchange
from addons.wire.errors import (
    AccountDisabled,
    AddressNotAllowed,
    ApiError,
    KeyExpired,
    LedgerDown,
    UnknownKey,
)
from storage.clock import Clock
from storage.directory import Directory
from storage.errors import LedgerUnavailable
from storage.keys import KeyRecord

HEADERS = ("authorization", "x-api-key")
# Longer than any key of ours; what is longer is not worth a hash.
KEY_LENGTH_MAX = 256


class Keys:
    """Finds the caller of each request that needs one."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self.directory = directory
        self.clock = clock

    async def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        presented = presented_key(flow.request.headers)
        if exchange.endpoint.api:
            remove_secrets(flow.request.headers)
        if exchange.refusal is not None or not exchange.endpoint.keyed:
            return
        try:
            key = await self.directory.find(presented) if presented else None
        except LedgerUnavailable:
            exchange.refuse(LedgerDown())
            return
        error = objection(key, exchange.address, self.clock.wall_ns())
        if error is not None:
            exchange.refuse(error)
        else:
            exchange.caller = key


def objection(key: KeyRecord | None, address: str, now_ns: int) -> ApiError | None:
    """Why a key may not be used from an address at a time; None if it may."""
    if key is None or key.status != "active":
        return UnknownKey()
    if key.expired(now_ns):
        return KeyExpired()
    if key.account_status != "open":
        return AccountDisabled()
    if not key.allows_address(address):
        return AddressNotAllowed()
    return None


def presented_key(headers: Headers) -> str | None:
    """The key a request carries; None if there is none, or two that differ."""
    found = set()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        found.add(token.strip())
    if own := headers.get("x-api-key", "").strip():
        found.add(own)
    if len(found) != 1:
        return None
    (key,) = found
    return key if len(key) <= KEY_LENGTH_MAX else None


def remove_secrets(headers: Headers) -> None:
    for name in (*HEADERS, "cookie", "proxy-authorization"):
        headers.pop(name, None)
