"""Somebody who looks on: an operator's program at the inspector of a gateway."""

import re
from io import BytesIO
from typing import Any, Self

import httpx
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader

from tests.scenarios.child import STOP_SECONDS, Child


class Looking:
    """Logged in with the password that the gateway printed, or with one's own."""

    def __init__(self, child: Child, password: str = "") -> None:
        found = re.search(
            r"inspector +(\S+)(?: with the password (\S+))?\n", child.greeting
        )
        assert found is not None, child.greeting
        assert bool(found[2]) is not bool(password), "it is printed if it was made"
        self.child = child
        self.url, self.password = found[1], found[2] or password
        self.client = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.password}"},
            trust_env=False,
            timeout=STOP_SECONDS,
        )

    def __enter__(self) -> Self:
        # It starts beside the gateway, and what passed before is not shown.
        while not self.flows():
            with self.child.visitor() as visitor:
                visitor.get("/api/v1/models")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def flows(self) -> list[dict[str, Any]]:
        while True:
            try:
                answer = self.client.get("flows")
            except httpx.TransportError:
                # It was killed in the middle; the next one is on its way.
                continue
            found: list[dict[str, Any]] = answer.raise_for_status().json()
            return found

    def until(self, count: int, text: str) -> list[dict[str, Any]]:
        """The flows, once so many of them have this in their comment."""
        while True:
            found = self.flows()
            if sum(text in one["comment"] for one in found) >= count:
                return found

    def saved(self) -> bytes:
        return self.client.get("flows/dump").raise_for_status().content

    def found(self, text: str) -> list[Flow]:
        """What mitmproxy finds by a filter."""
        answer = self.client.get("flows/dump", params={"filter": text})
        content = answer.raise_for_status().content
        return list(FlowReader(BytesIO(content)).stream())

    def content(self, flow: dict[str, Any], message: str) -> str:
        """A body as it is shown."""
        path = f"flows/{flow['id']}/{message}/content/auto.json"
        return str(self.client.get(path).raise_for_status().json()["text"])


def request_id(flow: dict[str, Any]) -> str:
    """Of an answered request of a client."""
    headers = dict(flow.get("response", {}).get("headers", []))
    return str(headers.get("x-request-id", ""))
