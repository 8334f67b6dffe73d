"""The fake DashScope, judged by a plain HTTP client and by the official SDK."""

from collections.abc import Iterator
from typing import Any

import dashscope
import httpx
import pytest
from dashscope.v2 import errors

from tests.fakes.dashscope_server import PATH, Business, FakeDashScope, Image
from tests.fakes.openai_script import Status
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.png import comment


def asked(**parameters: Any) -> dict[str, Any]:
    return {
        "model": "qwen-image-2.0",
        "input": {"messages": [{"role": "user", "content": [{"text": "猫"}]}]},
        "parameters": {"size": "1024*1024", "n": 1, **parameters},
    }


@pytest.fixture
def fake() -> Iterator[FakeDashScope]:
    with FakeDashScope() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeDashScope) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer sk-dashscope"}
    with httpx.Client(base_url=fake.address, headers=headers, trust_env=False) as made:
        yield made


def test_an_answer_has_an_address_and_the_prompt_anew(client, fake) -> None:
    reply = client.post(PATH, json=asked()).json()
    (choice,) = reply["output"]["choices"]
    image, text = choice["message"]["content"]
    assert text == {"text": "再写一遍"}
    assert reply["usage"]["image_count"] == 1
    found = httpx.get(image["image"], trust_env=False)
    assert comment(found.content) == "1.png"
    assert fake.fetched == ["1.png"] and not fake.betrayed


def drawn(fake: FakeDashScope, key: str = "sk-dashscope", **parameters):
    """An image, asked for by DashScope's own SDK."""
    said = {"role": "user", "content": [{"text": "猫"}]}
    return dashscope.MultiModalConversation.call(
        api_key=key,
        model="qwen-image-2.0",
        messages=[said],
        base_address=fake.base_url,
        **{"n": 1, "size": "1024*1024", "watermark": False, **parameters},
    )


def test_the_official_sdk_takes_it_for_the_real_one(fake) -> None:
    reply = drawn(fake, prompt_extend=True)
    assert (reply.status_code, reply.code) == (200, "")
    image, text = reply.output.choices[0].message.content
    assert comment(httpx.get(image["image"], trust_env=False).content) == "1.png"
    assert text == {"text": "再写一遍"}
    assert reply.usage["image_count"] == 1


def test_the_official_sdk_understands_its_errors(fake) -> None:
    fake.script(
        Business("DataInspectionFailed", status=400),
        Business("Throttling.RateQuota", status=429),
    )
    assert drawn(fake).code == "DataInspectionFailed"
    assert drawn(fake).status_code == 429
    assert drawn(fake, size="64*64").code == "InvalidParameter"
    assert drawn(fake, key="sk-no").code == "InvalidApiKey"


def test_the_compatible_mode_is_openai_s_to_the_official_sdk() -> None:
    """Its chat is played by the fake of OpenAI, as DeepSeek's is, which has no SDK of
    its own and tells its users to take OpenAI's."""
    asked = {"model": "qwen-plus", "messages": [{"role": "user", "content": "猫"}]}
    with FakeOpenAI(api_key="sk-dashscope") as fake, dashscope.Client(
        api_key="sk-dashscope",
        base_url=fake.base_url,
        protocol="openai",
        max_retries=0,
    ) as client:
        reply = client.chat.completions.create(**asked)
        stream = list(client.chat.completions.create(**asked, stream=True))
        fake.script(Status(429), Status(500))
        for kind in (errors.RateLimitError, errors.InternalServerError):
            with pytest.raises(kind):
                client.chat.completions.create(**asked)
    assert reply.choices[0].message.content == "You said: 猫"
    assert reply.usage.output_tokens > 0
    said = [one.choices[0].delta.content or "" for one in stream if one.choices]
    assert "".join(said) == "You said: 猫"
    assert stream[-1].usage == reply.usage


def test_whoever_sends_a_key_to_the_files_is_remembered(client, fake) -> None:
    assert client.get("/files/none.png").status_code == 404
    assert fake.betrayed


def test_a_file_may_be_elsewhere_or_gone(client, fake) -> None:
    fake.script(Image(location="http://a.example/"), Image(file_status=404))
    for number, status in ((1, 302), (2, 404)):
        client.post(PATH, json=asked())
        assert client.get(f"/files/{number}.png").status_code == status


@pytest.mark.parametrize(
    "body",
    [
        asked(n=2),
        asked(size="64*64"),
        asked(size="1024x1024"),
        asked(style="vivid"),
        {**asked(), "model": "qwen-vl"},
        {**asked(), "input": {"messages": []}},
    ],
)
def test_what_it_does_not_take_is_refused(client, body) -> None:
    reply = client.post(PATH, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "InvalidParameter")


def test_errors_are_as_it_is_told(client, fake) -> None:
    fake.script(Business("DataInspectionFailed"))
    reply = client.post(PATH, json=asked())
    assert (reply.status_code, reply.json()["code"]) == (200, "DataInspectionFailed")
    wrong = client.post(PATH, json=asked(), headers={"authorization": "Bearer no"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "InvalidApiKey")
    assert client.post("/api/v1/nothing").status_code == 404
