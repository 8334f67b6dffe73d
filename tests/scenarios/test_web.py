"""The web side through the whole gateway: keys that hold, files that flow, proxies."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from config.money import NANO
from storage.accounts import set_role
from storage.keys import change_key, networks_of
from storage.ledger import promo
from tests.scenarios.conftest import Start
from tests.scenarios.harness import Gateway, with_listen

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
PASSWORD = "correct horse"
LINES = 3000


@pytest.fixture
def web(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url) as client:
        client.headers["Origin"] = gateway.url
        yield client


def post(web: httpx.Client, place: str, action: str, **fields: Any) -> httpx.Response:
    return web.post(f"/api/{place}.php?action={action}", json=fields)


def get(web: httpx.Client, place: str, action: str, **query: str) -> httpx.Response:
    return web.get(f"/api/{place}.php", params={"action": action, **query})


def register(web: httpx.Client, email: str) -> dict[str, Any]:
    answer = post(web, "auth", "register", email=email, password=PASSWORD)
    user: dict[str, Any] = answer.json()["data"]["user"]
    return user


def call(gateway: Gateway, key: str, **fields: Any) -> tuple[int, str | None]:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(
        f"{gateway.api}/chat/completions", json={**ASK, **fields}, headers=headers
    )
    error = answer.json().get("error")
    return answer.status_code, error and error["code"]


def test_a_key_holds_to_what_it_is_for_at_once(
    gateway: Gateway, web: httpx.Client
) -> None:
    user = register(web, "keys@example.com")
    made = post(web, "user", "create_key", label="ci", models=["gpt-4o-mini"])
    key, key_id = made.json()["data"]["api_key"], made.json()["data"]["key"]["id"]
    assert call(gateway, key, model="gpt-4o-mini") == (200, None)
    assert call(gateway, key) == (403, "model_not_allowed")
    post(web, "user", "update_key", id=key_id, models=None)
    assert call(gateway, key) == (200, None)
    post(web, "user", "update_key", id=key_id, cidrs=["10.0.0.0/8"])
    assert call(gateway, key) == (403, "address_not_allowed")
    post(web, "user", "update_key", id=key_id, cidrs=["127.0.0.1", "10.0.0.0/8"])
    assert call(gateway, key) == (200, None)
    record = gateway.storage.reader.user(user["id"])
    assert record is not None
    gateway.storage.writer.wait(
        change_key, record.account_id, key_id, {"expires_ns": 1}
    )
    assert call(gateway, key) == (401, "key_expired")
    post(web, "user", "update_key", id=key_id, expires_at="2090-01-01")
    assert call(gateway, key) == (200, None)
    post(web, "user", "revoke_key", id=key_id)
    assert call(gateway, key) == (401, "invalid_api_key")
    shown = get(web, "user", "overview").json()["data"]
    assert shown["requests"]["today"] == 4
    receipt = get(web, "user", "receipt", id=shown["recent"][0]["request_id"])
    assert receipt.json()["data"]["receipt"]["signature"]["algorithm"] == "Ed25519"


def test_an_account_that_is_disabled_is_out_at_once(
    gateway: Gateway, web: httpx.Client
) -> None:
    user = register(web, "bad@example.com")
    boss = httpx.Client(base_url=gateway.url, headers={"Origin": gateway.url})
    operator = register(boss, "boss@example.com")
    gateway.storage.writer.wait(set_role, operator["id"], "operator")
    boss.headers["X-CSRF-Token"] = get(boss, "auth", "me").json()["data"]["csrf_token"]
    assert call(gateway, user["api_key"]) == (200, None)
    done = post(boss, "admin", "disable_user", user_id=user["id"], reason="abuse")
    assert done.status_code == 200
    assert call(gateway, user["api_key"]) == (403, "account_disabled")
    assert get(web, "auth", "me").status_code == 401
    live = get(boss, "admin", "live").json()["data"]
    assert live["requests"] >= 1 and live["ledger"]["healthy"] is True
    boss.close()


def many_lines(gateway: Gateway, user: dict[str, Any]) -> None:
    record = gateway.storage.reader.user(user["id"])
    assert record is not None
    account_id = record.account_id

    def give(db: Any) -> None:
        for number in range(LINES):
            promo(db, account_id, NANO, f"{user['id']}:{number}")

    gateway.storage.writer.wait(give)


def test_a_file_flows_in_pieces(gateway: Gateway, web: httpx.Client) -> None:
    many_lines(gateway, register(web, "files@example.com"))
    path = "/api/user.php?action=transactions_csv"
    with web.stream("GET", path) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers
        text = answer.read().decode("utf-8-sig")
    assert len(text.splitlines()) == LINES + 2
    head = web.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_who_leaves_a_file_leaves_nothing_behind(
    gateway: Gateway, web: httpx.Client
) -> None:
    many_lines(gateway, register(web, "leaver@example.com"))
    path = "/api/user.php?action=transactions_csv"
    for _ in range(5):
        with web.stream("GET", path) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw(1))
        gateway.settled()
    assert web.get(path).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "address", "secure"),
    [(["127.0.0.1"], "192.0.2.7", True), ([], "127.0.0.1", False)],
)
def test_only_a_trusted_proxy_says_who_the_client_is(
    start: Start, trusted: list[str], address: str, secure: bool
) -> None:
    change = with_listen(trusted_proxies=networks_of(trusted))
    gateway = start(change=change)
    forwarded = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=gateway.url, headers=forwarded) as web:
        answer = post(
            web, "auth", "register", email="far@example.com", password=PASSWORD
        )
        assert ("Secure" in answer.headers["set-cookie"]) is secure
        cookie = answer.headers["set-cookie"].partition(";")[0]
        shown = web.get(
            "/api/user.php?action=sessions", headers={"Cookie": cookie}
        ).json()["data"]["sessions"]
    assert [one["address"] for one in shown] == [address]


def test_the_catalogue_is_everybodys(web: httpx.Client) -> None:
    models = get(web, "user", "models").json()["data"]["models"]
    assert {"gpt-4o", "dall-e-3"} <= {one["id"] for one in models}
    assert all(one["pricing"] for one in models if one["available"])
