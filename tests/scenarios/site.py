"""A gateway as a process of its own, and whoever edits its files while it runs.

That a reload is over is told by the metrics: they say since when the configuration is
in force, of whichever worker has the oldest, and whether the last was taken.
"""

import shutil
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.scenarios.child import Child
from tests.scenarios.dial import ask_body
from tests.scenarios.harness import CONFIG

WAIT_SECONDS = 60
EMAIL = "user@example.com"


class Operator:
    """Who edits the files of a running gateway."""

    def __init__(self, config: Path) -> None:
        shutil.copytree(CONFIG, config)
        self.config = config

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.config / name
        text = path.read_text("utf-8")
        assert text.count(old) >= 1, f"{old} is not in {name}"
        path.write_text(text.replace(old, new, 1), "utf-8")


class Site:
    """A gateway, its operator, and a user's key."""

    def __init__(
        self, operator: Operator, child: Child, verify: ssl.SSLContext | bool = True
    ) -> None:
        self.operator, self.child, self.verify = operator, child, verify
        with self.client() as client:
            answer = client.post(
                "/api/auth.php?action=register",
                json={"email": EMAIL, "password": "password"},
            )
        self.key = str(answer.raise_for_status().json()["data"]["user"]["api_key"])

    def client(self) -> httpx.Client:
        """With connections of its own."""
        return httpx.Client(
            base_url=self.child.url,
            verify=self.verify,
            trust_env=False,
            timeout=WAIT_SECONDS,
        )

    def hang_up(self) -> None:
        self.child.signal(signal.SIGHUP)

    def reload(self) -> None:
        """SIGHUP, and wait until its outcome is known everywhere."""
        before = self.figures()
        self.hang_up()
        self.until(lambda: self.figures() != before)

    def figures(self) -> tuple[float, float]:
        """Since when the configuration is in force, and whether the last was taken."""
        with self.client() as client:
            answer = client.get("/metrics")
        found = dict(
            line.rsplit(" ", 1)
            for line in answer.text.splitlines()
            if line.startswith("autolist_config_")
        )
        return (
            float(found["autolist_config_loaded_timestamp_seconds"]),
            float(found["autolist_config_reload_successful"]),
        )

    def until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not reached():
            assert self.child.process.poll() is None, self.child.log
            assert time.monotonic() < end, self.child.log

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/healthz").is_success
        except httpx.HTTPError:
            return False

    def ask(self, **fields: object) -> httpx.Response:
        with self.client() as client:
            return client.post(
                "/api/v1/chat/completions",
                headers={"Authorization": f"Bearer {self.key}"},
                content=ask_body(**fields),
            )
