"""Forms: fields and files in a multipart/form-data body (RFC 7578).

Programs send the same fields in a form that others send in JSON, because the form can
carry a file beside them. Fields are texts; of a file only the name of its field is of
interest here. A name that comes twice is refused: two readers would take another one
of the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from addons.wire.errors import BadForm, BadParameter

MEDIA_TYPE = "multipart/form-data"
PARTS_MAX = 64
HEAD_BYTES_MAX = 4096

_BOUNDARY = re.compile(
    r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))', re.ASCII | re.IGNORECASE
)
_DISPOSITION = re.compile(
    rb"(?:^|\r\n)content-disposition:[ \t]*form-data[ \t]*;([^\r\n]*)", re.IGNORECASE
)
_PARAMETER = re.compile(
    rb'[ \t]*(filename\*?|name)[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Form:
    """Texts by the names of their fields, and the names of fields that are files."""

    fields: Mapping[str, str]
    files: frozenset[str] = field(default_factory=frozenset)


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


def without_boundary(content_type: str, raw: bytes) -> bytes:
    """A form as it is but for its boundary, which clients draw anew each time they send
    the same; any other body as it is."""
    match = _BOUNDARY.search(content_type) if is_form(content_type) else None
    if match is None:
        return raw
    return raw.replace(b"--" + (match.group(1) or match.group(2)).encode(), b"--")


def read_form(content_type: str, raw: bytes) -> Form:
    """The form in a body; BadForm if it is none, BadParameter for a field that cannot
    be taken as it is."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise BadForm("The form's content type names no boundary.")
    boundary = (match.group(1) or match.group(2)).encode()
    texts: dict[str, str] = {}
    files: set[str] = set()
    for part in _parts(raw, b"\r\n--" + boundary):
        name, is_file, content = _read_part(part)
        if name in texts or name in files:
            raise BadParameter(name, "it is in the form twice.")
        if is_file:
            files.add(name)
            continue
        try:
            texts[name] = content.decode()
        except UnicodeDecodeError:
            raise BadParameter(name, "it is not UTF-8.") from None
    return Form(texts, frozenset(files))


def _parts(raw: bytes, delimiter: bytes) -> list[bytes]:
    """What stands between the delimiters: heads with contents."""
    _, *parts = (b"\r\n" + raw).split(delimiter, PARTS_MAX + 2)
    if len(parts) > PARTS_MAX + 1:
        raise BadForm(f"The form has more than {PARTS_MAX} parts.")
    if not parts or not parts[-1].startswith(b"--"):
        raise BadForm("The form has no end.")
    return parts[:-1]


def _read_part(part: bytes) -> tuple[str, bool, bytes]:
    """Name, whether it is a file, and content."""
    # The rest of the delimiter's own line comes first.
    head, blank, content = part.partition(b"\r\n\r\n")
    if not blank or not head.lstrip(b" \t").startswith(b"\r\n"):
        raise BadForm("A part of the form has no head.")
    if len(head) > HEAD_BYTES_MAX:
        raise BadForm(f"A part of the form has a head above {HEAD_BYTES_MAX} bytes.")
    found = _DISPOSITION.search(head)
    given = {} if found is None else _parameters(found.group(1))
    name = given.get("name", b"").decode("utf-8", "replace")
    if not name:
        raise BadForm("A part of the form has no name.")
    return name, "filename" in given or "filename*" in given, content


def _parameters(text: bytes) -> dict[str, bytes]:
    return {
        match.group(1).decode().lower(): match.group(2) or match.group(3) or b""
        for match in _PARAMETER.finditer(text)
    }
