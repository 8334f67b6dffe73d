"""RFC 9110, section 14.1.2, as a few lines that list the bytes."""


def asked_bytes(header: str, content: bytes) -> bytes | None:
    """What a `bytes=` header should get: a part, all of it, or None for 416."""
    first, dash, last = header.removeprefix("bytes=").partition("-")
    if not (dash and first + last) or not (first + last).isdigit():
        return content
    if not first:
        kept = range(len(content))[-int(last) :] if int(last) else range(0)
    elif last and int(last) < int(first):
        return content
    else:
        kept = range(int(first), int(last) + 1 if last else len(content))
    part = bytes(content[at] for at in kept if at < len(content))
    return part or None
