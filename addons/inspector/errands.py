"""Errands: what an entry of the inspector says of a call that was made for a job.

It stands with the request that ordered the job, as the calls do that are made while a
client waits. A task is asked about for minutes: of those questions there is one entry,
which has the latest and how many there were.
"""

from dataclasses import dataclass

from addons.endings import kind_code
from addons.filming.told import JobCall
from addons.inspector.facts import (
    CALL,
    LASTING,
    NANOSECONDS,
    Head,
    milliseconds,
    place,
)
from addons.inspector.redacting import shown_texts
from addons.upstream.tape import Body, TapedCall


@dataclass(frozen=True, slots=True)
class Errand:
    """A call as the inspector is sent it."""

    head: Head
    call: TapedCall


def errand_of(call: JobCall, level: str, limit_bytes: int) -> Errand:
    """The entry of a call, with no more of its answer than the limit."""
    called, request = call.called, call.request
    body = Body(limit_bytes)
    body.add(called.body)
    head: Head = {
        "id": f"{call.job.request_id}/{name_of(call)}",
        "part": CALL,
        "live": False,
        "start": call.started_ns / NANOSECONDS,
        "end": call.ended_ns / NANOSECONDS,
        "method": request.method,
        **place(call.leg, request.path),
        "headers": shown_texts(request.headers),
        "size": len(request.body),
        "status": called.status,
        "answer_size": body.size,
        "facts": facts_of(call, level),
    }
    if called.status:
        head["answer_headers"] = shown_texts(called.headers)
    number = call.job.leg + 1
    return Errand(head, TapedCall(number, request, body, call.started_ns))


def name_of(call: JobCall) -> str:
    """One for each that is begun, and one for all that ask about it."""
    return f"{call.errand}-{call.job.leg + 1}"


def facts_of(call: JobCall, level: str) -> Head:
    job, leg, error = call.job, call.leg, call.called.error
    code = "" if error is None else kind_code(type(error))
    found: Head = {
        "request": job.request_id,
        "job": job.id,
        "level": level,
        "key": job.key_id,
        "model": job.model,
        "attempt": job.leg + 1,
        "errand": errand_text(call),
        "provider": leg.provider.name,
        "dialect": leg.provider.dialect,
        "upstream_model": leg.candidate.model,
        "total_ms": milliseconds(call.ended_ns - call.started_ns),
        "outcome": code or "answered",
        "ejected": code in LASTING,
    }
    if code:
        found["fault"] = code
    return found


def errand_text(call: JobCall) -> str:
    return f"poll {call.job.polls + 1}" if call.errand == "poll" else call.errand
