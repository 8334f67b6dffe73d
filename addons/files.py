"""Files: the answer that a file is.

Head and part are decided here, and which host a caller finds files at; whoever finds a
file puts the answer on the Exchange, and the media addon sends it. What comes from a
provider is a stranger's: it is never more to a browser than the picture or video that
its name says, whatever is inside.
"""

import re
from dataclasses import dataclass

from mitmproxy.http import Headers, Request, Response
from mitmproxy.net.http import status_codes

from addons.wire.ranges import PARTIAL, UNCHANGED, Selection, select
from storage.media import Found

_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file, which part of it, and for how long it may be kept elsewhere."""

    found: Found
    selection: Selection
    max_age_seconds: int

    @classmethod
    def to(cls, request: Request, found: Found, max_age_seconds: int) -> "FileAnswer":
        """The answer to a request; RangeUnsatisfiable if there is none."""
        selection = select(request.method, request.headers, tag_of(found), found.size)
        return cls(found, selection, max_age_seconds)

    def has_body(self, method: str) -> bool:
        """Whether anything is to be sent after the head."""
        return method != "HEAD" and self.selection.status != UNCHANGED

    def head(self, request_id: str) -> Response:
        """Status and headers; the body, if any, is sent after them."""
        status = self.selection.status
        fields = {
            "etag": tag_of(self.found),
            "cache-control": f"private, max-age={self.max_age_seconds}",
            "x-request-id": request_id,
            **SAFE,
        }
        if status != UNCHANGED:
            fields["accept-ranges"] = "bytes"
            fields["content-type"] = self.found.media_type
            fields["content-length"] = str(self.selection.length)
        if status == PARTIAL:
            fields["content-range"] = self.selection.content_range(self.found.size)
        headers = Headers(
            [(name.encode(), value.encode()) for name, value in fields.items()]
        )
        reason = status_codes.RESPONSES[status].encode()
        return Response(b"HTTP/1.1", status, reason, headers, None, None, 0, None)


def tag_of(found: Found) -> str:
    """A strong entity tag: the content of a name never changes."""
    return f'"{found.path.stem}"'


def own_address(request: Request, secure: bool) -> str:
    """Where the caller reached us, as it says; empty if that is no host."""
    host = request.host_header or ""
    if not _HOST.fullmatch(host):
        return ""
    secure = secure or request.headers.get("x-forwarded-proto") == "https"
    return f"{'https' if secure else 'http'}://{host}"
