"""https by the gateway itself: real handshakes, real clients, and those who stall."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import DefaultHttpxClient, OpenAI

from tests.fakes.openai_script import Answer, Gate, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import HELLO, Dial, ask_body, request
from tests.scenarios.fronts import CERTIFICATE, KEY, certificate
from tests.scenarios.harness import environ_of
from tests.scenarios.site import WAIT_SECONDS, Operator, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HEAD_TIME = "2s"
CONNECTIONS_MAX = 8


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator")


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def site(
    request: pytest.FixtureRequest,
    fake: FakeOpenAI,
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    operator = Operator(tmp_path_factory.mktemp("config") / "config")
    operator.edit("gateway.yaml", "header_time: 10s", f"header_time: {HEAD_TIME}")
    certificate(home)
    flags = ["--config", str(operator.config), "--workers", str(request.param)]
    flags += ["--tls-certificate", str(home / CERTIFICATE)]
    flags += ["--tls-key", str(home / KEY)]
    data = tmp_path_factory.mktemp("data")
    with Child(data, environ_of(fake), *flags) as child:
        yield Site(operator, child, trusting(home))
        assert child.stop() == 0
    prove(data)


def trusting(home: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(home / CERTIFICATE))


def shown(site: Site, home: Path) -> bytes:
    """The certificate on a new connection."""
    text = ssl.get_server_certificate(("127.0.0.1", site.child.port))
    return text.encode()


def test_the_greeting_says_https(site: Site) -> None:
    assert site.child.url.startswith("https://127.0.0.1:")


def test_sdks_stream_over_it(site: Site, fake: FakeOpenAI) -> None:
    gate = Gate()
    fake.script(Answer("one two three", edits=[after(2, gate)]))
    with OpenAI(
        base_url=site.child.api,
        api_key=site.key,
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False, verify=site.verify),
    ) as client:
        stream = client.chat.completions.create(
            model="gpt-4o", messages=HELLO, stream=True
        )
        pieces = []
        for chunk in stream:
            # The rest comes only when the beginning has arrived.
            gate.open()
            pieces += [one.delta.content or "" for one in chunk.choices]
    assert "".join(pieces) == "one two three"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("flag", ["--http1.1", "--http2", "--tlsv1.3", "--tls-max=1.2"])
def test_curl_gets_its_answer_whatever_it_would_rather_speak(
    site: Site, home: Path, flag: str
) -> None:
    flags = flag.replace("=", " ").split()
    done = subprocess.run(
        [
            *("curl", "--silent", "--noproxy", "*", *flags),
            *("--cacert", str(home / CERTIFICATE)),
            *("--write-out", "\n%{http_version} %{http_code}"),
            *("--header", f"Authorization: Bearer {site.key}"),
            *("--data-binary", ask_body().decode()),
            f"{site.child.api}/chat/completions",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("\n1.1 200")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions_that_are_broken_are_refused(site: Site, home: Path, version) -> None:
    context = trusting(home)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", site.child.port)) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_nothing_is_said_in_clear(site: Site) -> None:
    with Dial(site.child.port) as dial:
        dial.send(request("GET", "/healthz"))
        try:
            heard = dial.rest()
        except ConnectionError:
            heard = b""
    # An alert at most.
    assert b"HTTP" not in heard


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01"])
def test_whoever_does_not_get_on_with_it_is_closed(site: Site, begun: bytes) -> None:
    with Dial(site.child.port) as dial:
        dial.socket.settimeout(WAIT_SECONDS)
        dial.send(begun)
        try:
            assert b"HTTP" not in dial.rest()
        except ConnectionError:
            pass
    assert site.ask().status_code == 200


def test_a_head_that_does_not_come_is_told_over_it(site: Site) -> None:
    verify = site.verify
    assert isinstance(verify, ssl.SSLContext)
    with socket.create_connection(("127.0.0.1", site.child.port)) as plain:
        plain.settimeout(WAIT_SECONDS)
        with verify.wrap_socket(plain, server_hostname="127.0.0.1") as line:
            line.sendall(b"GET /heal")
            assert line.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_cookies_stay_on_it_and_so_do_browsers(site: Site) -> None:
    with site.client() as client:
        answer = client.post(
            "/api/auth.php?action=login",
            json={"email": "user@example.com", "password": "password"},
        )
        assert answer.is_success
        assert "; Secure" in answer.headers["set-cookie"]
        page = client.get("/public/login.html")
        assert page.headers["strict-transport-security"] == "max-age=2592000"


def test_whose_word_on_the_scheme_counts_does_not_change(site: Site) -> None:
    """Nobody is trusted here: who says http came over TLS all the same."""
    with site.client() as client:
        answer = client.post(
            "/api/auth.php?action=login",
            headers={"X-Forwarded-Proto": "http"},
            json={"email": "user@example.com", "password": "password"},
        )
        assert "; Secure" in answer.headers["set-cookie"]


def test_a_renewed_certificate_is_shown_after_sighup(site: Site, home: Path) -> None:
    old = (home / CERTIFICATE).read_bytes()
    kept = site.client()
    with kept:
        assert kept.get("/healthz").is_success
        key = (home / KEY).read_bytes()
        certificate(home)
        renewed = (home / CERTIFICATE).read_bytes()
        (home / KEY).write_bytes(key)
        # Half renewed: the key is still the old one's.
        site.reload()
        assert site.figures()[1] == 0
        assert shown(site, home) == old
        assert "key values mismatch" in site.child.log
        certificate(home)
        renewed = (home / CERTIFICATE).read_bytes()
        before = site.figures()
        site.hang_up()
        trusts_both = trusting(home)
        trusts_both.load_verify_locations(cadata=old.decode())
        site.verify = trusts_both
        site.until(lambda: site.figures() != before)
        assert shown(site, home) == renewed
        # Who was connected is not disturbed.
        assert kept.get("/healthz").is_success
    assert httpx.get(
        f"{site.child.url}/healthz", verify=trusts_both, trust_env=False
    ).is_success


def test_handshakes_count_as_connections(fake: FakeOpenAI, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "config")
    certificate(tmp_path)
    operator.edit(
        "gateway.yaml", "connections_max: 4096", f"connections_max: {CONNECTIONS_MAX}"
    )
    flags = ["--config", str(operator.config)]
    flags += ["--tls-certificate", str(tmp_path / CERTIFICATE)]
    flags += ["--tls-key", str(tmp_path / KEY)]
    with Child(tmp_path / "data", environ_of(fake), *flags) as child:
        silent = [Dial(child.port) for _ in range(CONNECTIONS_MAX)]
        with Dial(child.port) as one_more:
            with pytest.raises((EOFError, ConnectionError)):
                one_more.exactly(1)
        for dial in silent:
            dial.socket.close()
        site = Site(operator, child, trusting(tmp_path))
        assert site.ask().status_code == 200
        assert child.stop() == 0
