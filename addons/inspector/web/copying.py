"""Copying: an entry as a flow of mitmproxy's, of which nothing is alive.

A flow's id must be hexadecimal there, so it is a digest of the entry's own. What the
charge of a request is computed again with goes into the metadata, and with it into any
file that the flow is saved to.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
from mitmproxy import connection, flow
from mitmproxy.http import Headers, HTTPFlow, Request, Response
from mitmproxy.net.http import status_codes

from addons.inspector.framing import Frame
from addons.inspector.web.legible import (
    comment_text,
    marker,
    metadata_of,
    path_text,
)

CAPTURE = "capture"
GATEWAY = "gateway"
HTTP = b"HTTP/1.1"
NO_PORT = 0
# The copy is what was read: neither compressed nor in chunks any more.
UNTRUE_HEADERS = frozenset(("content-encoding", "transfer-encoding", "content-length"))


def flow_id(entry_id: str) -> str:
    return hashlib.blake2b(entry_id.encode(), digest_size=16).hexdigest()


def flow_of(frame: Frame) -> HTTPFlow:
    """A flow that shows an entry. ValueError, LookupError or TypeError for a head that
    no worker of ours would send."""
    head, facts = frame.head, frame.head["facts"]
    start, end = head["start"], head["end"]
    client = connection.Client(
        peername=(head.get("peer") or GATEWAY, NO_PORT),
        sockname=(GATEWAY, NO_PORT),
        timestamp_start=start,
        timestamp_end=end,
        state=connection.ConnectionState.CLOSED,
    )
    server = connection.Server(address=(head.get("host", GATEWAY), head.get("port", 0)))
    made = HTTPFlow(client, server)
    made.id = flow_id(head["id"])
    made.timestamp_created = start
    made.request = request_of(head, frame.request)
    made.response = response_of(head, frame.answer)
    error = facts.get("fault") or facts.get("error")
    if error and not head["status"]:
        made.error = flow.Error(str(error), start)
    made.comment = comment_text(head["status"], facts)
    made.marked = marker(head["status"], facts)
    made.metadata = metadata_of(facts)
    made.metadata[CAPTURE] = capture_text(head)
    # It is a copy: nothing can be killed, resumed or intercepted there.
    made.live = False
    return made


def request_of(head: dict[str, Any], body: bytes) -> Request:
    return Request(
        host=head.get("host", GATEWAY),
        port=head.get("port", 80),
        method=head["method"].encode(),
        scheme=head.get("scheme", "http").encode(),
        authority=b"",
        path=path_text(head["target"], head["facts"]).encode("utf-8", "replace"),
        http_version=HTTP,
        headers=headers_of(head["headers"], body),
        content=body,
        trailers=None,
        timestamp_start=head["start"],
        timestamp_end=head["start"],
    )


def response_of(head: dict[str, Any], body: bytes) -> Response | None:
    status = head["status"]
    if not status:
        return None
    return Response(
        http_version=HTTP,
        status_code=status,
        reason=status_codes.RESPONSES.get(status, "").encode(),
        headers=headers_of(head.get("answer_headers", ()), body),
        content=body,
        trailers=None,
        timestamp_start=head.get("answer_start", head["start"]),
        timestamp_end=head["end"],
    )


def headers_of(fields: Iterable[list[str]], body: bytes) -> Headers:
    kept = [
        (name.encode("latin-1", "replace"), value.encode("utf-8", "replace"))
        for name, value in fields
        if name.lower() not in UNTRUE_HEADERS
    ]
    return Headers([*kept, (b"content-length", b"%d" % len(body))])


def capture_text(head: dict[str, Any]) -> str:
    """All that is known of an entry and is no message of its own, as JSON."""
    found = {
        "part": head["part"],
        "facts": head["facts"],
        "size": [head["size"], head.get("answer_size", 0)],
        "whole": head.get("whole", [False, False]),
        **head.get(CAPTURE, {}),
    }
    return orjson.dumps(found).decode()
