"""The collector keeps every body that is sent to it, and takes them all."""

import httpx

from tests.fakes.collector import Collector


def test_what_is_sent_is_kept() -> None:
    with Collector() as collector:
        for body in (b"first", b"second"):
            answer = httpx.post(collector.address, content=body, trust_env=False)
            assert (answer.status_code, answer.content) == (200, b"")
        assert collector.bodies == [b"first", b"second"]


def test_where_nothing_came_there_are_no_spans() -> None:
    with Collector() as collector:
        assert collector.bodies == []
