"""Prometheus, by the very files in docs/deploy that an operator copies.

Only the address, the token and the intervals are changed.
"""

import json
import shutil
import subprocess
import time
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

import httpx

from tests.scenarios.fronts import DEPLOY, HOST, free_port

PROGRAM = "prometheus"
WAIT_SECONDS = 30
LOOK_SECONDS = 0.05


class Prometheus:
    """Reads one gateway, from when it is ready to the end of the `with` block."""

    def __init__(self, home: Path, gateway: int, token: str) -> None:
        self.home = home
        home.mkdir()
        shutil.copy(DEPLOY / "alerts.yml", home)
        text = (DEPLOY / "prometheus.yml").read_text("utf-8")
        for old, new in [
            ("127.0.0.1:8000", f"{HOST}:{gateway}"),
            ('"the token"', json.dumps(token)),
            ("15s", "200ms"),
        ]:
            assert old in text, old
            text = text.replace(old, new)
        (home / "prometheus.yml").write_text(text, "utf-8")
        port = free_port()
        self.client = httpx.Client(base_url=f"http://{HOST}:{port}")
        self.command = [
            PROGRAM,
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={HOST}:{port}",
            "--log.level=error",
        ]

    @staticmethod
    def missing() -> bool:
        return shutil.which(PROGRAM) is None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE)
        self.until("it is ready", self.is_ready)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.process.terminate()
        self.process.communicate(timeout=WAIT_SECONDS)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "it did not start"
        try:
            return self.client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def until(self, what: str, reached: Any) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not reached():
            if time.monotonic() > end:
                raise TimeoutError(f"not yet so: {what}")
            Event().wait(LOOK_SECONDS)

    def ask(self, path: str, **params: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}", params=params).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[float]:
        """What an expression is now, a figure for each series."""
        result = self.ask("query", query=expression)["result"]
        return [float(one["value"][1]) for one in result]

    def rules(self) -> list[dict[str, Any]]:
        groups = self.ask("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]
