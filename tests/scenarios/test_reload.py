"""The files are read again on SIGHUP: real processes, real signals, traffic meanwhile.

What is in force is told by what it does: which price a charge has, which credential a
provider gets, which models there are. That a reload is over is told by the metrics.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI, Received
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import Dial, chat, events
from tests.scenarios.harness import environ_of
from tests.scenarios.site import WAIT_SECONDS, Operator, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

OLD = 'sell: {input: "2.50", cache_read: "1.25", output: "10.00"}'
NEW = 'sell: {input: "25.00", cache_read: "12.50", output: "100.00"}'
"""Ten times as dear."""
SPARE = "sk-spare-credential"


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=None) as fake:
        yield fake


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def site(
    request: pytest.FixtureRequest, fake: FakeOpenAI, tmp_path: Path
) -> Iterator[Site]:
    operator = Operator(tmp_path / "config")
    environ = {**environ_of(fake), "SPARE_KEY": SPARE}
    flags = ["--config", str(operator.config), "--workers", str(request.param)]
    with Child(tmp_path / "data", environ, *flags) as child:
        yield Site(operator, child)
        assert child.stop() == 0
    prove(tmp_path / "data")


def cost(answer: httpx.Response) -> float:
    assert answer.status_code == 200, answer.text
    return float(answer.json()["usage"]["cost"])


def credential(request: Received) -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")


def test_a_stream_goes_on_by_its_price_and_the_next_request_has_the_new_one(
    site: Site, fake: FakeOpenAI
) -> None:
    cheap = cost(site.ask())
    gate = Gate()
    fake.script(Answer(edits=[after(2, gate)]))
    with Dial(site.child.port) as dial:
        dial.socket.settimeout(WAIT_SECONDS)
        dial.send(chat(site.key, stream=True))
        assert dial.head()[0] == 200
        assert gate.reached.wait(WAIT_SECONDS)
        site.operator.edit("prices.yaml", OLD, NEW)
        site.reload()
        # Both are running now, one by each price.
        dear = cost(site.ask())
        gate.open()
        streamed = events(dial.pieces())
    assert streamed[-1] == "[DONE]"
    (charged,) = [one["usage"]["cost"] for one in streamed[:-1] if one.get("usage")]
    assert (charged, dear) == (cheap, pytest.approx(10 * cheap))


def test_files_with_a_mistake_change_nothing_and_say_why(
    site: Site, fake: FakeOpenAI
) -> None:
    site.operator.edit("prices.yaml", OLD, NEW)
    site.operator.edit("providers.yaml", "kind: chat", "kind: chats")
    cheap = cost(site.ask())
    site.reload()
    assert site.figures()[1] == 0
    assert cost(site.ask()) == cheap
    assert "nothing is changed" in site.child.log
    assert "providers.yaml:106: models.gpt-4o.kind: " in site.child.log
    assert SPARE not in site.child.log
    site.operator.edit("providers.yaml", "kind: chats", "kind: chat")
    site.reload()
    assert site.figures()[1] == 1
    assert cost(site.ask()) == pytest.approx(10 * cheap)


def test_another_credential_is_used_and_a_model_that_is_gone_is_unknown(
    site: Site, fake: FakeOpenAI
) -> None:
    site.ask()
    assert credential(fake.requests[-1]) == "sk-fake"
    site.operator.edit(
        "providers.yaml", "credentials: [OPENAI_API_KEY]", "credentials: [SPARE_KEY]"
    )
    site.operator.edit("providers.yaml", "  gpt-4o-mini:\n", "  gpt-4o-tiny:\n")
    site.reload()
    site.ask()
    assert credential(fake.requests[-1]) == SPARE
    gone = site.ask(model="gpt-4o-mini")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "model_not_found")
    unpriced = site.ask(model="gpt-4o-tiny")
    assert unpriced.status_code == 503
    with site.child.visitor() as visitor:
        headers = {"Authorization": f"Bearer {site.key}"}
        listed = visitor.get("/api/v1/models", headers=headers).json()["data"]
    assert "gpt-4o-tiny" in [one["id"] for one in listed]


def test_what_only_a_restart_changes_is_named_and_left(
    site: Site, fake: FakeOpenAI
) -> None:
    site.operator.edit("gateway.yaml", "  port: 8000", "  port: 8001")
    site.operator.edit("gateway.yaml", "  grace_time: 30s", "  grace_time: 31s")
    site.operator.edit("gateway.yaml", "  queue_max: 4096", "  queue_max: 4097")
    site.operator.edit("gateway.yaml", "  rpm: 6000", "  rpm: 2")
    site.reload()
    # The command line says which port it is.
    assert "only by a restart: listen.grace_time, ledger.queue_max" in site.child.log
    assert [site.ask().status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("site", [2], indirect=True, ids=["two workers"])
def test_a_worker_that_is_started_later_has_what_the_others_have(
    site: Site, fake: FakeOpenAI
) -> None:
    cheap = cost(site.ask())
    site.operator.edit("prices.yaml", OLD, NEW)
    site.reload()
    # What nobody has read yet is not for one of them alone.
    site.operator.edit("prices.yaml", NEW, OLD)
    first = site.child.workers()
    os.kill(first[0], signal.SIGKILL)
    site.until(lambda: len(set(site.child.workers()) - {first[0]}) == 2)
    os.kill(first[1], signal.SIGKILL)
    site.until(lambda: not set(first) & set(site.child.workers()))
    site.until(site.answers)
    assert cost(site.ask()) == pytest.approx(10 * cheap)


def test_a_signal_for_a_worker_alone_ends_nobody(
    site: Site, fake: FakeOpenAI
) -> None:
    for one in (site.child.process.pid, *site.child.workers()):
        os.kill(one, signal.SIGHUP)
    site.reload()
    assert site.ask().status_code == 200
