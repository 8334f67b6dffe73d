"""Each body is shown by the view that fits it best."""

import pytest
from mitmproxy.contentviews import Metadata, registry

from addons.inspector.web import views
from addons.inspector.web.chat_text import INPUT_BYTES_MAX
from tests.fakes.transport import chunk, completion

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    views.install()


@pytest.mark.parametrize(
    ("body", "media_type", "name"),
    [
        (chunk("Hi"), SSE, "Chat stream"),
        (completion(), JSON, "Chat"),
        (b'{"messages":[]}', "application/x-www-form-urlencoded", "Chat"),
        (b'{"object":"receipt"}', JSON, "Receipt"),
        (b'{"created":1,"data":[{"url":"https://x"}]}', JSON, "Media"),
        (b'{"object":"video","status":"queued"}', JSON, "Media"),
        (b'{"object":"list"}', JSON, "JSON"),
        (b"", SSE, "Raw"),
    ],
)
def test_the_best_view_is_found(body: bytes, media_type: str, name: str) -> None:
    found = registry.get_view(body, Metadata(content_type=media_type))
    assert found.name == name


@pytest.mark.parametrize("view", views.VIEWS, ids=lambda view: view.name)
def test_a_body_above_the_limit_is_left_to_plain_views(view) -> None:
    start = b"{" + b"".join(view.sort.words)
    metadata = Metadata(content_type=view.sort.media_type)
    largest = start.ljust(INPUT_BYTES_MAX)
    assert view.render_priority(largest, metadata) > 0
    assert view.render_priority(largest + b" ", metadata) < 0
