"""Top-up: only real vouchers, test money only in a demo, never twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from config import Settings
from config.current import Current
from config.money import parse_nano
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from storage.vouchers import create_vouchers, new_code
from tests.dashboard.visitor import OURS, Visitor
from tests.fakes.clock import FakeClock


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
    app = create_app(storage, Current.of(settings), demo=False, passwords=passwords)
    someone = Visitor(app.test_client())
    someone.register()
    answer = someone.post("user", "charge", {"method": "test", "amount": 10})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "不支持该充值方式，可用：voucher"
    assert someone.balance() == "10.00"


# Under a name.


def pay(user: Visitor, fields: dict[str, object], name: str) -> TestResponse:
    return user.post("user", "charge", fields, {"Idempotency-Key": name})


def test_a_payment_that_is_sent_again_is_answered_again(
    user: Visitor, code: str
) -> None:
    fields = {"method": "voucher", "code": code}
    first = pay(user, fields, "payment-1")
    again = pay(user, fields, "payment-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data
    assert first.content_type == again.content_type
    assert "X-AutoList-Replayed" not in first.headers
    assert again.headers["X-AutoList-Replayed"] == "true"
    assert again.headers["Cache-Control"] == "no-store"
    assert user.balance() == "35.00"


def test_the_answer_of_before_keeps_its_language(user: Visitor) -> None:
    fields = {"method": "test", "amount": "5"}
    first = pay(user, fields, "payment-1")
    english = {"Idempotency-Key": "payment-1", "Accept-Language": "en"}
    again = user.post("user", "charge", fields, english)
    assert again.data == first.data
    assert "Content-Language" not in again.headers


def test_a_name_is_not_lent_to_another_payment(user: Visitor) -> None:
    pay(user, {"method": "test", "amount": "5"}, "payment-1")
    answer = pay(user, {"method": "test", "amount": "6"}, "payment-1")
    assert answer.status_code == 422
    message = "该 Idempotency-Key 已用于其他请求，请更换后再试"
    assert answer.get_json() == {"success": False, "message": message, "data": None}
    assert user.balance() == "15.00"


def test_a_refused_payment_leaves_its_name_free(user: Visitor, code: str) -> None:
    assert pay(user, {"method": "test", "amount": "0"}, "payment-1").status_code == 400
    wrong = {"method": "voucher", "code": "no such code"}
    assert pay(user, wrong, "payment-1").status_code == 400
    right = {"method": "voucher", "code": code}
    assert pay(user, right, "payment-1").status_code == 200
    spent = pay(user, right, "payment-2")
    assert (spent.status_code, spent.get_json()["message"]) == (
        409,
        "您已使用过该兑换码",
    )
    assert pay(user, {"method": "test", "amount": "5"}, "payment-2").status_code == 200
    assert user.balance() == "40.00"


def test_names_are_an_accounts_own(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    other = visitor()
    other.register("other@example.com")
    for someone in (user, other):
        assert pay(someone, {"method": "test", "amount": "5"}, "one").status_code == 200
        assert someone.balance() == "15.00"


@pytest.mark.parametrize(
    ("name", "status"), [("n", 200), ("n" * 255, 200), ("n" * 256, 400), ("", 400)]
)
def test_a_name_has_a_length(user: Visitor, name: str, status: int) -> None:
    answer = pay(user, {"method": "test", "amount": "5"}, name)
    assert answer.status_code == status
    if status == 400:
        assert answer.get_json()["message"] == (
            "请求头 Idempotency-Key 应为 1 到 255 个可打印 ASCII 字符"
        )


@pytest.mark.parametrize("name", ["n\x7f", "caf\xe9"])
def test_a_name_is_printable_ascii(user: Visitor, name: str) -> None:
    assert pay(user, {"method": "test", "amount": "5"}, name).status_code == 400
    assert user.balance() == "10.00"


def test_a_name_means_nothing_where_no_money_comes_in(user: Visitor) -> None:
    name = {"Idempotency-Key": "n" * 999, **OURS}
    assert user.post("user", "regenerate_key", {}, name).status_code == 200


def test_a_name_is_free_again_after_a_day(user: Visitor, clock: FakeClock) -> None:
    fields = {"method": "test", "amount": "5"}
    for seconds, balance in [(0, "15.00"), (86_399, "15.00"), (1, "20.00")]:
        clock.advance(seconds)
        assert pay(user, fields, "payment-1").status_code == 200
        assert user.balance() == balance
