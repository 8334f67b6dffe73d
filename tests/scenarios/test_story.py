"""The whole story, by HTTP only, as somebody lives it who has nothing but the document.

The texts are compared as they are on the wire: a float would forgive what a person who
adds up a bill does not.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.openai_script import Answer
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, command, prove
from tests.scenarios.dial import HELLO, events
from tests.scenarios.harness import environ_of

EMAIL, PASSWORD = "user@example.com", "your_password"
# Six tokens in, five out, at 2.50 and 10.00 dollars per million.
COST = "0.000065"


@pytest.fixture
def child(fake: FakeOpenAI, tmp_path: Path, url: str) -> Iterator[Child]:
    """On each engine: nobody who uses the gateway can tell which it is."""
    with Child(tmp_path, environ_of(fake, url)) as child:
        yield child
        assert child.stop() == 0
    assert child.log == ""
    prove(tmp_path, url)


def auth(visitor: httpx.Client, action: str) -> httpx.Response:
    who = {"email": EMAIL, "password": PASSWORD}
    return visitor.post(f"/api/auth.php?action={action}", json=who)


def profile(visitor: httpx.Client) -> httpx.Response:
    return visitor.get("/api/user.php?action=profile")


def transactions(visitor: httpx.Client) -> httpx.Response:
    return visitor.get("/api/user.php?action=transactions")


def charge(visitor: httpx.Client, **fields: object) -> httpx.Response:
    return visitor.post("/api/user.php?action=charge", json=fields)


def chat(visitor: httpx.Client, key: str, **parameters: Any) -> httpx.Response:
    return visitor.post(
        "/api/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "gpt-4o", "messages": HELLO, **parameters},
    )


def cost_in(text: str) -> str:
    """The one cost that an answer names, digit by digit."""
    (cost,) = re.findall(r'"cost":([0-9.]+)', text)
    return str(cost)


def test_register_login_chat_and_find_the_charge(child: Child) -> None:
    with child.visitor() as visitor:
        registered = auth(visitor, "register")
        assert registered.status_code == 200
        assert '"balance":10.00,' in registered.text
        new = registered.json()["data"]["user"]
        assert new["api_key"].startswith("tk_")

    # The next day, from another computer.
    with child.visitor() as visitor:
        assert profile(visitor).status_code == 401
        signed_in = auth(visitor, "login")
        assert signed_in.status_code == 200
        assert visitor.cookies
        shown = profile(visitor)
        assert '"balance":10.00,' in shown.text
        assert shown.json()["data"]["user"]["id"] == new["id"]
        assert new["api_key"] not in shown.text

        answer = chat(visitor, new["api_key"])
        assert answer.status_code == 200
        said = answer.json()["choices"][0]["message"]["content"]
        assert said == "You said: 你好 there"
        assert cost_in(answer.text) == answer.headers["x-autolist-cost"] == COST
        assert answer.headers["x-autolist-balance"] == "9.999935"

        listed = transactions(visitor)
        assert f'"amount":-{COST},"amount_exact":"-{COST}"' in listed.text
        charged, given = listed.json()["data"]["transactions"]
        assert charged["request_id"] == answer.headers["x-request-id"]
        assert charged["tokens"] == {"input": 6, "output": 5}
        assert charged["balance_after_exact"] == "9.999935"
        assert (given["type"], given["amount_exact"]) == ("promo", "10.00")

        after = profile(visitor)
        assert '"balance":9.99,"balance_exact":"9.999935"' in after.text
        assert visitor.post("/api/auth.php?action=logout").status_code == 200
        assert profile(visitor).status_code == 401


def test_every_charge_is_found_to_the_nano_dollar(
    child: Child, fake: FakeOpenAI
) -> None:
    """Streams and answers, cheap and dear, cached and not: the list adds up."""
    fake.always(Answer(cached_tokens=3))
    with child.visitor() as visitor:
        key = auth(visitor, "register").json()["data"]["user"]["api_key"]
        costs = []
        for model in ("gpt-4o-mini", "gpt-4o"):
            costs.append(cost_in(chat(visitor, key, model=model).text))
            streamed = chat(visitor, key, model=model, stream=True)
            assert events(streamed.content)[-1] == "[DONE]"
            costs.append(cost_in(streamed.text))
        assert costs == ["0.000003675"] * 2 + ["0.00006125"] * 2
        *charged, _ = transactions(visitor).json()["data"]["transactions"]
        amounts = [entry["amount_exact"] for entry in reversed(charged)]
        assert amounts == [f"-{cost}" for cost in costs]
        assert '"balance_exact":"9.99987015"' in profile(visitor).text


def test_a_voucher_is_sold_and_redeemed_while_the_gateway_runs(
    child: Child, url: str
) -> None:
    sold = command(child.data, "voucher", "create", "--amount", "2.50", storage=url)
    (code,) = sold["codes"]
    with child.visitor() as visitor:
        key = auth(visitor, "register").json()["data"]["user"]["api_key"]
        paid = charge(visitor, method="voucher", code=code)
        assert '"balance":12.50,' in paid.text
        assert charge(visitor, method="voucher", code=code).status_code == 409
        assert charge(visitor, method="test", amount=5).status_code == 400
        assert chat(visitor, key).headers["x-autolist-balance"] == "12.499935"


def test_a_new_key_replaces_the_old_one_at_once(child: Child) -> None:
    with child.visitor() as visitor:
        old = auth(visitor, "register").json()["data"]["user"]["api_key"]
        assert chat(visitor, old).status_code == 200
        page = {"Origin": str(visitor.base_url).rstrip("/")}
        made = visitor.post("/api/user.php?action=regenerate_key", headers=page)
        new = made.json()["data"]["api_key"]
        assert new != old
        assert chat(visitor, old).status_code == 401
        assert chat(visitor, new).status_code == 200
        assert len(transactions(visitor).json()["data"]["transactions"]) == 3
