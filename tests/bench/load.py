"""The load: so many keep-alive connections, each asking again when it was answered.

Runs in a process of its own, so that its work is in nobody's figures, and checks
every answer: a proxy that is fast at failing must not look good.
"""

import asyncio
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field

import uvloop

HOST = "127.0.0.1"
# Enough for the slowest proxy under the heaviest load here; then it is an error.
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    port: int
    path: str
    key: str
    connections: int
    requests: int
    # 0: not streamed.
    chunks: int = 0
    pace_us: int = 0


@dataclass(slots=True)
class Outcome:
    requests: int = 0
    chunks: int = 0
    seconds: float = 0.0
    first_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def request(job: Job) -> bytes:
    content = f"chunks={job.chunks} pace_us={job.pace_us}" if job.chunks else "hello"
    asked: dict[str, object] = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 1000,
    }
    if job.chunks:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(asked).encode()
    return (
        f"POST {job.path} HTTP/1.1\r\nHost: {HOST}:{job.port}\r\n"
        f"Authorization: Bearer {job.key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, job: Job, out: Outcome
) -> None:
    started = time.perf_counter()
    writer.write(request(job))
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.partition(b"\r\n")[0] + b" ":
        raise RuntimeError(head.partition(b"\r\n")[0].decode())
    if b"chunked" in head:
        first, body = await read_chunks(reader)
    else:
        length = int(head.partition(b"content-length:")[2].split(maxsplit=1)[0])
        first, body = time.perf_counter(), await reader.readexactly(length)
    if job.chunks:
        check_stream(body, job.chunks)
    elif b'"usage"' not in body:
        raise RuntimeError(f"no usage in {body[:80]!r}")
    out.requests += 1
    out.chunks += job.chunks
    out.first_ms.append((first - started) * 1e3)


async def read_chunks(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    """When the first came, and all of them."""
    first = 0.0
    pieces = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
        first = first or time.perf_counter()
    await reader.readexactly(2)
    return first, b"".join(pieces)


def check_stream(body: bytes, chunks: int) -> None:
    words = body.count(b'"content":"word "') + body.count(b'"content": "word "')
    if words != chunks or not body.rstrip().endswith(b"data: [DONE]"):
        raise RuntimeError(f"{words} of {chunks} chunks, end {body[-40:]!r}")


async def one_connection(job: Job, share: int, out: Outcome) -> None:
    reader, writer = await asyncio.open_connection(HOST, job.port)
    try:
        for _ in range(share):
            async with asyncio.timeout(ANSWER_SECONDS):
                await ask(reader, writer, job, out)
    except (OSError, EOFError, ValueError, RuntimeError, TimeoutError) as fault:
        out.errors.append(f"{type(fault).__name__}: {fault}")
    finally:
        writer.close()


async def run(job: Job) -> Outcome:
    out = Outcome()
    share = max(1, job.requests // job.connections)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(job.connections):
            group.create_task(one_connection(job, share, out))
    out.seconds = time.perf_counter() - started
    return out


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    out = uvloop.run(run(job))
    report = asdict(out) | {"first_ms": statistics.median(out.first_ms or [0.0])}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
