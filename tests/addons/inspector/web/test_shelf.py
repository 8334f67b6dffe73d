"""The shelf has no more than there may be, and what it has is the newest."""

from mitmproxy.addons.view import View

from addons.inspector.framing import GROW, Frame
from addons.inspector.web.copying import flow_id
from addons.inspector.web.shelf import FLOW_BYTES, Shelf
from tests.addons.inspector.web.entries import FACTS, frame


def shelf(flows_max: int = 100, bytes_max: int = 10**9) -> Shelf:
    return Shelf(View(), flows_max, bytes_max)


def put(number: int, **fields) -> Frame:
    return frame(id=f"req_{number}", start=1000.0 + number, **fields)


def grow(start: int, more: bytes) -> Frame:
    return Frame(GROW, {"id": "req_1", "from": start}, b"", more)


def show(made: Shelf, *frames: Frame, at_once: bool = True) -> None:
    for one in frames:
        made.take(one)
        if not at_once:
            made.step()
    while made.step():
        continue


def answer(made: Shelf) -> bytes:
    flow = made.shown(flow_id("req_1"))
    assert flow is not None and flow.response is not None
    return flow.response.raw_content or b""


def test_the_oldest_go_by_count() -> None:
    made = shelf(flows_max=10)
    for number in range(250):
        show(made, put(number))
    starts = [flow.timestamp_created for flow in made.view]
    assert starts == [1000.0 + number for number in range(240, 250)]
    assert made.bytes == 10 * (FLOW_BYTES + 6)


def test_the_oldest_go_by_bytes() -> None:
    made = shelf(bytes_max=3 * (FLOW_BYTES + 1000))
    for number in range(10):
        show(made, put(number, request=b"", answer=b"x" * 1000))
    assert len(made.view) == 3 and len(made.sizes) == 3


def test_a_flood_makes_no_flows_that_would_go_at_once() -> None:
    made = shelf(flows_max=10)
    for number in range(1000):
        made.take(put(number))
    assert (len(made.waiting), made.skipped) == (10, 990)
    assert made.waiting_bytes == 10 * (FLOW_BYTES + 6)
    show(made)
    assert len(made.view) == 10 and made.waiting_bytes == 0


def test_what_waits_for_nobody_takes_the_place_of_what_was_shown() -> None:
    made = shelf(flows_max=10)
    for number in range(10):
        show(made, put(number))
    for number in range(10, 25):
        made.take(put(number))
    assert (len(made.waiting), len(made.view), made.skipped) == (10, 5, 5)
    for number in range(25, 50):
        made.take(put(number))
    assert (len(made.waiting), len(made.view), made.bytes) == (10, 0, 0)
    made.draw()
    starts = [flow.timestamp_created for flow in made.view]
    assert starts == [1000.0 + number for number in range(40, 50)]


def test_what_is_too_large_for_the_shelf_is_not_on_it() -> None:
    made = shelf(bytes_max=1000)
    show(made, put(1, answer=b"x" * 2000))
    assert len(made.view) == 0 and made.bytes == 0


def test_an_answer_grows_whether_seen_at_once_or_step_by_step() -> None:
    for at_once in (True, False):
        made = shelf()
        first = put(1, answer=b"one", live=True, end=None)
        show(made, first, grow(3, b"two"), grow(6, b"three"), at_once=at_once)
        assert answer(made) == b"onetwothree"
        assert made.bytes == FLOW_BYTES + 2 + 11


def test_the_end_of_a_stream_brings_its_facts_with_it() -> None:
    for at_once in (True, False):
        made = shelf()
        facts = {**FACTS, "state": "running"}
        first = put(1, answer=b"one", live=True, end=None, facts=facts)
        last = frame(GROW, b"", b"end", **{"from": 6})
        show(made, first, grow(3, b"two"), last, at_once=at_once)
        flow = made.shown(flow_id("req_1"))
        assert answer(made) == b"onetwoend"
        assert flow is not None and flow.comment.endswith("charged")
        assert flow.request.raw_content == b"{}"


def test_a_gap_is_not_papered_over() -> None:
    for at_once in (True, False):
        made = shelf()
        first = put(1, answer=b"one", live=True, end=None)
        show(made, first, grow(6, b"three"), at_once=at_once)
        assert answer(made) == b"one"
        show(made, put(1, answer=b"onetwothree"))
        assert answer(made) == b"onetwothree"


def test_the_end_of_what_is_not_there_is_passed_over() -> None:
    made = shelf()
    show(made, grow(3, b"two"))
    assert len(made.view) == 0


def test_whoever_looks_at_a_flow_goes_on_looking_at_it() -> None:
    made = shelf()
    show(made, put(1))
    before = made.shown(flow_id("req_1"))
    show(made, put(1, status=500))
    assert made.shown(flow_id("req_1")) is before
    assert before is not None and before.response is not None
    assert before.response.status_code == 500


def test_what_cannot_be_shown_does_not_keep_others_off(caplog) -> None:
    made = shelf()
    show(made, put(1, facts=None), put(2))
    assert len(made.view) == 1
    assert "cannot be shown" in caplog.text
