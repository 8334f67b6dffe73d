"""What passed is shown as far as its key allows, and a gap is made good."""

from dataclasses import replace

import pytest
from mitmproxy.http import HTTPFlow, Response

from addons import endpoints
from addons.exchange import Attempt, Exchange
from addons.filming.calls import Called
from addons.inspecting import (
    LOOK_SECONDS,
    OVER_MAX,
    TELL_MAX,
    Inspecting,
    secrets_of,
)
from addons.inspector.framing import GROW, PUT, Frame, Frames
from addons.inspector.sending import Sending
from addons.providers.base import UpstreamRequest
from addons.receipts import EVENT_STREAM
from config import load
from config.inspector import InspectorSettings
from config.settings import Policies
from tests.addons.inspector.test_errands import CALL
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.scenarios.harness import CONFIG

SECRET = "sk-our-own-credential"
REQUEST = UpstreamRequest(
    "POST",
    "/chat",
    {"content-type": "application/json", "authorization": f"Bearer {SECRET}"},
    b'{"model":"x"}',
    False,
)
BODY = exchanges.ask_body()


class Shown:
    """An inspector's worker side, and the frames that it sent."""

    def __init__(self, **settings) -> None:
        self.sending = Sending(lambda: None, 10**6)
        self.sending.connection = 1
        self.clock = FakeClock()
        self.inspecting = Inspecting(
            InspectorSettings(**{"level": "full", **settings}),
            lambda _: Policies(),
            self.sending,
            [SECRET],
            self.clock,
        )

    def begin(self, record: Exchange, **request) -> HTTPFlow:
        flow = exchanges.travelling(record, **{"body": BODY, **request})
        self.inspecting.requestheaders(flow)
        return flow

    def end(self, flow: HTTPFlow, body: bytes = b'{"id":"x"}') -> list[Frame]:
        flow.response = flow.response or Response.make(
            200, body, {"content-type": "application/json"}
        )
        self.inspecting.left(flow, Exchange.of(flow))
        self.inspecting.tell()
        return self.frames()

    def look(self) -> list[Frame]:
        self.clock.advance(LOOK_SECONDS)
        self.inspecting.look()
        return self.frames()

    def frames(self) -> list[Frame]:
        found = Frames().feed(b"".join(self.sending.frames))
        self.sending.frames.clear()
        self.sending.waiting_bytes = 0
        return found


def call(record: Exchange, answer: bytes = b'{"id":"y"}') -> None:
    """A provider is asked, and answers."""
    leg = exchanges.leg()
    record.leg, record.attempts = leg, record.attempts + 1
    record.trail.append(Attempt(leg, record.started_ns, 1, "complete", 200))
    made = record.tape.call(record.attempts, REQUEST)
    made.status, made.headers = 200, {"content-type": "application/json"}
    made.body.add(answer)
    made.ended_ns = made.started_ns


def stream(flow: HTTPFlow) -> Response:
    """The client has the head of a stream."""
    record = Exchange.of(flow)
    record.committed = record.began = True
    flow.response = Response.make(200, b"", {"content-type": EVENT_STREAM})
    flow.response.stream = True
    return flow.response


def test_a_request_and_its_calls_have_an_entry_each() -> None:
    shown, record = Shown(), exchanges.held()
    flow = shown.begin(record)
    call(record)
    call(record)
    request, first, second = shown.end(flow)
    assert [one.head["id"] for one in (request, first, second)] == [
        "req_1",
        "req_1/1",
        "req_1/2",
    ]
    assert (request.request, request.answer) == (BODY, b'{"id":"x"}')
    assert (first.request, first.answer) == (REQUEST.body, b'{"id":"y"}')
    assert request.head["capture"]["choices"] == 1
    assert request.head["whole"] == [True, True]
    assert shown.inspecting.watched == {}


@pytest.mark.parametrize(
    ("settings", "entries", "bodies"),
    [
        ({"level": "full"}, 2, True),
        ({"level": "headers"}, 2, False),
        ({"level": "off"}, 0, False),
        ({"level": "headers", "keys": {7: "full"}}, 2, True),
        ({"level": "full", "keys": {7: "headers"}}, 2, False),
        ({"level": "full", "keys": {7: "off"}}, 0, False),
    ],
)
def test_how_much_is_shown_depends_on_the_key(settings, entries, bodies) -> None:
    shown, record = Shown(**settings), exchanges.held()
    flow = shown.begin(record)
    assert (record.tape is not None) is (entries > 0)
    if record.tape is not None:
        call(record)
    frames = shown.end(flow)
    assert len(frames) == entries
    assert [bool(one.request and one.answer) for one in frames] == [bodies] * entries


@pytest.mark.parametrize(
    "endpoint", [endpoints.WEB, endpoints.MEDIA, endpoints.HEALTH, endpoints.PREFLIGHT]
)
def test_what_people_do_on_pages_is_not_shown(endpoint) -> None:
    shown, record = Shown(), exchanges.exchange(endpoint)
    assert shown.end(shown.begin(record)) == [] and record.tape is None


def test_a_request_without_a_key_has_no_body_shown() -> None:
    shown = Shown()
    (request,) = shown.end(shown.begin(exchanges.exchange()))
    assert (request.request, request.answer) == (b"", b"")


def test_a_compressed_body_is_not_shown() -> None:
    shown = Shown()
    flow = shown.begin(exchanges.held(), headers={"content-encoding": "gzip"})
    (request,) = shown.end(flow)
    assert request.request == b"" and request.head["whole"][0] is False


def test_a_body_is_cut_at_the_limit() -> None:
    shown, record = Shown(body_bytes=10), exchanges.held()
    flow = shown.begin(record)
    call(record, b"x" * 11)
    request, made = shown.end(flow)
    assert (request.request, request.head["whole"][0]) == (BODY[:10], False)
    assert (made.answer, made.head["whole"][1]) == (b"x" * 10, False)
    assert made.head["answer_size"] == 11


def test_no_secret_is_in_a_frame() -> None:
    body = exchanges.ask_body(user="ada@example.com", stop=SECRET)
    shown, record = Shown(), exchanges.held()
    headers = {"authorization": "Bearer x", "user-agent": f"agent {SECRET}"}
    target = "/a?b=ada@example.com"
    flow = shown.begin(record, body=body, headers=headers, target=target)
    call(record, f'{{"error":"{SECRET} ada@example.com"}}'.encode())
    shown.inspecting.left(flow, record)
    shown.inspecting.tell()
    raw = b"".join(shown.sending.frames)
    assert flow is not None and SECRET.encode() not in raw
    assert b"ada@" not in raw and b"[secret]" in raw and b"[e-mail]" in raw
    wholes = [one.head["whole"] for one in shown.frames()]
    assert wholes == [[False, True], [True, False]]


def test_what_is_quick_is_not_shown_before_it_is_over() -> None:
    shown, record = Shown(), exchanges.held()
    shown.begin(record)
    shown.clock.advance(LOOK_SECONDS - 0.001)
    shown.inspecting.look()
    assert shown.frames() == []
    shown.clock.advance(0.001)
    shown.inspecting.look()
    assert len(shown.frames()) == 1


def test_a_stream_is_shown_while_it_grows_and_each_byte_once() -> None:
    shown, record = Shown(), exchanges.held(ask=exchanges.ask(stream=True))
    flow = shown.begin(record)
    (before,) = shown.look()
    assert (before.kind, before.head["status"]) == (PUT, 0)
    response = stream(flow)
    shown.inspecting.responseheaders(flow)
    assert response.stream(b"data: 1\n\ndata: 2") == b"data: 1\n\ndata: 2"
    (first,) = shown.look()
    assert (first.kind, first.answer) == (GROW, b"data: 1\n\n")
    assert (first.head["status"], first.head["from"]) == (200, 0)
    assert shown.look() == []
    response.stream(b"\n\n")
    (second,) = shown.look()
    assert (second.kind, second.answer) == (GROW, b"data: 2\n\n")
    assert second.head == {"id": "req_1", "from": 9}
    record.tail = b"data: [DONE]\n\n"
    (last,) = shown.end(flow)
    assert (last.kind, last.answer, last.head["from"]) == (GROW, record.tail, 18)
    assert last.head["whole"] == [True, True] and last.head["live"] is False


@pytest.mark.parametrize("gap", ["dropped", "another inspector"])
def test_a_gap_is_made_good(gap: str) -> None:
    shown, record = Shown(), exchanges.held(ask=exchanges.ask(stream=True))
    flow = shown.begin(record)
    response = stream(flow)
    shown.inspecting.responseheaders(flow)
    response.stream(b"data: 1\n\n")
    shown.look()
    response.stream(b"data: 2\n\n")
    if gap == "dropped":
        shown.sending.buffer_bytes = 0
        assert shown.look() == []
        shown.sending.buffer_bytes = 10**6
    else:
        shown.sending.connection = 2
    response.stream(b"data: 3\n\n")
    (whole,) = shown.look()
    assert (whole.kind, whole.request) == (PUT, BODY)
    assert whole.answer == b"data: 1\n\ndata: 2\n\ndata: 3\n\n"


def test_without_an_inspector_nothing_is_made_and_all_is_counted() -> None:
    shown, record = Shown(), exchanges.held()
    shown.sending.connection = 0
    flow = shown.begin(record)
    call(record)
    assert shown.end(flow) == []
    assert shown.sending.statistics.dropped == 2
    assert shown.inspecting.watched == {}


def test_what_is_over_is_told_in_parts_and_kept_up_to_a_limit() -> None:
    shown = Shown()
    for number in range(OVER_MAX + 1):
        record = exchanges.held(id=f"req_{number}")
        flow = shown.begin(record)
        flow.response = Response.make(200, b"{}")
        shown.inspecting.left(flow, record)
        assert bool(shown.sending.frames) is (number == OVER_MAX)
    assert len(shown.inspecting.over) == OVER_MAX + 1 - TELL_MAX
    assert len(shown.frames()) == TELL_MAX
    while shown.inspecting.over:
        shown.inspecting.tell()
    assert len(shown.frames()) == OVER_MAX + 1 - TELL_MAX


def test_what_cannot_be_shown_keeps_no_other_off(caplog) -> None:
    shown = Shown()
    for number in range(2):
        record = exchanges.held(id=f"req_{number}")
        flow = shown.begin(record)
        shown.inspecting.left(flow, record)
    shown.inspecting.over[0][0].flow.request.timestamp_start = None
    shown.inspecting.tell()
    assert [one.head["id"] for one in shown.frames()] == ["req_1"]
    assert "req_0 cannot be shown" in caplog.text


def test_our_secrets_are_all_that_gives_access_to_others() -> None:
    environ = {"OPENAI_API_KEY": "sk-one-two", "STRIPE_SECRET_KEY": "sk_live_x"}
    environ |= {"STRIPE_WEBHOOK_SECRET": "whsec_xyz", "EPAY_KEY": "short"}
    environ |= {"AUTOLIST_PUBLIC_URL": "https://ai.example.com"}
    found = set(secrets_of(load(CONFIG, environ)))
    assert found == {"sk-one-two", "sk_live_x", "whsec_xyz"}


@pytest.mark.parametrize(
    ("level", "bodies"), [("full", [True]), ("headers", [False]), ("off", [])]
)
def test_a_call_for_a_job_is_shown_as_far_as_its_key_allows(level, bodies) -> None:
    shown = Shown(level="headers", keys={CALL.job.key_id: level})
    shown.inspecting.called(CALL)
    frames = shown.frames()
    assert [bool(one.request and one.answer) for one in frames] == bodies
    assert all(one.kind == PUT for one in frames)


def test_a_call_for_a_job_is_redacted_and_dropped_as_all_else() -> None:
    shown = Shown()
    said = Called(True, 200, {}, b'{"echo":"' + SECRET.encode() + b'"}')
    shown.inspecting.called(replace(CALL, called=said))
    (frame,) = shown.frames()
    assert frame.answer == b'{"echo":"[secret]"}'
    shown.sending.connection = 0
    shown.inspecting.called(CALL)
    assert shown.frames() == [] and shown.sending.statistics.dropped == 1
