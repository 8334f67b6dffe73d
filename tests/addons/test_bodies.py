"""Bodies: bytes as they were sent, and nothing compressed."""

import pytest

from addons.bodies import plain_body
from addons.wire.errors import BadRequest
from tests.fakes import exchanges


@pytest.mark.parametrize("encoding", [None, "identity"])
def test_a_body_is_what_was_sent(encoding) -> None:
    headers = {"content-encoding": encoding} if encoding else {}
    assert plain_body(exchanges.flow(body=b"{}", headers=headers).request) == b"{}"
    assert plain_body(exchanges.flow(headers=headers).request) == b""


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_refused(encoding: str) -> None:
    flow = exchanges.flow(body=b"{}", headers={"content-encoding": encoding})
    with pytest.raises(BadRequest, match="not supported"):
        plain_body(flow.request)
