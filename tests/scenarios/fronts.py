"""Servers in front of the gateway, by the very files in docs/deploy that are copied.

Only ports and paths of a file are changed. The gateway's networks and callers are told
apart by addresses of the loopback network, all of which are this machine's.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.scenarios.child import ROOT

DEPLOY = ROOT / "docs" / "deploy"
HOST = "127.0.0.1"
ADA, BOB = "127.0.0.5", "127.0.0.6"
WAIT_SECONDS = 20
CERTIFICATE, KEY, BOTH = "fullchain.pem", "privkey.pem", "ai.example.com.pem"
# Around nginx's file, as a distribution does it.
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
    include {home}/nginx.site;
}}
"""


class Front(ABC):
    """One of them, from when it listens to the end of the `with` block."""

    program: ClassVar[str]
    file: ClassVar[str]
    # The line that names a gateway, once for each.
    gateway: ClassVar[str]

    def __init__(self, home: Path, *gateways: int) -> None:
        self.home = home
        self.plain, self.secure = free_port(), free_port()
        home.mkdir()
        certificate(home)
        self.write(self.adapted(gateways))

    @classmethod
    def missing(cls) -> bool:
        return shutil.which(cls.program) is None

    @property
    @abstractmethod
    def changes(self) -> Sequence[tuple[str, str]]:
        """What the documented file has, and what stands there here and now."""

    @abstractmethod
    def write(self, text: str) -> None: ...

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def adapted(self, gateways: Sequence[int]) -> str:
        """The documented file; each change must find its place."""
        text = (DEPLOY / self.file).read_text("utf-8")
        (line,) = re.findall(self.gateway, text)
        lines = "".join(
            line.replace("8000", str(port)).replace(" one ", f" gateway{port} ")
            for port in gateways
        )
        for old, new in [(line, lines), *self.changes]:
            assert old in text, old
            text = text.replace(old, new)
        return text

    def run(self, *words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.secure}"

    @contextmanager
    def visitor(self, address: str = ADA) -> Iterator[httpx.Client]:
        """Somebody whose own address is this one."""
        trusts = ssl.create_default_context(cafile=str(self.home / CERTIFICATE))
        transport = httpx.HTTPTransport(verify=trusts, local_address=address)
        with httpx.Client(
            base_url=self.url, transport=transport, timeout=WAIT_SECONDS
        ) as client:
            yield client


class Nginx(Front):
    program = "nginx"
    file = "nginx.conf"
    gateway = r"    server 127\.0\.0\.1:8000 .*\n"

    @property
    def changes(self) -> Sequence[tuple[str, str]]:
        return [
            ("listen 80;", f"listen {HOST}:{self.plain};"),
            ("listen 443 ", f"listen {HOST}:{self.secure} "),
            ("/etc/letsencrypt/live/ai.example.com", str(self.home)),
        ]

    def write(self, text: str) -> None:
        (self.home / "nginx.site").write_text(text, "utf-8")
        user = "" if os.geteuid() else "user root;"
        around = AROUND.format(home=self.home, user=user)
        (self.home / "nginx.conf").write_text(around, "utf-8")

    @property
    def command(self) -> list[str]:
        path = str(self.home / "nginx.conf")
        return [self.program, "-p", str(self.home), "-c", path]

    def __enter__(self) -> Self:
        # It goes to the background when it listens.
        self.run(*self.command)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(*self.command, "-s", "stop")


class Haproxy(Front):
    program = "haproxy"
    file = "haproxy.cfg"
    gateway = r"    server one 127\.0\.0\.1:8000\n"

    @property
    def changes(self) -> Sequence[tuple[str, str]]:
        return [
            ("bind :80\n", f"bind {HOST}:{self.plain}\n"),
            ("bind :443 ", f"bind {HOST}:{self.secure} "),
            ("/etc/haproxy/certs", str(self.home)),
        ]

    def write(self, text: str) -> None:
        (self.home / self.file).write_text(text, "utf-8")

    def __enter__(self) -> Self:
        told = self.home / "pid"
        path = str(self.home / self.file)
        # It goes to the background when it listens.
        self.run(self.program, "-D", "-q", "-f", path, "-p", str(told))
        self.pid = int(told.read_text("ascii"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.kill(self.pid, signal.SIGTERM)


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def certificate(
    home: Path, begun: datetime = datetime(2020, 1, 1, tzinfo=UTC), days: int = 36_500
) -> None:
    """A certificate that signs itself, beside its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ai.example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begun)
        .not_valid_after(begun + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    chain = made.public_bytes(encoding)
    secret = key.private_bytes(
        encoding,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (home / CERTIFICATE).write_bytes(chain)
    (home / KEY).write_bytes(secret)
    (home / BOTH).write_bytes(chain + secret)
