"""What owners are told of jobs that came to nothing."""

from addons.filming.ends import CANCELLED, LOST, NOT_KEPT, TIMED_OUT, UNKNOWN, error_of
from addons.wire.errors import ContentRefused, UpstreamFailed, UpstreamRefused


def test_nothing_of_the_detail_is_told() -> None:
    error = error_of(UpstreamFailed(detail="runway.test said key_secret"))
    assert error.message == UpstreamFailed.text
    assert (error.code, error.status) == ("upstream_error", 502)


def test_a_refusal_is_told_as_one() -> None:
    error = error_of(ContentRefused())
    assert (error.code, error.status) == ("content_policy_violation", 400)


def test_each_end_has_a_name_of_its_own() -> None:
    ends = [LOST, UNKNOWN, TIMED_OUT, NOT_KEPT, CANCELLED]
    assert len({one.code for one in ends}) == len(ends)
    assert all(one.status in (499, 502, 503) for one in ends)


def test_what_is_told_has_nothing_that_a_ledger_cannot_keep() -> None:
    error = error_of(UpstreamRefused("no\0pe", code="o\0dd"))
    assert (error.code, error.message) == ("odd", "nope")
