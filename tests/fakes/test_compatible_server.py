"""The fakes that took over OpenAI's API, by OpenAI's SDK, as their documents say."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import DefaultHttpxClient, OpenAI

from tests.fakes.compatible_server import DEEPSEEK, QWEN, FakeCompatible, House
from tests.fakes.openai_script import Answer

HELLO: Any = [{"role": "user", "content": "hello there"}]
OWN: dict[str, dict[str, Any]] = {
    "deepseek": {"thinking": {"type": "disabled"}, "user_id": "a"},
    "dashscope": {"enable_thinking": False},
}


@pytest.fixture(params=[DEEPSEEK, QWEN], ids=lambda house: house.name)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeCompatible]:
    with FakeCompatible(request.param) as fake:
        yield fake


@pytest.fixture
def client(fake: FakeCompatible) -> Iterator[OpenAI]:
    with OpenAI(
        base_url=fake.base_url,
        api_key="sk-fake",
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client


def test_it_answers_and_knows_fields_of_its_own(
    fake: FakeCompatible, client: OpenAI
) -> None:
    answer = client.chat.completions.create(
        model="m", messages=HELLO, max_tokens=9, extra_body=OWN[fake.house.name]
    )
    assert answer.choices[0].message.content == "You said: hello there"


def test_it_streams_and_tells_usage_when_asked(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="m",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == "You said: hello there"
    assert chunks[-1].usage is not None


@pytest.mark.parametrize("name", ["max_completion_tokens", "user", "logit_bias"])
def test_what_it_does_not_know_it_refuses(client: OpenAI, name: str) -> None:
    value: Any = {"user": "a", "logit_bias": {}}.get(name, 7)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="m", messages=HELLO, extra_body={name: value}
        )


def test_it_makes_no_more_choices_than_it_can(
    fake: FakeCompatible, client: OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="m", messages=HELLO, n=fake.house.choices_max + 1
        )


@pytest.mark.parametrize(
    ("house", "expected"),
    [
        (DEEPSEEK, {"prompt_cache_hit_tokens": 2, "prompt_cache_miss_tokens": 3}),
        (QWEN, {"prompt_tokens_details": {"cached_tokens": 2}}),
    ],
)
def test_it_says_in_its_own_words_what_was_cached(
    house: House, expected: dict[str, Any]
) -> None:
    body = {"model": "m", "messages": HELLO}
    usage = house.complete(Answer(cached_tokens=2), body, 1).usage
    assert usage is not None
    assert usage["prompt_tokens"] == 5
    assert {name: usage[name] for name in expected} == expected


def test_a_place_that_is_not_its_own_is_nothing() -> None:
    with (
        FakeCompatible(QWEN) as fake,
        OpenAI(
            base_url=f"{fake.address}/v1",
            api_key="sk-fake",
            max_retries=0,
            http_client=DefaultHttpxClient(trust_env=False),
        ) as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.chat.completions.create(model="m", messages=HELLO)
