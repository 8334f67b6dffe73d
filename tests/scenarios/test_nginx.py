"""nginx in front, by docs/deploy/nginx.conf: the very file that operators copy.

Only names, ports and paths of it are changed. The gateway's networks and callers are
told apart by addresses of the loopback network, all of which are this machine's.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config import Settings
from storage.keys import Terms, create_key, mint
from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import ROOT
from tests.scenarios.conftest import Start
from tests.scenarios.dial import ask_body
from tests.scenarios.harness import Gateway

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed"
)

CONF = ROOT / "docs" / "deploy" / "nginx.conf"
NGINX = "127.0.0.1"
ADA, BOB = "127.0.0.5", "127.0.0.6"
CHAT = "/api/v1/chat/completions"
WAIT_SECONDS = 20
# Around the file, as a distribution does it.
AROUND = """\
{user}
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/site.conf;
}}
"""


def free_port() -> int:
    with socket.create_server((NGINX, 0)) as probe:
        return int(probe.getsockname()[1])


def certificate(home: Path) -> None:
    """A certificate that signs itself, beside its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ai.example.com")])
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begun)
        .not_valid_after(begun + timedelta(days=36_500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(NGINX))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (home / "fullchain.pem").write_bytes(made.public_bytes(encoding))
    secret = key.private_bytes(
        encoding,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (home / "privkey.pem").write_bytes(secret)


def site(home: Path, plain: int, secure: int, gateways: Sequence[int]) -> str:
    """The documented file, here and now; each change must find its place."""
    text = CONF.read_text("utf-8")
    (line,) = re.findall(r"    server 127\.0\.0\.1:8000 .*\n", text)
    lines = "".join(line.replace("8000", str(port)) for port in gateways)
    changes = [
        (line, lines),
        ("listen 80;", f"listen {NGINX}:{plain};"),
        ("listen 443 ", f"listen {NGINX}:{secure} "),
        ("/etc/letsencrypt/live/ai.example.com", str(home)),
    ]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


class Nginx:
    def __init__(self, home: Path, gateways: Sequence[int]) -> None:
        self.home = home
        self.plain, self.secure = free_port(), free_port()
        home.mkdir()
        certificate(home)
        said = site(home, self.plain, self.secure, gateways)
        (home / "site.conf").write_text(said, "utf-8")
        user = "" if os.geteuid() else "user root;"
        around = AROUND.format(home=home, user=user)
        (home / "nginx.conf").write_text(around, "utf-8")

    def run(self, *words: str) -> None:
        path = str(self.home / "nginx.conf")
        command = ["nginx", "-p", str(self.home), "-c", path, *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @property
    def url(self) -> str:
        return f"https://{NGINX}:{self.secure}"

    @contextmanager
    def visitor(self, address: str = ADA) -> Iterator[httpx.Client]:
        """Somebody whose own address is this one."""
        trusts = ssl.create_default_context(cafile=str(self.home / "fullchain.pem"))
        transport = httpx.HTTPTransport(verify=trusts, local_address=address)
        with httpx.Client(
            base_url=self.url, transport=transport, timeout=WAIT_SECONDS
        ) as client:
            yield client


@contextmanager
def in_front(home: Path, *gateways: int) -> Iterator[Nginx]:
    nginx = Nginx(home, gateways)
    # It goes to the background when it listens.
    nginx.run()
    try:
        yield nginx
    finally:
        nginx.run("-s", "stop")


def behind_nginx(settings: Settings) -> Settings:
    trusted = (ip_network(f"{NGINX}/32"),)
    return replace(
        settings, listen=replace(settings.listen, trusted_proxies=trusted)
    )


@pytest.fixture
def gateway(start: Start) -> Gateway:
    return start(change=behind_nginx)


@pytest.fixture
def nginx(gateway: Gateway, tmp_path: Path) -> Iterator[Nginx]:
    with in_front(tmp_path / "nginx", gateway.port) as nginx:
        yield nginx


def key_for(gateway: Gateway, address: str) -> dict[str, str]:
    """Credentials that are good from one address only."""
    account_id = gateway.caller().account_id
    key = mint(gateway.storage.secrets)
    terms = Terms(networks=(ip_network(address),))
    gateway.storage.writer.wait(create_key, account_id, key, "", terms)
    return {"Authorization": f"Bearer {key.plain}"}


def test_an_answer_comes_through_over_tls(gateway: Gateway, nginx: Nginx) -> None:
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    with nginx.visitor() as visitor:
        answer = visitor.post(CHAT, content=ask_body(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["cost"] > 0
    assert answer.headers["x-request-id"].startswith("req_")


def test_events_of_a_stream_are_not_kept_back(
    gateway: Gateway, nginx: Nginx, fake: FakeOpenAI
) -> None:
    gate = Gate()
    fake.script(Answer(edits=[after(3, gate)]))
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    with (
        nginx.visitor() as visitor,
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
    gateway: Gateway, nginx: Nginx
) -> None:
    headers = key_for(gateway, ADA)
    with nginx.visitor(ADA) as ada, nginx.visitor(BOB) as bob:
        assert ada.post(CHAT, content=ask_body(), headers=headers).status_code == 200
        refused = bob.post(CHAT, content=ask_body(), headers=headers)
    assert refused.json()["error"]["code"] == "address_not_allowed"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_what_a_client_claims_of_its_address_is_not_believed(
    gateway: Gateway, nginx: Nginx, name: str
) -> None:
    claimed = f"for={ADA}" if name == "Forwarded" else ADA
    headers = {**key_for(gateway, ADA), name: claimed}
    with nginx.visitor(BOB) as bob:
        answer = bob.post(CHAT, content=ask_body(), headers=headers)
    assert answer.status_code == 403


def test_whoever_signs_in_gets_a_cookie_for_tls_only(nginx: Nginx) -> None:
    with nginx.visitor() as visitor:
        answer = visitor.post(
            "/api/auth.php?action=register",
            json={"email": "ada@example.com", "password": "password"},
            headers={"Origin": nginx.url},
        )
    assert answer.status_code == 200, answer.text
    assert "Secure" in answer.headers["set-cookie"]


def test_who_comes_without_tls_is_sent_to_it(nginx: Nginx) -> None:
    answer = httpx.get(f"http://{NGINX}:{nginx.plain}/x?y=1", trust_env=False)
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{NGINX}/x?y=1"


def test_metrics_are_not_for_everybody(nginx: Nginx) -> None:
    with nginx.visitor() as visitor:
        assert visitor.get("/metrics").status_code == 404


@pytest.mark.parametrize("mebibytes", [21, 22])
def test_a_body_that_is_too_large_is_refused_in_the_api_s_shape(
    gateway: Gateway, nginx: Nginx, mebibytes: int
) -> None:
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    with nginx.visitor() as visitor:
        body = b" " * (mebibytes * 2**20)
        answer = visitor.post(CHAT, content=body, headers=headers)
    assert (answer.status_code, error_code(answer)) == (413, "body_too_large")


def test_without_a_gateway_the_answer_says_when_to_come_back(
    gateway: Gateway, nginx: Nginx
) -> None:
    gateway.stop()
    with nginx.visitor() as visitor:
        answer = visitor.post(CHAT, content=ask_body())
    assert (answer.status_code, error_code(answer)) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_gateway_that_is_down_is_passed_over(
    gateway: Gateway, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {gateway.caller().key}"}
    ports = (free_port(), gateway.port)
    with in_front(tmp_path / "nginx", *ports) as nginx, nginx.visitor() as visitor:
        for _ in range(4):
            answer = visitor.post(CHAT, content=ask_body(), headers=headers)
            assert answer.status_code == 200, answer.text


def error_code(answer: httpx.Response) -> str:
    return str(json.loads(answer.content)["error"]["code"])
