import json

import pytest

from tests.fakes import openai_script
from tests.fakes.openai_script import DONE, Answer, Status

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def test_an_answer_ends_with_done_unless_told_otherwise() -> None:
    for done in (True, False):
        one = Answer("x", done=done)
        frames = list(one.frames(one.completion(ASKED, 1)))
        assert (frames[-1] == DONE) is done


@pytest.mark.parametrize("status", openai_script.ERRORS)
def test_every_status_has_all_four_keys(status: int) -> None:
    said = json.loads(Status(status).body)["error"]
    assert said.keys() == {"message", "type", "param", "code"}


def test_a_status_may_speak_other_words() -> None:
    said = json.loads(Status(429, "No money", "insufficient_quota", "x", "y").body)
    assert list(said["error"].values()) == ["No money", "insufficient_quota", "y", "x"]
