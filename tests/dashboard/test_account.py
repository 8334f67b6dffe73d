"""Account: the profile says what is true of this account and this gateway."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.account import effective
from dashboard.passwords import Passwords
from storage import Storage
from tests.dashboard.spending import hold
from tests.dashboard.visitor import EMAIL, Visitor


def test_the_profile_tells_all_at_a_glance(user: Visitor, settings: Settings) -> None:
    data = user.get("user", "profile").get_json()["data"]
    assert data["user"] == {
        "id": user.id,
        "email": EMAIL,
        "balance": 10.0,
        "balance_exact": "10.00",
        "api_key": data["user"]["api_key"],
        "status": "active",
    }
    limits = settings.limits
    assert data["limits"] == {
        "rpm": limits.rpm or None,
        "tpm": limits.tpm or None,
        "concurrency": limits.concurrency or None,
    }


def test_reserved_money_is_not_available(
    storage: Storage, user: Visitor, price_id: str
) -> None:
    hold(storage, user.id, price_id, 1)
    shown = user.get("user", "profile").get_json()["data"]["user"]
    assert (shown["balance"], shown["balance_exact"]) == (9.99, "9.999999999")


@pytest.mark.parametrize(
    ("demo", "methods"), [(True, ["voucher", "test"]), (False, ["voucher"])]
)
def test_only_what_can_be_paid_with_is_offered(
    storage: Storage,
    settings: Settings,
    passwords: Passwords,
    demo: bool,
    methods: list[str],
) -> None:
    app = create_app(storage, Current.of(settings), demo=demo, passwords=passwords)
    someone = Visitor(app.test_client())
    someone.register()
    data = someone.get("user", "profile").get_json()["data"]
    assert (data["charge_methods"], data["demo"]) == (methods, demo)


@pytest.mark.parametrize(
    ("own", "shared", "limit"),
    [(None, 60, 60), (5, 60, 5), (0, 60, None), (None, 0, None), (5, 0, 5)],
)
def test_a_limit_of_the_key_goes_before_the_shared_one(
    own: int | None, shared: int, limit: int | None
) -> None:
    assert effective(own, shared) == limit


def test_no_welcome_money_is_possible(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    stingy = replace(settings, accounts=replace(settings.accounts, welcome_nano=0))
    app = create_app(storage, Current.of(stingy), demo=False, passwords=passwords)
    someone = Visitor(app.test_client())
    assert someone.register()["balance_exact"] == "0.00"
    assert someone.balance() == "0.00"


def test_strangers_have_no_profile(client: FlaskClient) -> None:
    answer = client.get("/api/user.php?action=profile")
    assert answer.status_code == 401
    assert answer.get_json()["message"] == "请先登录"
