"""Top-up: only real vouchers, test money only in a demo, never twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from config import Settings
from config.money import parse_nano
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from storage.vouchers import create_vouchers, new_code
from tests.dashboard.visitor import Visitor


@pytest.fixture
def code(storage: Storage) -> str:
    """A voucher over 25 dollars."""
    made = new_code()
    storage.writer.wait(create_vouchers, [made], parse_nano("25.00"), "test")
    return made


def redeem(user: Visitor, code: object) -> tuple[int, str]:
    answer = user.post("user", "charge", {"method": "voucher", "code": code})
    return answer.status_code, answer.get_json()["message"]


def test_a_voucher_credits_its_own_amount(user: Visitor, code: str) -> None:
    fields = {"method": "voucher", "code": code, "amount": 999}
    answer = user.post("user", "charge", fields).get_json()
    assert answer["message"] == "充值成功"
    assert answer["data"] == {
        "transaction_id": answer["data"]["transaction_id"],
        "amount": 25.0,
        "amount_exact": "25.00",
        "balance": 35.0,
        "balance_exact": "35.00",
    }
    assert user.balance() == "35.00"


@pytest.mark.parametrize(
    "spell",
    [
        str.lower,
        str.upper,
        lambda code: f"  {code} ",
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
    ],
)
def test_a_voucher_forgives_how_it_is_typed(
    user: Visitor, code: str, spell: Callable[[str], str]
) -> None:
    assert redeem(user, spell(code)) == (200, "充值成功")


def test_a_voucher_is_good_once(
    user: Visitor, visitor: Callable[[], Visitor], code: str
) -> None:
    other = visitor()
    other.register("other@example.com")
    assert redeem(user, code)[0] == 200
    assert redeem(user, code) == (409, "您已使用过该兑换码")
    assert redeem(other, code) == (409, "该兑换码已被使用")
    assert (user.balance(), other.balance()) == ("35.00", "10.00")


def test_fifty_at_once_redeem_one_voucher_once(
    user: Visitor, visitor: Callable[[], Visitor], code: str
) -> None:
    barrier = threading.Barrier(50)
    cookie = user.client.get_cookie("autolist_session")
    assert cookie is not None

    def race() -> int:
        someone = visitor()
        someone.client.set_cookie("autolist_session", cookie.value)
        barrier.wait()
        return redeem(someone, code)[0]

    with ThreadPoolExecutor(50) as pool:
        answers = [job.result() for job in [pool.submit(race) for _ in range(50)]]
    assert sorted(answers) == [200] + [409] * 49
    assert user.balance() == "35.00"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "请填写兑换码"),
        ("   ", "请填写兑换码"),
        (None, "请填写兑换码"),
        ("no such code", "兑换码无效，请检查后再试"),
        ("' OR 1=1 --", "兑换码无效，请检查后再试"),
        ("密码", "兑换码无效，请检查后再试"),
        ("A" * 5000, "兑换码无效，请检查后再试"),
        (123, "参数 code 应为文本"),
        (["x"], "参数 code 应为文本"),
    ],
)
def test_anything_else_is_no_voucher(
    user: Visitor, code: object, message: str
) -> None:
    assert redeem(user, code) == (400, message)
    assert user.balance() == "10.00"


@pytest.mark.parametrize(
    ("amount", "balance"),
    [
        (10, "20.00"),
        (0.01, "10.01"),
        ("0.01", "10.01"),
        ("1000", "1010.00"),
        (1000.00, "1010.00"),
        ("0.010000001", "10.010000001"),
        (" 5.50 ", "15.50"),
    ],
)
def test_a_demo_gives_test_money(user: Visitor, amount: object, balance: str) -> None:
    answer = user.post("user", "charge", {"method": "test", "amount": amount})
    assert answer.status_code == 200
    assert answer.get_json()["data"]["balance_exact"] == balance == user.balance()


@pytest.mark.parametrize(
    "amount",
    [
        0,
        -1,
        "0.009999999",
        "1000.000000001",
        1001,
        "1e2",
        "NaN",
        "Infinity",
        "0x10",
        "1,000",
        "$5",
        "\u0661",
        "1" * 400,
        "",
        None,
        True,
        [5],
        {"amount": 5},
    ],
)
def test_odd_amounts_are_refused(user: Visitor, amount: object) -> None:
    answer = user.post("user", "charge", {"method": "test", "amount": amount})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "充值金额应在 0.01 到 1000.00 美元之间"
    assert user.balance() == "10.00"


@pytest.mark.parametrize("method", ["", "stripe", "Test", "voucher ", "__class__"])
def test_an_unknown_method_names_the_known_ones(user: Visitor, method: str) -> None:
    answer = user.post("user", "charge", {"method": method, "amount": 10})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "不支持该充值方式，可用：voucher, test"


def test_outside_a_demo_there_is_no_test_money(
    storage: Storage, settings: Settings, passwords: Passwords
) -> None:
    app = create_app(storage, settings, demo=False, passwords=passwords)
    someone = Visitor(app.test_client())
    someone.register()
    answer = someone.post("user", "charge", {"method": "test", "amount": 10})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "不支持该充值方式，可用：voucher"
    assert someone.balance() == "10.00"
