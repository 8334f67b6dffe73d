"""The static pages: read once, served from a table.

A request path is looked up, never turned into a file name, so no path can lead out
of the folder. Only files whose ending is in TYPES exist for the outside.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent / "static"
NOT_FOUND = "404.html"

TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml; charset=utf-8",
    }
)


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    content_type: str
    etag: str


def read_pages(folder: Path = FOLDER) -> Mapping[str, Page]:
    """Every servable file below the folder, by its path with forward slashes."""
    found = {
        path.relative_to(folder).as_posix(): read_page(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in TYPES
    }
    return MappingProxyType(found)


def read_page(path: Path) -> Page:
    body = path.read_bytes()
    etag = hashlib.sha256(body).hexdigest()[:32]
    return Page(body, TYPES[path.suffix], etag)
