"""What every response says to the browser about what it may do.

The policy lists what our pages use and forbids the rest: no inline script or style,
nothing from other hosts, no frames in either direction. Private answers are kept by
no cache; static files are kept but asked after each time (they have an ETag), so a
new version is seen at once.
"""

from collections.abc import Mapping

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: that would turn the Origin of our own forms into null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

# Where the gateway itself serves https; a server in front says it for its own name.
TLS_ALONE = "max-age=2592000"
PRIVATE = "no-store"
REVALIDATE = "public, no-cache"
