"""Requests are found in a file with their calls, and what is none is passed over."""

import io

import pytest
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import tflow

from addons.inspector.capture import captured, stories_of
from addons.inspector.web.copying import CAPTURE, flow_of
from tests.addons.inspector.captures import stories
from tests.addons.inspector.web.entries import FACTS, frame

CALL = {"request": "req_1", "attempt": 1, "call": 1}


def test_a_request_has_its_calls_in_their_order() -> None:
    calls = [
        frame(id=f"req_1/{n}", part="call", facts={**CALL, "call": n}) for n in (2, 1)
    ]
    other = frame(id="req_2", facts={**FACTS, "request": "req_2"})
    first, second = stories(*calls, frame(), other)
    assert (first.request.id, second.request.id) == ("req_1", "req_2")
    assert [call.facts["call"] for call in first.calls] == [1, 2]
    assert second.calls == []


def test_an_entry_is_what_was_shown() -> None:
    (story,) = stories(frame(whole=[True, False]))
    request = story.request
    assert (request.request, request.answer, request.status) == (b"{}", b"data", 200)
    assert request.is_whole == (True, False)


def test_calls_without_their_request_are_passed_over() -> None:
    assert stories(frame(id="req_1/1", part="call", facts=CALL)) == []


@pytest.mark.parametrize(
    "known", ["", "{", "[]", "{}", '{"part":"request"}', '{"part":1,"facts":{}}']
)
def test_what_is_no_entry_is_passed_over(known: str) -> None:
    flow = flow_of(frame())
    flow.metadata[CAPTURE] = known
    assert captured(flow) is None


def test_flows_of_others_are_passed_over() -> None:
    file = io.BytesIO()
    writer = FlowWriter(file)
    for flow in (tflow.tflow(resp=True), tflow.ttcpflow()):
        writer.add(flow)
    file.seek(0)
    assert stories_of(FlowReader(file).stream()) == []
