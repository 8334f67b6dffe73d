"""Compatible: nothing is sent that only OpenAI itself would know."""

import orjson

from addons.providers.compatible import COMPATIBLE
from tests.fakes import exchanges


def test_only_what_all_of_them_know_is_sent() -> None:
    asked = exchanges.ask(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
            {"role": "user", "content": "hi"},
        ],
        stream=True,
        user="ann",
    )
    request = COMPATIBLE.chat_request(asked, "m", 100, "account-7")
    assert request.path == "/chat/completions"
    assert orjson.loads(request.body) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": "hi"},
        ],
        "temperature": 0.7,
        "max_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
