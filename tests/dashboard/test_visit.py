"""Visit: what endpoints see, and that nobody is not somebody."""

import pytest

from dashboard.refusals import NotSignedIn
from dashboard.visit import Answer, Visit

NOBODY = Visit("192.0.2.1", "test", "zh", {}, {}, None)


def test_nobody_has_no_user() -> None:
    with pytest.raises(NotSignedIn):
        NOBODY.user
    with pytest.raises(NotSignedIn):
        NOBODY.signed


def test_a_plain_answer_leaves_the_cookie_alone() -> None:
    assert (Answer().word, Answer().data, Answer().cookie) == ("done", None, None)


def test_what_has_no_name_was_not_answered_before() -> None:
    assert (NOBODY.replay, Answer().kept) == (None, None)
