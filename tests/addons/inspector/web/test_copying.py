"""An entry becomes a flow that mitmproxy shows, saves and finds, and is not alive."""

import io

import orjson
import pytest
from mitmproxy import flowfilter
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.tools.web.app import flow_to_json

from addons.inspector.web.copying import CAPTURE, flow_id, flow_of
from tests.addons.inspector.web.entries import FACTS, frame


def test_a_flow_says_what_its_entry_does() -> None:
    flow = flow_of(frame(capture={"terms": "{}"}, peer="10.0.0.9"))
    shown = flow_to_json(flow)
    assert shown["request"]["path"] == "/api/v1/chat/completions [gpt-4o · ada]"
    assert shown["response"]["status_code"] == 200
    assert shown["comment"].startswith("12→34 tok · $0.0004")
    assert shown["client_conn"]["peername"][0] == "10.0.0.9"
    assert shown["response"]["timestamp_end"] == 1001.0
    known = orjson.loads(flow.metadata[CAPTURE])
    assert (known["part"], known["terms"], known["facts"]) == ("request", "{}", FACTS)


def test_a_flow_is_not_alive_and_cannot_be_killed() -> None:
    flow = flow_of(frame())
    assert not flow.live and not flow.killable and not flow.intercepted


def test_an_id_is_one_that_the_pages_take() -> None:
    assert set(flow_id("req_zz/1")) <= set("0123456789abcdef")
    assert flow_id("req_1") != flow_id("req_1/1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("~comment charged", True),
        ("~comment refused", False),
        ("~meta gpt-4o", True),
        ("~meta 'user: ada'", True),
        ("~meta 'user: bob'", False),
        ("~marker repeat", True),
        ("~marked", True),
        ("~u gpt-4o", True),
        ("~c 200", True),
    ],
)
def test_a_flow_is_found(text: str, found: bool) -> None:
    assert bool(flowfilter.match(text, flow_of(frame()))) is found


def test_a_flow_without_an_answer_says_what_became_of_it() -> None:
    facts = {**FACTS, "fault": "UpstreamFailed"}
    flow = flow_of(frame(status=0, facts=facts))
    assert flow.response is None
    assert flow.error is not None and flow.error.msg == "UpstreamFailed"


def test_a_body_is_what_was_read_whatever_its_headers_said() -> None:
    headers = [["content-encoding", "gzip"], ["content-length", "999"]]
    flow = flow_of(frame(answer=b"plain", answer_headers=headers))
    assert flow.response is not None
    assert flow.response.content == b"plain"
    assert flow.response.headers["content-length"] == "5"


def test_a_saved_flow_has_all_that_its_charge_is_computed_with() -> None:
    flow = flow_of(frame(capture={"terms": "{}"}))
    file = io.BytesIO()
    FlowWriter(file).add(flow)
    file.seek(0)
    (read,) = FlowReader(file).stream()
    assert read.metadata == flow.metadata
    assert read.id == flow.id
