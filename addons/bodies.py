"""Bodies: what a request carries, as the bytes to be read."""

from mitmproxy.http import Request

from addons.wire.errors import BadRequest


def plain_body(request: Request) -> bytes:
    """The body as it was sent; BadRequest if it was compressed, which could make much
    of little."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadRequest("Compressed request bodies are not supported.")
    return request.raw_content or b""
