"""Video files: what a file is by its first bytes."""

# So many bytes of a file tell what it is.
HEAD_BYTES = 64

EBML = b"\x1aE\xdf\xa3"


def video_type_of(data: bytes) -> str | None:
    """The type of a video by its first bytes, HEAD_BYTES or all that there are; None
    if it is none that browsers play."""
    if data[4:8] == b"ftyp" and data[8:12] != b"qt  ":
        return "video/mp4"
    # Matroska begins so too, and names itself shortly after.
    if data.startswith(EBML) and b"webm" in data[:HEAD_BYTES]:
        return "video/webm"
    return None
