"""Settings: what is most likely not meant, and no value of a credential."""

from dataclasses import replace

import pytest

from addons.doctor.finding import Level, Patient
from addons.doctor.settings import callbacks, credentials, files, models, prices
from config import Settings
from config.prices import PriceBook
from tests.addons.doctor.conftest import SECRET, Make

PUBLIC = {"AUTOLIST_PUBLIC_URL": "https://ai.example.com"}
STRIPE = {"STRIPE_SECRET_KEY": SECRET, "STRIPE_WEBHOOK_SECRET": SECRET}
EPAY = {"EPAY_KEY": SECRET, "EPAY_URL": "https://shop.example", "EPAY_PID": "1001"}


def test_files_without_a_mistake(patient: Patient) -> None:
    (found,) = files(patient)
    assert found.level is Level.OK


def test_a_mistake_is_the_line_that_config_check_says(patient: Patient) -> None:
    mistake = "gateway.yaml:12: listen.port: many: expected a whole number"
    (found,) = files(replace(patient, settings=None, mistake=mistake))
    assert (found.level, found.text) == (Level.FAIL, mistake)


def test_a_dialect_that_nobody_speaks_fails(make: Make) -> None:
    def change(settings: Settings) -> Settings:
        odd = replace(settings.providers["openai"], dialect="klingon")
        return replace(settings, providers={**settings.providers, "openai": odd})

    (found,) = files(make(change))
    assert (found.level, "klingon" in found.text) == (Level.FAIL, True)


def test_credentials_are_told_by_name(patient: Patient) -> None:
    found = list(credentials(patient))
    assert found[0].text == "openai: OPENAI_API_KEY"
    assert {one.level for one in found} == {Level.OK, Level.WARN}
    assert any("set FAL_KEY" in one.todo for one in found)
    assert not any(SECRET in one.text + one.todo for one in found)


def test_models_that_nobody_serves_are_warned_of(patient: Patient) -> None:
    missing, served = models(patient)
    assert (missing.level, served.level) == (Level.WARN, Level.OK)
    assert "gen-2" in missing.text and "demo" not in missing.text


def test_without_any_credential_nothing_can_be_served(make: Make) -> None:
    (found,) = models(make(OPENAI_API_KEY=""))
    assert found.level is Level.FAIL


def test_what_is_sold_below_cost_is_warned_of(patient: Patient) -> None:
    found = list(prices(patient))
    assert {one.level for one in found} == {Level.WARN}
    assert any("gen-2 sells below cost" in one.text for one in found)


def test_what_has_no_price_fails(make: Make) -> None:
    found = list(prices(make(lambda one: replace(one, prices=PriceBook(())))))
    assert {one.level for one in found} == {Level.FAIL}


@pytest.mark.parametrize(
    ("environ", "levels", "said"),
    [
        ({}, ["ok", "ok"], "Stripe is off"),
        ({**PUBLIC, **STRIPE}, ["ok", "ok"], "ai.example.com/api/payments/stripe"),
        ({**PUBLIC, **EPAY}, ["ok", "ok"], "ai.example.com/api/payments/epay"),
        ({"STRIPE_SECRET_KEY": SECRET}, ["fail", "ok"], "no secret of its webhook"),
        ({"EPAY_KEY": SECRET}, ["ok", "fail"], "no address or number"),
        (
            {**STRIPE, "AUTOLIST_PUBLIC_URL": "http://ai.example.com"},
            ["ok", "ok", "warn"],
            "listen.public_url is http://",
        ),
    ],
)
def test_payments(make: Make, environ, levels: list[str], said: str) -> None:
    found = list(callbacks(make(**environ)))
    assert [one.level for one in found] == levels
    assert any(said in one.text for one in found)
    assert not any(SECRET in one.text + one.todo for one in found)
