"""The customer's document, section 2: the bytes of its answers.

The golden texts hold everything that is fixed; what differs each time stands as
<uuid>, <key>, <mask>, <id> and is checked by its form.
"""

import re
from collections.abc import Callable

from storage import Storage
from tests.dashboard.spending import spend
from tests.dashboard.visitor import Visitor

FORMS = (
    ("<uuid>", r'(?<="id":")[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'),
    ("<key>", r"tk_[A-Za-z0-9_-]{32,}"),
    ("<mask>", r"tk_[A-Za-z0-9_-]*…[A-Za-z0-9_-]{4}"),
    ("<csrf>", r'(?<="csrf_token":")[0-9a-f]{64}'),
    ("<request>", r"req_[0-9a-z]{26}"),
    ("<test>", r"test_[0-9a-z]{26}"),
    ("<promo>", r"promo:welcome:[0-9a-f-]{36}"),
)
USER = (
    '{"id":"<uuid>","email":"user@example.com",'
    '"balance":%s,"balance_exact":"%s","api_key":"%s","status":"active"}'
)


def golden(text: str) -> str:
    for name, form in FORMS:
        text = re.sub(form, name, text)
    return text


def answer(message: str, data: str) -> str:
    return f'{{"success":true,"message":"{message}","data":{data}}}'


def test_register(visitor: Callable[[], Visitor]) -> None:
    got = visitor().post(
        "auth", "register", {"email": "user@example.com", "password": "your_password"}
    )
    shape = USER % ("10.00", "10.00", "<key>")
    assert got.status_code == 200
    assert golden(got.text) == answer("注册成功", f'{{"user":{shape}}}')


def test_login(user: Visitor) -> None:
    shape = USER % ("10.00", "10.00", "<mask>")
    assert golden(user.login().text) == answer("登录成功", f'{{"user":{shape}}}')


def test_me(user: Visitor) -> None:
    shape = USER % ("10.00", "10.00", "<mask>")
    session = '"csrf_token":"<csrf>","role":"user","language":""'
    data = f'{{"user":{shape},{session}}}'
    assert golden(user.me().text) == answer("获取成功", data)


def test_profile(storage: Storage, user: Visitor, price_id: str) -> None:
    spend(storage, user.id, price_id, 421_300)
    shape = USER % ("9.99", "9.9995787", "<mask>")
    limits = '{"rpm":6000,"tpm":20000000,"concurrency":1000}'
    data = (
        f'{{"user":{shape},"limits":{limits},'
        '"charge_methods":["voucher","test"],"demo":true}'
    )
    got = user.get("user", "profile").text
    assert golden(got) == answer("获取成功", data)


def test_charge(user: Visitor) -> None:
    got = user.post("user", "charge", {"amount": 10.5, "method": "test"}).text
    data = (
        '{"transaction_id":"topup:test:<test>","amount":10.50,"amount_exact":"10.50",'
        '"balance":20.50,"balance_exact":"20.50"}'
    )
    assert golden(got) == answer("充值成功", data)


def test_transactions(storage: Storage, user: Visitor, price_id: str) -> None:
    spend(storage, user.id, price_id, 421_300)
    time = '"created_at":"2026-01-01T00:00:00.000Z"'
    charged = (
        '{"id":"usage:<request>","type":"usage",'
        '"amount":-0.0004213,"amount_exact":"-0.0004213",'
        '"balance_after":9.9995787,"balance_after_exact":"9.9995787",'
        '"model":"gpt-4o","request_id":"<request>",'
        '"tokens":{"input":12,"output":34},"evidence":"reported",'
        f'"description":"调用 gpt-4o",{time}}}'
    )
    given = (
        '{"id":"<promo>","type":"promo","amount":10.00,"amount_exact":"10.00",'
        '"balance_after":10.00,"balance_after_exact":"10.00",'
        '"model":null,"request_id":null,"tokens":{},"evidence":null,'
        f'"description":"注册赠送",{time}}}'
    )
    got = golden(user.get("user", "transactions").text)
    data = f'{{"transactions":[{charged},{given}],"next":null}}'
    assert got == answer("获取成功", data)
