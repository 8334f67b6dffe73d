"""Views: how mitmweb shows the bodies that pass here.

Each says of which bodies it is the best view, by their type and a few words in them,
and is asked for the text only then. They run on the loop that serves all browsers, so
that what is larger than a megabyte is left to mitmproxy's plain views.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import contentviews
from mitmproxy.contentviews import Contentview, Metadata

from addons.inspector.web.answer_text import media_text, receipt_text
from addons.inspector.web.chat_text import INPUT_BYTES_MAX, chat_text, stream_text

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
# Above every view of mitmproxy's own, the particular ones above the general.
LOW, HIGH = 2.0, 3.0
NONE = -1.0


@dataclass(frozen=True, slots=True)
class Sort:
    """Which bodies: of a type, with any of some words in them."""

    media_type: str
    words: tuple[bytes, ...]
    priority: float

    def fits(self, data: bytes, content_type: str | None) -> bool:
        # Programs send JSON under all names; providers name their streams rightly.
        named = (content_type or "").startswith(self.media_type)
        if self.media_type == JSON:
            named = data[:1] == b"{"
        return named and any(word in data for word in self.words)


class Readable(Contentview):
    """A view by a function from bytes to text."""

    def __init__(self, name: str, sort: Sort, text: Callable[[bytes], str]) -> None:
        self._name = name
        self.sort = sort
        self.text = text

    @property
    def name(self) -> str:
        return self._name

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        return self.text(data)

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        if not 0 < len(data) <= INPUT_BYTES_MAX:
            return NONE
        fits = self.sort.fits(data, metadata.content_type)
        return self.sort.priority if fits else NONE


VIEWS = (
    Readable("Chat stream", Sort(EVENT_STREAM, (b"data:",), HIGH), stream_text),
    Readable(
        "Chat",
        Sort(JSON, (b'"messages"', b'"choices"', b'"stop_reason"'), LOW),
        chat_text,
    ),
    Readable("Receipt", Sort(JSON, (b'"receipt"',), HIGH), receipt_text),
    Readable(
        "Media",
        Sort(JSON, (b'"b64_json"', b'"url"', b'"video"', b'"video.generation"'), LOW),
        media_text,
    ),
)


def install() -> None:
    """Make them known to mitmproxy, for this process."""
    for view in VIEWS:
        contentviews.add(view)
