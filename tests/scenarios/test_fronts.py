"""nginx and HAProxy in front of the gateway, by the files that docs/deploy has."""

import json
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from config import Settings
from storage.keys import Terms, create_key, mint
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.conftest import Start
from tests.scenarios.dial import ask_body
from tests.scenarios.fronts import ADA, BOB, HOST, Front, Haproxy, Nginx, free_port
from tests.scenarios.harness import Gateway

CHAT = "/api/v1/chat/completions"


@pytest.fixture(params=[Nginx, Haproxy])
def kind(request: pytest.FixtureRequest) -> type[Front]:
    if request.param.missing():
        pytest.skip(f"{request.param.program} is not installed")
    return request.param


def behind_a_front(settings: Settings) -> Settings:
    trusted = (ip_network(f"{HOST}/32"),)
    return replace(
        settings, listen=replace(settings.listen, trusted_proxies=trusted)
    )


@pytest.fixture
def gateway(start: Start) -> Gateway:
    return start(change=behind_a_front)


@pytest.fixture
def front(kind: type[Front], gateway: Gateway, tmp_path: Path) -> Iterator[Front]:
    with kind(tmp_path / "front", gateway.port) as front:
        yield front


def key_for(gateway: Gateway, address: str) -> dict[str, str]:
    """Credentials that are good from one address only."""
    account_id = gateway.caller().account_id
    key = mint(gateway.storage.secrets)
    terms = Terms(networks=(ip_network(address),))
    gateway.storage.writer.wait(create_key, account_id, key, "", terms)
    return {"Authorization": f"Bearer {key.plain}"}


def test_an_answer_comes_through_over_tls(gateway: Gateway, front: Front) -> None:
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    with front.visitor() as visitor:
        answer = visitor.post(CHAT, content=ask_body(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["cost"] > 0
    assert answer.headers["x-request-id"].startswith("req_")


def test_events_of_a_stream_are_not_kept_back(
    gateway: Gateway, front: Front, fake: FakeOpenAI
) -> None:
    gate = Gate()
    fake.script(Answer(edits=[after(3, gate)]))
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    with (
        front.visitor() as visitor,
        visitor.stream(
            "POST", CHAT, content=ask_body(stream=True), headers=headers
        ) as answer,
    ):
        lines = answer.iter_lines()
        seen = [next(lines) for _ in range(4)]
        assert any("You" in line for line in seen)
        gate.open()
        assert "data: [DONE]" in list(lines)


def test_the_client_s_address_is_the_one_that_counts(
    gateway: Gateway, front: Front
) -> None:
    headers = key_for(gateway, ADA)
    with front.visitor(ADA) as ada, front.visitor(BOB) as bob:
        assert ada.post(CHAT, content=ask_body(), headers=headers).status_code == 200
        refused = bob.post(CHAT, content=ask_body(), headers=headers)
    assert refused.json()["error"]["code"] == "address_not_allowed"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_what_a_client_claims_of_its_address_is_not_believed(
    gateway: Gateway, front: Front, name: str
) -> None:
    claimed = f"for={ADA}" if name == "Forwarded" else ADA
    headers = {**key_for(gateway, ADA), name: claimed}
    with front.visitor(BOB) as bob:
        answer = bob.post(CHAT, content=ask_body(), headers=headers)
    assert answer.status_code == 403


def test_whoever_signs_in_gets_a_cookie_for_tls_only(front: Front) -> None:
    with front.visitor() as visitor:
        answer = visitor.post(
            "/api/auth.php?action=register",
            json={"email": "ada@example.com", "password": "password"},
            headers={"Origin": front.url},
        )
    assert answer.status_code == 200, answer.text
    assert "Secure" in answer.headers["set-cookie"]


def test_who_comes_without_tls_is_sent_to_it(front: Front) -> None:
    answer = httpx.get(f"http://{HOST}:{front.plain}/x?y=1", trust_env=False)
    assert answer.status_code == 301
    there = httpx.URL(answer.headers["location"])
    assert (there.scheme, there.host, there.raw_path) == ("https", HOST, b"/x?y=1")


def test_metrics_are_not_for_everybody(front: Front) -> None:
    with front.visitor() as visitor:
        assert visitor.get("/metrics").status_code == 404


@pytest.mark.parametrize("mebibytes", [21, 22])
def test_a_body_that_is_too_large_is_refused_in_the_api_s_shape(
    gateway: Gateway, front: Front, mebibytes: int
) -> None:
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    with front.visitor() as visitor:
        body = b" " * (mebibytes * 2**20)
        answer = visitor.post(CHAT, content=body, headers=headers)
    assert (answer.status_code, error_code(answer)) == (413, "body_too_large")


def test_without_a_gateway_the_answer_says_when_to_come_back(
    gateway: Gateway, front: Front
) -> None:
    gateway.stop()
    with front.visitor() as visitor:
        answer = visitor.post(CHAT, content=ask_body())
    assert (answer.status_code, error_code(answer)) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_gateway_that_is_down_is_passed_over(
    kind: type[Front], gateway: Gateway, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    ports = (free_port(), gateway.port)
    with kind(tmp_path / "front", *ports) as front, front.visitor() as visitor:
        for _ in range(4):
            answer = visitor.post(CHAT, content=ask_body(), headers=headers)
            assert answer.status_code == 200, answer.text


def error_code(answer: httpx.Response) -> str:
    return str(json.loads(answer.content)["error"]["code"])
