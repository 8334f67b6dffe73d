"""Forwarded: who a request comes from, where a proxy stands in front of us.

`X-Forwarded-For` and `X-Forwarded-Proto` are anybody's to send. They are believed only
as far as trusted proxies wrote them: read from the end, the client is the first address
that is no trusted proxy's. What stands before it may be made up, and what is no address
ends the search.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from mitmproxy.http import Headers

from storage.keys import plain_address

Networks = Sequence[IPv4Network | IPv6Network]
HOPS_MAX = 32


@dataclass(frozen=True, slots=True)
class Sender:
    """The client's address, and whether it came over TLS."""

    address: str
    secure: bool


def sender_of(peer: str, tls: bool, headers: Headers, trusted: Networks) -> Sender:
    """Who sent a request that reached us from a peer."""
    if not trusted or not is_trusted(peer, trusted):
        return Sender(peer, tls)
    address = client_behind(peer, headers.get_all("x-forwarded-for"), trusted)
    return Sender(address, secure_behind(tls, headers.get_all("x-forwarded-proto")))


def client_behind(peer: str, fields: Sequence[str], trusted: Networks) -> str:
    hops = ",".join(fields).rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    found = peer
    for hop in reversed(hops):
        address = plain_address(hop.strip())
        if address is None:
            break
        found = str(address)
        if not is_trusted(found, trusted):
            break
    return found


def secure_behind(tls: bool, fields: Sequence[str]) -> bool:
    """What the nearest proxy says of its client; without a word of it, our own."""
    last = ",".join(fields).rpartition(",")[2].strip().lower()
    return last == "https" if last in ("http", "https") else tls


def is_trusted(text: str, trusted: Networks) -> bool:
    address = plain_address(text)
    return address is not None and any(address in network for network in trusted)
