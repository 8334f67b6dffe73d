"""Whether a change was asked for by our own pages (cross-site request forgery).

The cookie is SameSite=Lax, which already keeps it off other sites' POSTs. On top of
that every change is judged by what a browser cannot be made to lie about:

- `Origin` present: it must be ours. `null` is nobody's.
- no `Origin`, but `Sec-Fetch-Site` or `Referer`: a browser all the same; they must
  say same-origin (or that the person typed it).
- none of the three: not a browser. curl and requests with a cookie jar are welcome
  where the document shows them; no other site can drive them. All other changes take
  the first proof or the token, so that no browser's fault is enough.

A `X-CSRF-Token` is checked whenever it is sent, whatever the headers say. It is
derived from the session, so there is nothing to store and it dies with the session.
"""

import hmac
from urllib.parse import SplitResult, urlsplit

from werkzeug.datastructures import Headers

from dashboard.refusals import ForeignOrigin

DEFAULT_PORTS = {"http": 80, "https": 443}
OWN_SITES = frozenset({"same-origin", "none"})

Origin = tuple[str, str, int]


def check_origin(headers: Headers, own: frozenset[Origin]) -> bool:
    """Whether our page is proved to have asked. ForeignOrigin if another one did; a
    request that is from no browser proves nothing."""
    for name in ("Origin", "Referer"):
        claimed = headers.get(name)
        if claimed is not None and origin_of(claimed) not in own:
            raise ForeignOrigin()
        if claimed is not None:
            return True
    if headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        raise ForeignOrigin()
    return False


def check_token(sent: str | None, expected: str) -> bool:
    """Whether there is a token; ForeignOrigin if it is not the session's."""
    if sent is None:
        return False
    # As bytes: comparing text refuses anything outside ASCII with a TypeError.
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise ForeignOrigin()
    return True


def own_origins(scheme: str, host: str, public_url: str | None) -> frozenset[Origin]:
    """Where our pages live: the address asked for, and the published one."""
    found = {origin_of(f"{scheme}://{host}")}
    if public_url is not None:
        found.add(origin_of(public_url))
    return frozenset(origin for origin in found if origin is not None)


def origin_of(url: str) -> Origin | None:
    """Scheme, host and port; None for anything that is no web origin."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.hostname is None or port is None:
        return None
    return parts.scheme, parts.hostname, port
