"""A real Prometheus reads a gateway by the files of docs/deploy, and understands every
query of the dashboard and every alert."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import yaml

from config import Settings
from tests.addons.metrics.test_documents import PAGE, expressions
from tests.scenarios.conftest import Start
from tests.scenarios.dial import Dial, chat
from tests.scenarios.fronts import DEPLOY
from tests.scenarios.harness import Caller, Gateway
from tests.scenarios.prometheus import Prometheus

TOKEN = "a-token-of-many-letters"
ALERTS = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]

needs_prometheus = pytest.mark.skipif(
    Prometheus.missing(), reason="prometheus is not installed"
)


def with_token(settings: Settings) -> Settings:
    return replace(settings, metrics=replace(settings.metrics, token=TOKEN))


@pytest.fixture
def gateway(start: Start) -> Gateway:
    return start(change=with_token)


@pytest.fixture
def prometheus(gateway: Gateway, tmp_path: Path) -> Iterator[Prometheus]:
    with Prometheus(tmp_path / "prometheus", gateway.port, TOKEN) as prometheus:
        yield prometheus


def filled(expression: str) -> str:
    """As Grafana asks it, all gateways chosen."""
    for name, value in [("$__rate_interval", "1m"), ("$instance", ".*")]:
        expression = expression.replace(name, value)
    return expression


def test_the_page_lists_every_alert_as_it_is() -> None:
    rows = [
        f"| {rule['alert']} | `{rule['expr']}` | {rule.get('for', '')} |"
        for rule in RULES
    ]
    table = PAGE.split("## Alerts\n")[1].split("\n## ")[0]
    listed = [line for line in table.splitlines() if "`" in line and line[0] == "|"]
    assert [row in line for row, line in zip(rows, listed, strict=True)] == (
        [True] * len(rows)
    )


@needs_prometheus
def test_what_is_exported_keeps_the_rules_of_names(
    gateway: Gateway, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key)).status == 200
    held = {"Authorization": f"Bearer {TOKEN}"}
    text = httpx.get(f"{gateway.url}/metrics", headers=held).content
    command = ["promtool", "check", "metrics"]
    said = subprocess.run(command, input=text, capture_output=True)
    assert (said.returncode, said.stderr) == (0, b"")


@needs_prometheus
def test_all_that_is_drawn_and_watched_is_understood(
    gateway: Gateway, caller: Caller, prometheus: Prometheus
) -> None:
    with Dial(gateway.port) as dial:
        for stream in (False, True):
            assert dial.ask(chat(caller.key, stream=stream)).status == 200
    paid_nano = sum(charge.paid_nano for charge in gateway.charges(caller))
    charged = "sum(autolist_charged_nanodollars_total)"
    prometheus.until(
        "the charges were read", lambda: prometheus.query(charged) == [paid_nano]
    )
    for expression in expressions():
        if not expression.startswith("label_values"):
            prometheus.query(filled(expression))
    prometheus.until(
        "all rules were tried",
        lambda: all(rule["health"] == "ok" for rule in prometheus.rules()),
    )
    states = {rule["name"]: rule["state"] for rule in prometheus.rules()}
    assert states == dict.fromkeys((rule["alert"] for rule in RULES), "inactive")


@needs_prometheus
def test_a_gateway_that_is_gone_is_an_alert(
    gateway: Gateway, prometheus: Prometheus
) -> None:
    prometheus.until("it was read", lambda: prometheus.query("up") == [1])
    gateway.stop()
    prometheus.until(
        "it is missed",
        lambda: {
            rule["name"]
            for rule in prometheus.rules()
            if rule["state"] == "pending"
        } == {"GatewayDown"},
    )
