"""试用: models answer on the page, by the gateway itself, and are charged exactly."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from config.money import dollars
from storage import Storage
from tests.dashboard.browser.visits import (
    IN_A_BROWSER,
    PASSWORD,
    copied,
    open_view,
    register,
    run,
)
from tests.fakes.openai_script import Answer, Gate, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.harness import Gateway

pytestmark = [*IN_A_BROWSER, pytest.mark.slow]

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>"
MADE_MS = 60_000
# What is asked again and again is evaluated by the page, whose policy forbids that.
SECONDS = """
    video => video.readyState ? video.duration : new Promise(known => {
        video.addEventListener("loadedmetadata", () => known(video.duration));
        video.addEventListener("error", () => known(0));
    })
"""


@pytest.fixture
def address(gateway: Gateway) -> str:
    return gateway.url


@pytest.fixture
def storage(gateway: Gateway) -> Storage:
    return gateway.storage


@pytest.fixture
def email(storage: Storage) -> str:
    return f"{storage.ids.make('u')}@example.com"


@pytest.fixture
def fake(provider: FakeOpenAI) -> FakeOpenAI:
    provider.requests.clear()
    provider.always(Answer())
    return provider


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Opened in the end, so that no stream is left behind it."""
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def play(page: Page, email: str, fake: FakeOpenAI) -> Page:
    """The playground of somebody new, before the password was given."""
    register(page, email)
    open_view(page, "playground")
    expect(page.locator("#play-model")).to_have_value("gpt-4o")
    return page


def unlock(page: Page) -> None:
    page.locator("#unlock-password").fill(PASSWORD)
    page.get_by_role("button", name="开始试用").click()
    expect(page.locator("#unlock-dialog")).to_be_hidden()


def say(page: Page, text: str) -> None:
    page.get_by_label("消息").fill(text)
    page.get_by_label("消息").press("Enter")


def answer(page: Page) -> Locator:
    return page.locator(".turn.model .said").last


def meta(page: Page) -> Locator:
    return page.locator(".turn.model .meta").last


def charged(storage: Storage, meta: Locator) -> str:
    """What the ledger took for the call whose receipt is linked."""
    link = meta.get_by_role("link", name="收据").get_attribute("href")
    assert link is not None
    usage = storage.reader.usage(link.partition("receipt=")[2])
    assert usage is not None
    return f"${dollars(usage.paid_nano)}"


def test_chat_streams_and_its_cost_becomes_exact(
    play: Page, fake: FakeOpenAI, gate: Gate, storage: Storage
) -> None:
    fake.always(Answer(pieces=["Hel", "lo ", "there"], edits=[after(3, gate)]))
    say(play, "Hi")
    unlock(play)
    expect(answer(play)).to_have_text(re.compile("^Hel(lo )?$"))
    expect(meta(play)).to_have_text(re.compile(r"约 \d+ Token · 约 \$0\.0"))
    expect(play.get_by_role("button", name="停止")).to_be_visible()
    gate.open()
    expect(answer(play)).to_have_text("Hello there")
    expect(meta(play)).to_contain_text("首字")
    exact = meta(play).locator("[title]").get_attribute("title")
    assert exact == charged(storage, meta(play))
    expect(play.locator(".bar [data-balance]")).to_have_text("$9.99")
    say(play, "And then?")
    expect(play.locator(".turn.model")).to_have_count(2)
    expect(play.get_by_role("button", name="发送")).to_be_visible()
    told = orjson.loads(fake.requests[-1].body)["messages"]
    assert [one["role"] for one in told] == ["user", "assistant", "user"]
    assert told[1]["content"] == "Hello there"


def test_chat_stops_and_only_what_came_is_charged(
    play: Page, fake: FakeOpenAI, gate: Gate, storage: Storage
) -> None:
    fake.always(Answer(pieces=["one ", "two ", "three"], edits=[after(3, gate)]))
    say(play, "Count")
    unlock(play)
    expect(answer(play)).to_contain_text("one")
    play.get_by_role("button", name="停止").click()
    expect(play.get_by_role("button", name="发送")).to_be_visible()
    gate.open()
    expect(meta(play)).to_contain_text("已停止", timeout=20_000)
    expect(answer(play)).not_to_contain_text("three")
    exact = meta(play).locator("[title]").get_attribute("title")
    assert exact == charged(storage, meta(play))


def test_a_conversation_that_is_cleared_while_it_goes_on_is_gone(
    play: Page, fake: FakeOpenAI, gate: Gate
) -> None:
    fake.always(Answer(pieces=["one ", "two ", "three"], edits=[after(3, gate)]))
    say(play, "A secret")
    unlock(play)
    expect(answer(play)).to_contain_text("one")
    play.get_by_role("button", name="清空").click()
    expect(play.get_by_role("button", name="发送")).to_be_visible()
    gate.open()
    fake.always(Answer(text="Fine."))
    say(play, "Something else")
    expect(answer(play)).to_have_text("Fine.")
    told = orjson.loads(fake.requests[-1].body)["messages"]
    assert [one["content"] for one in told] == ["Something else"]


def test_what_a_model_says_is_text(play: Page, fake: FakeOpenAI) -> None:
    fake.always(Answer(text=EVIL))
    say(play, EVIL)
    unlock(play)
    expect(answer(play)).to_have_text(EVIL)
    expect(play.locator(".turn.user .said")).to_have_text(EVIL)
    assert play.locator("#playground :is(img, script)").count() == 0
    assert play.title() != "owned"


def test_a_refusal_is_said_and_the_question_is_not_lost(
    play: Page, fake: FakeOpenAI
) -> None:
    fake.always(Status(400, message="Too strange."))
    say(play, "Something strange")
    unlock(play)
    expect(play.locator("#chat-notice")).to_contain_text("Too strange.")
    expect(play.locator("#chat-notice")).to_contain_text("请求编号 req_")
    expect(play.get_by_label("消息")).to_have_value("Something strange")
    expect(play.locator("#talk")).to_be_hidden()
    fake.always(Answer(text="Fine."))
    play.get_by_role("button", name="发送").click()
    expect(answer(play)).to_have_text("Fine.")


def test_what_people_meet_often_is_said_in_their_language(play: Page) -> None:
    play.get_by_text("参数", exact=True).click()
    play.get_by_label("温度").fill("9")
    say(play, "Hi")
    unlock(play)
    notice = play.locator("#chat-notice")
    expect(notice).to_contain_text("参数有误：Parameter 'temperature'")
    play.route(
        "**/api/v1/chat/completions",
        lambda route: route.fulfill(status=402, json={"error": POOR}),
    )
    play.get_by_role("button", name="发送").click()
    expect(notice).to_contain_text("余额不足：本次最多需要 $0.19，可用 $0.03")


POOR = {
    "message": "Insufficient balance",
    "code": "insufficient_balance",
    "needed": "0.19",
    "available": "0.03",
}


def test_without_the_password_nothing_is_called(play: Page, fake: FakeOpenAI) -> None:
    say(play, "Hi")
    play.locator("#unlock-password").fill("wrong")
    play.locator("#unlock-password").press("Enter")
    expect(play.locator("#unlock-dialog [data-notice]")).to_have_text("密码不正确")
    play.keyboard.press("Escape")
    expect(play.locator("#unlock-dialog")).to_be_hidden()
    expect(play.get_by_label("消息")).to_have_value("Hi")
    assert fake.requests == []


def test_a_key_that_was_replaced_is_asked_for_again(play: Page) -> None:
    say(play, "Hi")
    unlock(play)
    expect(meta(play)).to_contain_text("收据")
    token = play.evaluate(
        "fetch('/api/auth.php?action=me').then(a => a.json())"
        ".then(a => a.data.csrf_token)"
    )
    done = play.request.post(
        "/api/user.php?action=regenerate_key", headers={"X-CSRF-Token": token}, data={}
    )
    assert done.ok
    say(play, "Hi again")
    expect(play.locator("#chat-notice")).to_contain_text("API Key 已更换或吊销")
    play.get_by_role("button", name="发送").click()
    unlock(play)
    expect(play.locator(".turn.model")).to_have_count(2)


def test_an_image_is_made_and_shown(play: Page, storage: Storage) -> None:
    play.get_by_text("图片", exact=True).click()
    play.locator("#play-model").select_option("demo-image")
    expect(play.locator("#play-price")).to_have_text("$0.01 / 张")
    play.locator("#image-prompt").fill("A cat")
    play.get_by_label("张数").select_option("2")
    play.locator("#image-form").get_by_role("button", name="生成").click()
    unlock(play)
    pictures = play.locator("#image-results img")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("one => one.naturalWidth") > 0
    result = play.locator("#image-results .result")
    expect(result).to_contain_text("$0.02")
    assert charged(storage, result) == "$0.02"


def test_a_video_shows_how_far_it_is_and_then_itself(
    play: Page, storage: Storage
) -> None:
    play.get_by_text("视频", exact=True).click()
    play.locator("#play-model").select_option("demo-video")
    play.locator("#video-prompt").fill("Waves")
    play.get_by_label("时长").select_option("1")
    play.locator("#video-form").get_by_role("button", name="生成").click()
    unlock(play)
    expect(play.get_by_role("progressbar")).to_be_visible()
    open_view(play, "overview")
    open_view(play, "playground")
    video = play.locator("#video-results video")
    expect(video).to_be_visible(timeout=MADE_MS)
    assert video.evaluate(SECONDS) >= 1
    result = play.locator("#video-results .result")
    expect(result).to_contain_text("$0.02")
    assert charged(storage, result) == "$0.02"


def order_film(page: Page) -> None:
    page.get_by_text("视频", exact=True).click()
    page.locator("#play-model").select_option("demo-video")
    page.locator("#video-prompt").fill("Waves")
    page.get_by_label("时长").select_option("1")
    page.locator("#video-form").get_by_role("button", name="生成").click()
    if page.locator("#unlock-dialog").is_visible():
        unlock(page)
    expect(page.get_by_role("progressbar")).to_be_visible()


def test_a_video_that_was_left_is_found_again(play: Page, storage: Storage) -> None:
    order_film(play)
    play.reload()
    play.get_by_text("视频", exact=True).click()
    earlier = play.get_by_role("button", name="之前的视频")
    earlier.click()
    unlock(play)
    result = play.locator("#video-results .result")
    expect(result).to_contain_text("Waves")
    expect(result.locator("video")).to_be_visible(timeout=MADE_MS)
    assert charged(storage, result) == "$0.02"
    earlier.click()
    expect(play.locator("#video-notice")).to_have_text("没有更多视频")
    expect(result).to_have_count(1)


def test_cancelling_throws_nothing_away_that_was_made_meanwhile(play: Page) -> None:
    told = told_so(play, deleted={"deleted": True})
    told["GET"] = {**MADE, "status": "completed"}
    play.get_by_role("button", name="取消").click()
    expect(play.locator("#video-results")).to_contain_text("视频文件已过期")
    expect(play.locator("#video-results")).to_contain_text("$0.02")
    assert told["asked"] == ["GET"]


def test_a_video_that_may_still_be_made_is_not_called_free(play: Page) -> None:
    told = told_so(play, deleted={"deleted": False, "status": "cancelling"})
    play.get_by_role("button", name="取消").click()
    expect(play.locator("#video-results [role=status]")).to_contain_text("正在取消")
    told["GET"] = {**MADE, "status": "completed"}
    play.get_by_role("button", name="取消").click()
    expect(play.locator("#video-results")).to_contain_text("$0.02")
    assert told["asked"] == ["GET", "DELETE", "GET"]


def test_a_video_that_is_cancelled_in_time_is_free(play: Page) -> None:
    told = told_so(play, deleted={"deleted": True})
    play.get_by_role("button", name="取消").click()
    expect(play.locator("#video-results")).to_contain_text("已取消（未收费）")
    assert told["asked"] == ["GET", "DELETE"]


MADE = {
    "status": "queued",
    "progress": 0,
    "model": "demo-video",
    "seconds": "1",
    "data": [],
    "usage": {"cost": 0.02},
}
# Nobody looks by himself while a test goes on.
SELDOM = {"openai-poll-after-ms": "600000"}


def told_so(page: Page, deleted: dict[str, Any]) -> dict[str, Any]:
    """A video that was ordered and looked at once: from then on it is told of as `GET`
    says and deleted so, and `asked` has what was asked of it."""
    told: dict[str, Any] = {"GET": MADE, "DELETE": deleted, "asked": []}

    def answer(route: Route) -> None:
        method = route.request.method
        told["asked"].append(method)
        status = 202 if told[method].get("status") == "cancelling" else 200
        route.fulfill(status=status, json=told[method], headers=SELDOM)

    page.route("**/api/v1/videos/video_*", answer)
    ordered = {"id": "video_1", "request_id": "req_1", **MADE}
    page.route(
        "**/api/v1/videos/generations",
        lambda route: route.fulfill(status=202, json=ordered),
    )
    with page.expect_response("**/api/v1/videos/video_*"):
        order_film(page)
    told["asked"].clear()
    return told


def test_the_code_is_exactly_the_call(play: Page, fake: FakeOpenAI) -> None:
    say(play, "It's \"quoted\" \\ 你好\n$HOME `id`")
    unlock(play)
    expect(meta(play)).to_contain_text("收据")
    key = str(play.evaluate(REVEAL, PASSWORD))
    for language in ("cURL", "Python", "JavaScript"):
        play.locator("#play-languages").get_by_text(language).click()
        play.locator("#play-copy").click()
        expect(play.locator("#play-copy")).to_have_text("已复制")
        code = copied(play)
        assert "YOUR_API_KEY" in code and key not in code
        assert "[DONE]" in RUNNERS[language](code.replace("YOUR_API_KEY", key))
        expect(play.locator("#play-copy")).to_have_text("复制")
    bodies = [orjson.loads(one.body) for one in fake.requests]
    assert len(bodies) == 1 + len(RUNNERS)
    assert all(body == bodies[0] for body in bodies)


REVEAL = """async (password) => {
    const me = await (await fetch("/api/auth.php?action=me")).json();
    const answer = await fetch("/api/user.php?action=reveal_key", {
        method: "POST", body: JSON.stringify({ password }),
        headers: {
            "Content-Type": "application/json", "X-CSRF-Token": me.data.csrf_token,
        },
    });
    return (await answer.json()).data.api_key;
}"""


def run_python(code: str) -> str:
    return printed_by([sys.executable, "-"], code)


def run_javascript(code: str) -> str:
    if shutil.which("node") is None:
        pytest.skip("no node on the path")
    return printed_by(["node", "--input-type=module", "-"], code)


def printed_by(program: list[str], code: str) -> str:
    done = subprocess.run(
        program, input=code.encode(), capture_output=True, timeout=60, check=True
    )
    return done.stdout.decode()


RUNNERS = {"cURL": run, "Python": run_python, "JavaScript": run_javascript}


def test_models_that_cannot_be_read_say_so_and_recover(
    page: Page, email: str, fake: FakeOpenAI
) -> None:
    register(page, email)
    page.route("**/api/user.php?action=models", lambda route: route.abort())
    open_view(page, "playground")
    expect(page.locator("#play [data-error]")).to_contain_text("无法连接")
    page.unroute("**/api/user.php?action=models")
    page.locator("#play [data-retry]").click()
    expect(page.locator("#play-model")).to_have_value("gpt-4o")


def test_a_model_can_be_linked_to(page: Page, email: str, fake: FakeOpenAI) -> None:
    register(page, email)
    page.goto("/public/dashboard.html#playground?model=demo-image")
    expect(page.locator("#play-model")).to_have_value("demo-image")
    expect(page.locator("#image-prompt")).to_be_visible()


def test_where_nobody_serves_a_model_the_page_says_so(
    page: Page, email: str, fake: FakeOpenAI
) -> None:
    register(page, email)
    page.route(
        "**/api/user.php?action=models",
        lambda route: route.fulfill(
            json={"success": True, "message": "", "data": {"models": []}}
        ),
    )
    open_view(page, "playground")
    expect(page.locator("#play h2:visible")).to_have_text("暂无可用的模型")
