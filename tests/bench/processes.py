"""The programs under measurement: starting them, stopping them, reading their CPU.

CPU time is read from /proc for a whole process tree, user and system together, so
that helpers and kernel work done on a program's behalf count as its own.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
MICROSECONDS_PER_TICK = 1_000_000 // os.sysconf("SC_CLK_TCK")
# Positions in /proc/<pid>/stat after the command: user, system, and both of the
# children that were waited for.
TIMES = slice(11, 15)
PARENT = 1


@dataclass(frozen=True, slots=True)
class Leg:
    """One way from the load to the upstream."""

    name: str
    pid: int
    port: int
    path: str = "/v1/chat/completions"
    key: str = "sk-bench"
    # How many times more requests it takes until the clock ticks tell its CPU time.
    haste: int = 1

    def cpu_us(self) -> int:
        return sum(map(cpu_us, [self.pid, *descendants(self.pid)]))


def stat(pid: int) -> list[str]:
    """The fields after the command, whose brackets may hold anything; [] if gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def cpu_us(pid: int) -> int:
    return sum(map(int, stat(pid)[TIMES])) * MICROSECONDS_PER_TICK


def descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := stat(int(entry.name))):
            parents.setdefault(int(fields[PARENT]), []).append(int(entry.name))
    found = list(parents.get(pid, []))
    for child in found:
        found += parents.get(child, [])
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"nobody listens on port {port}")


@contextmanager
def running(
    command: list[str], environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Its standard output is the caller's to read; the rest shows only on failure."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            yield process
        except BaseException:
            log.seek(0)
            sys.stderr.buffer.write(log.read()[-4000:])
            raise
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


@contextmanager
def upstream() -> Iterator[int]:
    with running([sys.executable, "-m", "tests.bench.upstream"]) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextmanager
def mitmdump(upstream_port: int, home: Path) -> Iterator[Leg]:
    port = free_port()
    program = Path(sys.executable).with_name("mitmdump")
    command = [str(program), "--quiet", "--listen-host", HOST, "--listen-port"]
    command += [str(port), "--mode", f"reverse:http://{HOST}:{upstream_port}"]
    # Without streaming it would hold every answer back until its end.
    command += ["--set", f"confdir={home}", "--set", "stream_large_bodies=1"]
    with running(command) as process:
        wait_for_port(port, process)
        yield Leg("mitmdump", process.pid, port)


NGINX = """
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {home}; proxy_temp_path {home};
  fastcgi_temp_path {home}; uwsgi_temp_path {home}; scgi_temp_path {home};
  keepalive_requests 1000000;
  upstream provider {{ server {host}:{upstream}; keepalive 64; }}
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@contextmanager
def nginx(upstream_port: int, home: Path) -> Iterator[Leg]:
    port = free_port()
    config = home / "nginx.conf"
    text = NGINX.format(home=home, host=HOST, port=port, upstream=upstream_port)
    config.write_text(text, "utf-8")
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "asked for only where it is installed"
    with running([program, "-c", str(config), "-e", f"{home}/error.log"]) as process:
        wait_for_port(port, process)
        yield Leg("nginx", process.pid, port, haste=10)


def has_nginx() -> bool:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is not None


@contextmanager
def ours(
    upstream_port: int,
    home: Path,
    workers: int = 1,
    flags: Sequence[str] = (),
    name: str = "autolist",
) -> Iterator[Leg]:
    port = free_port()
    config = unlimited_config(home)
    command = [sys.executable, "run_proxy.py", "serve", "--config", str(config)]
    command += ["--data", str(home / "data"), "--host", HOST, "--port", str(port)]
    # One process, as the others are.
    command += ["--workers", str(workers), *flags]
    environ = {
        "OPENAI_BASE_URL": f"http://{HOST}:{upstream_port}/v1",
        "OPENAI_API_KEY": "sk-bench",
    }
    with running(command, environ) as process:
        wait_for_port(port, process)
        key = register(port)
        yield Leg(name, process.pid, port, "/api/v1/chat/completions", key)


def unlimited_config(home: Path) -> Path:
    """The shipped configuration, but nobody is throttled and nobody runs out."""
    config = Path(shutil.copytree(ROOT / "config", home / "config"))
    path = config / "gateway.yaml"
    text = path.read_text("utf-8")
    for name, value in [("rpm", "0"), ("tpm", "0"), ("concurrency", "0")]:
        text = replace(text, name, value)
    path.write_text(replace(text, "welcome", '"100000.00"'), "utf-8")
    return config


def replace(text: str, name: str, value: str) -> str:
    text, count = re.subn(rf"(?m)^(\s+{name}:).*$", rf"\1 {value}", text)
    if count != 1:
        raise ValueError(f"gateway.yaml: {name} stands there {count} times")
    return text


def register(port: int) -> str:
    answer = httpx.post(
        f"http://{HOST}:{port}/api/auth.php?action=register",
        json={"email": "bench@example.com", "password": "bench-password"},
        trust_env=False,
    )
    answer.raise_for_status()
    return str(answer.json()["data"]["user"]["api_key"])
