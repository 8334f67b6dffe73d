"""Retries: what may follow a failure, when, and how often."""


import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.upstream.retries import Course, Outlook, outlook
from addons.wire.errors import (
    ApiError,
    BadParameter,
    BadRequest,
    ContentRefused,
    InternalError,
    Overloaded,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
)
from config.settings import Retries
from tests.fakes import exchanges

LIMITS = Retries()


def course(legs: int = 1, limits: Retries = LIMITS, name: str = "req_1") -> Course:
    return Course([exchanges.leg(f"leg{n}") for n in range(legs)], limits, name)


def run(
    course: Course, *failures: tuple[ApiError, int], now_seconds: float = 0.0
) -> list[tuple[str, float]]:
    """The steps of a course whose attempts fail like this and take no time."""
    steps, left = [], iter(failures)
    while (step := course.next(now_seconds)) is not None:
        steps.append((step.leg.provider.name, step.wait_seconds))
        now_seconds += step.wait_seconds
        error, status = next(left)
        course.failed(error, status, now_seconds)
    return steps


def busy(seconds: int | None = None) -> tuple[ApiError, int]:
    return UpstreamThrottled(retry_after=seconds), 429


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (UpstreamRefused(), 400, Outlook.NOWHERE),
        (UpstreamRefused(), 413, Outlook.NOWHERE),
        (ContentRefused(), 400, Outlook.NOWHERE),
        (BadRequest(), 422, Outlook.NOWHERE),
        (InternalError(), 0, Outlook.NOWHERE),
        (Overloaded(), 0, Outlook.NOWHERE),
        (BadParameter("n", "at most 1"), 0, Outlook.UNABLE),
        (UpstreamAuth(), 401, Outlook.ELSEWHERE),
        (UpstreamAuth(), 403, Outlook.ELSEWHERE),
        (UpstreamBilling(), 402, Outlook.ELSEWHERE),
        (UpstreamModelGone(), 404, Outlook.ELSEWHERE),
        (UpstreamTimeout(), 0, Outlook.ELSEWHERE),
        (UpstreamFailed(), 200, Outlook.ELSEWHERE),
        (UpstreamFailed(), 0, Outlook.LATER),
        (UpstreamFailed(), 500, Outlook.LATER),
        (UpstreamOverloaded(), 529, Outlook.LATER),
        (UpstreamThrottled(), 429, Outlook.LATER),
        # An error that a provider hides in a good answer.
        (UpstreamThrottled(), 200, Outlook.LATER),
        (UpstreamOverloaded(), 200, Outlook.LATER),
    ],
)
def test_what_may_follow(error: ApiError, status: int, expected: Outlook) -> None:
    assert outlook(error, status) is expected


def test_each_leg_is_tried_at_once_before_any_is_waited_for() -> None:
    steps = run(course(3), busy(2), busy(1), (UpstreamAuth(), 401), busy(90), busy(90))
    assert steps == [
        ("leg0", 0), ("leg1", 0), ("leg2", 0), ("leg1", 1), ("leg0", 1)
    ]


def test_the_leg_that_is_ready_first_is_waited_for() -> None:
    assert run(course(2), busy(5), busy(3), (UpstreamRefused(), 400)) == [
        ("leg0", 0), ("leg1", 0), ("leg1", 3)
    ]


def test_after_a_judgement_nothing_follows() -> None:
    walked = course(2)
    judgement = UpstreamRefused("too long")
    assert run(walked, (judgement, 400)) == [("leg0", 0)]
    assert walked.told is judgement


def test_a_leg_that_cannot_do_it_is_passed_over() -> None:
    unable = BadParameter("n", "at most 1")
    walked = course(2)
    assert len(run(walked, (unable, 0), (unable, 0))) == 2
    assert walked.told is unable


def test_without_a_named_time_a_wait_doubles_up_to_its_limit() -> None:
    limits = Retries(
        attempts_max=16,
        repeats_max=16,
        wait_seconds=1_000,
        backoff_seconds=1,
        backoff_seconds_max=8,
    )
    waits = [wait for _, wait in run(course(1, limits), *[busy()] * 7, busy(1_000))]
    for wait, longest in zip(waits, [0, 1, 2, 4, 8, 8, 8, 8], strict=True):
        assert longest / 2 <= wait <= longest


def test_not_all_requests_come_back_at_once() -> None:
    failed = (UpstreamFailed(), 500)
    waits = {
        run(course(name=f"req_{number}"), failed, failed, failed)[1][1]
        for number in range(100)
    }
    assert len(waits) > 90
    assert max(waits) - min(waits) > LIMITS.backoff_seconds / 4


def test_the_same_request_waits_the_same() -> None:
    failed = (UpstreamFailed(), 500)
    assert run(course(), failed, failed, failed) == run(
        course(), failed, failed, failed
    )


def test_a_leg_is_repeated_so_often_at_most() -> None:
    failed = (UpstreamFailed(), 500)
    assert len(run(course(), *[failed] * 3)) == 1 + LIMITS.repeats_max


def test_all_attempts_have_a_limit() -> None:
    steps = run(course(9), *[busy(1)] * LIMITS.attempts_max)
    assert len(steps) == LIMITS.attempts_max


@pytest.mark.parametrize(("seconds", "steps"), [(10, 2), (11, 1)])
def test_a_wait_within_the_budget_is_waited_and_no_other(
    seconds: int, steps: int
) -> None:
    assert len(run(course(), busy(seconds), busy(60))) == steps


def test_the_budget_is_for_all_waits_together() -> None:
    assert [wait for _, wait in run(course(), busy(6), busy(5))] == [0, 6]


def test_time_that_passed_anyway_is_not_waited_again() -> None:
    walked = course(2)
    walked.next(0)
    walked.failed(*busy(5), 0)
    walked.next(0)
    walked.failed(UpstreamTimeout(), 0, 4)
    step = walked.next(4)
    assert step is not None
    assert (step.leg.provider.name, step.wait_seconds) == ("leg0", 1)


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ([busy(60), (UpstreamAuth(), 401)], 0),
        ([(UpstreamAuth(), 401), busy(60)], 1),
        ([(BadParameter("n", "no"), 0), (UpstreamBilling(), 402)], 1),
        ([busy(60), busy(90)], 0),
        ([busy(90), busy(60)], 1),
        ([busy(60), busy()], 0),
        ([(UpstreamAuth(), 401), (UpstreamBilling(), 402)], 1),
    ],
)
def test_the_caller_is_told_what_leaves_most_to_hope_for(failures, told: int) -> None:
    walked = course(2, Retries(repeats_max=0))
    run(walked, *failures)
    assert walked.told is failures[told][0]


def test_without_legs_there_is_nothing_to_try() -> None:
    walked = course(0)
    assert walked.next(0) is None
    assert isinstance(walked.told, UpstreamFailed)


def test_a_failure_needs_an_attempt() -> None:
    with pytest.raises(RuntimeError):
        course().failed(UpstreamFailed(), 500, 0)


FAILURES = st.sampled_from(
    [
        busy(), busy(0), busy(1), busy(7), busy(600),
        (UpstreamFailed(), 500), (UpstreamFailed(), 200), (UpstreamTimeout(), 0),
        (UpstreamAuth(), 401), (BadParameter("n", "no"), 0), (UpstreamRefused(), 400),
    ]
)


@given(failures=st.lists(FAILURES, min_size=16, max_size=16), legs=st.integers(1, 6))
def test_every_course_ends_within_its_limits(failures, legs: int) -> None:
    steps = run(course(legs), *failures)
    assert 1 <= len(steps) <= LIMITS.attempts_max
    assert sum(wait for _, wait in steps) <= LIMITS.wait_seconds
    names = [name for name, _ in steps]
    assert max(map(names.count, names)) <= 1 + LIMITS.repeats_max
