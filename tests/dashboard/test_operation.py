"""Operation: what an operator watches, and that no secret is in it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import config
from config import Settings
from config.current import Current, Loaded
from config.providers import Credential
from dashboard.operation import percentiles, shown_settings
from storage import Storage
from storage.accounts import set_role
from storage.ledger import void
from tests.dashboard.conftest import CONFIG
from tests.dashboard.paying import environ_of
from tests.dashboard.spending import hold, spend
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock


@pytest.fixture
def operator(storage: Storage, visitor: Callable[[], Visitor]) -> Visitor:
    boss = visitor()
    boss.register("boss@example.com")
    storage.writer.wait(set_role, boss.id, "operator")
    return boss


def shown(operator: Visitor, action: str, **query: str) -> dict[str, Any]:
    answer = operator.get("admin", action, **query)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def test_what_runs_now_is_counted(
    storage: Storage,
    operator: Visitor,
    user: Visitor,
    price_id: str,
    clock: FakeClock,
) -> None:
    spend(storage, user.id, price_id, 10**9)
    clock.advance(301)
    for cost in (10, 20):
        spend(storage, user.id, price_id, cost)
    storage.writer.wait(void, hold(storage, user.id, price_id, 5), "refused", None)
    running = hold(storage, operator.id, price_id, 7)
    live = shown(operator, "live")
    assert (live["requests"], live["failed"], live["per_second"]) == (3, 1, "0.01")
    assert (live["open_holds"], live["held"]) == (1, "0.000000007")
    assert live["running"][0]["id"] == running
    assert live["first_byte_ms"] == {"p50": 5, "p99": 5}
    assert live["cost"] == "0.00000003"
    assert live["ledger"] == {"healthy": True, "alarm": None}
    assert live["partial"] is False
    storage.writer.wait(void, running, "internal_error", None)


def test_candidates_have_what_became_of_them(
    storage: Storage, operator: Visitor, user: Visitor, price_id: str
) -> None:
    spend(storage, user.id, price_id, 10)
    found = shown(operator, "candidates")
    assert found["requests"] == 1
    tried = [one for one in found["candidates"] if one["attempts"]]
    assert [(one["model"], one["provider"], one["ok"]) for one in tried] == [
        ("gpt-4o", "openai", 1)
    ]
    assert tried[0]["p50_ms"] == 9
    untried = [one for one in found["candidates"] if not one["attempts"]]
    assert len(untried) > 5 and all(one["configured"] for one in untried)


def test_a_caller_who_left_says_nothing_about_the_candidate(
    storage: Storage, operator: Visitor, user: Visitor, price_id: str
) -> None:
    spend(storage, user.id, price_id, 10)
    spend(storage, user.id, price_id, 10, outcome="client_left_midstream")
    found = shown(operator, "candidates")
    (tried,) = [one for one in found["candidates"] if one["attempts"]]
    assert (tried["attempts"], tried["ok"], tried["failed"]) == (2, 1, 0)
    assert tried["outcomes"] == {"ok": 1, "client_left_midstream": 1}
    assert tried["last_error"] is None


def test_the_margin_is_what_was_paid_less_what_was_bought(
    storage: Storage, operator: Visitor, user: Visitor, price_id: str
) -> None:
    spend(storage, user.id, price_id, 5 * 10**9)
    found = shown(operator, "spend")
    assert found["total"]["sold"] == found["total"]["paid"] == "5.00"
    assert found["total"]["margin"] == "5.00"
    assert [one["day"] for one in found["days"]] == ["2026-01-01"]
    assert [one["model"] for one in found["models"]] == ["gpt-4o"]
    assert operator.get("admin", "spend", **{"from": "x"}).status_code == 400


def test_the_audit_log_is_paged_and_selected(
    operator: Visitor, user: Visitor
) -> None:
    user.login(password="a wrong one")
    found = shown(operator, "acts", user_id=user.id)
    assert {one["act"] for one in found["acts"]} == {"registered", "sign_in_failed"}
    assert "a wrong one" not in str(found)
    page = shown(operator, "acts", limit="1")
    assert len(page["acts"]) == 1 and page["next"]
    assert operator.get("admin", "acts", act="hacked").status_code == 400


def test_the_configuration_has_no_secret(operator: Visitor, settings: Settings) -> None:
    secret = Credential("OPENAI_API_KEY", "sk-very-secret")
    provider = replace(settings.providers["openai"], credentials=(secret,))
    told = replace(
        settings,
        providers={**settings.providers, "openai": provider},
        storage="postgresql://ada:hunter2@db.example:5432/ledger?password=hunter3",
    )
    text = str(found := shown_settings(told))
    for word in ("sk-very-secret", "hunter2", "hunter3", "ada"):
        assert word not in text
    assert found["storage"] == "postgresql://db.example/ledger"
    assert found["providers"]["openai"]["credentials"] == {"OPENAI_API_KEY": True}
    found = shown(operator, "config")["config"]
    assert found["providers"]["openai"]["credentials"] == {"OPENAI_API_KEY": False}
    assert found["listen"]["port"] == 8000
    assert found["storage"] == "sqlite"


def test_since_when_it_is_in_force_and_what_is_not_is_shown(
    operator: Visitor, settings: Settings, current: Current
) -> None:
    found = shown(operator, "config")
    assert (found["restart"], found["refusal"]) == ([], None)
    at_ns = 1_800_000_000 * 10**9
    other = replace(settings, limits=replace(settings.limits, rpm=7))
    current.loaded = Loaded(other, at_ns, ("listen.port",), "f.yaml:1: no")
    found = shown(operator, "config")
    assert found["config"]["limits"]["rpm"] == 7
    assert found["loaded_at"] == "2027-01-15T08:00:00.000Z"
    assert (found["restart"], found["refusal"]) == (["listen.port"], "f.yaml:1: no")


def test_how_one_can_pay_is_shown_without_its_secrets() -> None:
    told = config.load(CONFIG, environ_of("http://stripe.example"))
    found = shown_settings(told)
    assert found["payments"]["stripe"]["key"] == "STRIPE_SECRET_KEY"
    assert found["payments"]["stripe"]["base_url"] == "http://stripe.example"
    text = str(found)
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "EPAY_KEY"):
        assert environ_of("")[name] not in text


@pytest.mark.parametrize(
    ("values", "p50", "p99"),
    [
        ([], None, None),
        ([7], 7, 7),
        ([3, 1, 2], 2, 3),
        (list(range(1, 101)), 50, 99),
        (list(range(1, 201)), 100, 198),
    ],
)
def test_a_percentile_is_a_value_that_was(
    values: list[int], p50: int | None, p99: int | None
) -> None:
    assert percentiles(values) == {"p50": p50, "p99": p99}
