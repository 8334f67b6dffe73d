"""Jobs: each verb with its money, each state, and who comes second."""

import random
import threading
from dataclasses import replace

import pytest

from storage.accounts import set_account_status
from storage.errors import IllegalMove
from storage.job_states import LIVE, TRANSITIONS, JobMove, JobState
from storage.jobs import (
    ASK_CHARS_MAX,
    FORGOTTEN_AT_ONCE_MAX,
    MESSAGE_CHARS_MAX,
    TASK_CHARS_MAX,
    Cancelled,
    Cancelling,
    Deleted,
    JobError,
    LegChoice,
    NewJob,
    TooManyJobs,
    complete,
    delete,
    forget,
    open_job,
    take,
)
from storage.keys import Caps, revoke_key, set_caps
from storage.ledger import Blocked, Granted, Insufficient, OverBudget, RateLimited
from storage.replays import InFlight, KeptAnswer, KeyReused, Replayed, ReplayKey
from tests.storage.runner import (
    ASK,
    ERROR,
    LEG,
    PRICE_NANO,
    RESULT,
    TASK,
    Runner,
)
from tests.storage.teller import NANO, REFUSED, USED, ask, settlement

TEN = 10 * NANO
KEY = ReplayKey("once", b"f" * 32)
OPENING = KeptAnswer(202, "application/json", b'{"status":"queued"}')
FINAL = KeptAnswer(200, "application/json", b'{"status":"completed"}')
LIVE_STATES = sorted(LIVE, key=lambda state: state.value)
ENDED_STATES = sorted(set(JobState) - LIVE, key=lambda state: state.value)
STEPS = {
    JobMove.TAKE: Runner.take,
    JobMove.ACCEPT: Runner.accept,
    JobMove.REQUEUE: Runner.requeue,
    JobMove.POLL: Runner.poll,
    JobMove.MAKE: Runner.make,
    JobMove.COMPLETE: Runner.complete,
    JobMove.FAIL: Runner.fail,
    JobMove.CANCEL: lambda runner, job: runner.fail(job, cancelled=True),
}


@pytest.fixture
def runner(teller):
    return Runner(teller)


@pytest.fixture
def caller(teller):
    return teller.caller(TEN)


def hold_of(teller, job):
    ((state, reason),) = teller.sql(
        "SELECT state, reason FROM hold WHERE id = ?1", (job.request_id,)
    )
    return state, reason


def money(teller, caller):
    balance = teller.storage.reader.balance(caller.account_id)
    return balance.posted_nano, balance.pending_nano


# Opening.


def test_a_job_is_opened_with_its_hold(runner, teller, caller, clock):
    answer = runner.open(caller, amount_nano=4 * NANO, next_ns=3, deadline_ns=8)
    assert isinstance(answer, Granted) and answer.available_nano == 6 * NANO
    job = runner.found()
    assert (job.state, job.version, job.ask) == (JobState.QUEUED, 1, ASK)
    assert (job.request_id, job.account_id) == ("req_1", caller.account_id)
    assert (job.key_id, job.model) == (caller.key_id, "gpt-4o")
    assert (job.next_ns, job.deadline_ns) == (3, 8)
    assert job.created_ns == clock.wall_ns()
    assert (job.progress, job.polls, job.faults, job.leg) == (0, 0, 0, 0)
    assert hold_of(teller, job) == ("open", None)
    assert money(teller, caller) == (TEN, 4 * NANO)


def test_without_money_there_is_no_job(runner, teller, caller):
    assert runner.open(caller, amount_nano=TEN + 1) == Insufficient(TEN + 1, TEN)
    assert (teller.count("job"), teller.count("hold")) == (0, 0)


def test_limits_of_the_key_are_those_of_any_request(runner, teller, caller):
    runner.opened(caller, "video_1", rpm=1)
    assert isinstance(runner.open(caller, "video_2", rpm=1), RateLimited)
    assert teller.count("job") == 1


@pytest.mark.parametrize("account_max", [0, 1])
def test_a_blocked_account_opens_nothing(runner, teller, caller, account_max):
    runner.opened(caller)
    teller.do(set_account_status, caller.account_id, "blocked")
    answer = runner.open(caller, "video_2", account_max=account_max)
    assert answer == Blocked("account")
    assert teller.count("job") == 1


def test_opened_again_a_job_is_the_same(runner, teller, caller):
    first = runner.open(caller, account_max=1, live_max=1)
    assert runner.open(caller, account_max=1, live_max=1) == first
    assert (teller.count("job"), money(teller, caller)) == (1, (TEN, NANO))


def test_one_request_has_one_job(runner, teller, caller):
    runner.opened(caller)
    other = NewJob("video_other", ASK, 0, 1)
    with pytest.raises(IllegalMove, match="req_1 has another job"):
        runner.do(open_job, ask(caller, "req_1", NANO), other, None)


def test_a_hold_without_a_job_never_gets_one(runner, teller, caller):
    teller.admit(caller, "req_1", NANO)
    with pytest.raises(IllegalMove, match="was no job's"):
        runner.open(caller)


def test_the_number_of_live_jobs_of_an_account_has_a_limit(runner, teller, caller):
    for number in range(2):
        runner.opened(caller, f"video_{number}", account_max=2)
    answer = runner.open(caller, "video_2", account_max=2)
    assert answer == TooManyJobs("account", 2)
    bob = teller.caller(TEN, email="bob@example.com")
    runner.opened(bob, "video_3", account_max=2)
    runner.fail(runner.found("video_0"))
    runner.opened(caller, "video_4", account_max=2)
    assert teller.count("hold") == 4


def test_the_number_of_live_jobs_in_all_has_a_limit(runner, teller, caller):
    bob = teller.caller(TEN, email="bob@example.com")
    runner.opened(caller, "video_0", live_max=2)
    runner.opened(bob, "video_1", live_max=2)
    assert runner.open(caller, "video_2", live_max=2) == TooManyJobs("all", 2)
    runner.fail(runner.found("video_1"))
    runner.opened(caller, "video_2", live_max=2)


@pytest.mark.parametrize("limit", ["account_max", "live_max"])
def test_who_may_not_ask_is_not_told_to_come_back(runner, teller, caller, limit):
    runner.opened(caller, amount_nano=1)
    poor = runner.open(caller, "video_2", TEN, **{limit: 1})
    assert poor == Insufficient(TEN, TEN - 1)
    teller.do(set_caps, caller.key_id, Caps(total_nano=100))
    capped = runner.open(caller, "video_2", 200, **{limit: 1})
    assert isinstance(capped, OverBudget)
    assert runner.open(caller, "video_2", 1, **{limit: 1}) == TooManyJobs(
        limit.partition("_")[0].replace("live", "all"), 1
    )
    teller.do(revoke_key, caller.key_id)
    assert runner.open(caller, "video_2", 1, **{limit: 1}) == Blocked("key")
    assert teller.count("job") == teller.count("hold") == 1


@pytest.mark.parametrize("most", [10, 11])
def test_the_limit_holds_for_many_at_once(runner, teller, caller, most):
    answers, together = [], threading.Barrier(most)

    def opened(number):
        together.wait()
        answers.append(runner.open(caller, f"video_{number}", 1, account_max=10))

    threads = [threading.Thread(target=opened, args=(n,)) for n in range(most)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    granted = [answer for answer in answers if isinstance(answer, Granted)]
    assert (len(granted), teller.count("job")) == (10, 10)


@pytest.mark.parametrize("size", [0, 1, ASK_CHARS_MAX, ASK_CHARS_MAX + 1])
def test_what_is_asked_has_a_limit_and_is_not_told(runner, caller, size):
    if 0 < size <= ASK_CHARS_MAX:
        assert runner.opened(caller, ask="p" * size).ask == "p" * size
        return
    with pytest.raises(IllegalMove, match=f"has {size} characters") as caught:
        runner.open(caller, ask="p" * size)
    assert "ppp" not in str(caught.value)


# Moving.


def test_the_whole_way(runner, teller, caller, clock):
    job = runner.opened(caller)
    taken = runner.take(job, LegChoice(2, "fal", "pika", "FAL_KEY"), now_ns=33)
    assert (taken.state, taken.version) == (JobState.SUBMITTING, 2)
    assert (taken.leg, taken.provider) == (2, "fal")
    assert (taken.upstream_model, taken.credential) == ("pika", "FAL_KEY")
    assert (taken.boot_id, taken.next_ns) == (teller.storage.boot_id, 33)
    clock.advance(5)
    begun = runner.accept(taken, TASK, 44)
    assert (begun.state, begun.task) == (JobState.RUNNING, TASK)
    assert (begun.next_ns, begun.boot_id) == (44, None)
    assert begun.submitted_ns == clock.wall_ns()
    looked = runner.poll(begun, 60, "queued", 3, 55)
    assert (looked.progress, looked.upstream_state) == (60, "queued")
    assert (looked.polls, looked.faults, looked.next_ns) == (1, 3, 55)
    there = runner.make(looked)
    assert (there.state, there.task, there.faults) == (JobState.STORING, RESULT, 0)
    clock.advance(5)
    done = runner.complete(there)
    assert (done.state, done.version) == (JobState.COMPLETED, 6)
    assert (done.media, done.address) == ("abc.mp4", "/media/video_1.mp4")
    assert (done.progress, done.ended_ns) == (100, clock.wall_ns())
    assert hold_of(teller, job) == ("settled", None)
    assert money(teller, caller) == (TEN - PRICE_NANO, 0)
    assert runner.found() == done
    assert teller.storage.reader.usage("req_1").paid_nano == PRICE_NANO


def test_what_certainly_was_not_begun_is_tried_again(runner, caller):
    taken = runner.take(runner.opened(caller))
    back = runner.requeue(taken, '[["runway"]]', 99)
    assert (back.state, back.trail, back.next_ns) == (
        JobState.QUEUED,
        '[["runway"]]',
        99,
    )
    assert back.boot_id is None
    assert runner.take(back).trail == '[["runway"]]'


def test_a_file_that_is_not_there_yet_is_looked_for_again(runner, caller):
    job = runner.at(JobState.STORING, caller)
    again = runner.poll(job, 100, "", 1, 70)
    assert (again.state, again.faults, again.next_ns) == (JobState.STORING, 1, 70)


@pytest.mark.parametrize("state", LIVE_STATES)
def test_a_failed_job_costs_nothing(runner, teller, caller, state, clock):
    job = runner.at(state, caller)
    record = replace(USED, outcome="upstream_failed", attempts=3)
    ended = runner.fail(job, ERROR, record)
    assert (ended.state, ended.ended_ns) == (JobState.FAILED, clock.wall_ns())
    assert (ended.error_code, ended.error_message) == (ERROR.code, ERROR.message)
    assert (ended.error_status, ended.boot_id) == (ERROR.status, None)
    assert hold_of(teller, job) == ("voided", "upstream_failed")
    assert money(teller, caller) == (TEN, 0)
    assert teller.storage.reader.usage("req_1").record.attempts == 3


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_a_cancelled_job_costs_nothing(runner, teller, caller, state):
    ended = runner.fail(runner.at(state, caller), cancelled=True)
    assert ended.state is JobState.CANCELLED
    assert money(teller, caller) == (TEN, 0)
    assert teller.storage.reader.usage("req_1").record.outcome == ERROR.code


def test_a_message_has_a_limit(runner, caller):
    error = JobError("x", "m" * (MESSAGE_CHARS_MAX + 1), 400)
    ended = runner.fail(runner.opened(caller), error)
    assert ended.error_message == "m" * MESSAGE_CHARS_MAX
    # Told again, it is still the same.
    assert runner.fail(replace(ended, version=1, state=JobState.QUEUED), error) == ended


@pytest.mark.parametrize("size", [0, TASK_CHARS_MAX, TASK_CHARS_MAX + 1])
def test_what_a_provider_calls_it_has_a_limit(runner, caller, size):
    job = runner.at(JobState.SUBMITTING, caller)
    if size == TASK_CHARS_MAX:
        assert runner.make(runner.accept(job, "t" * size), "t" * size).task[0] == "t"
        return
    with pytest.raises(IllegalMove, match=f"has {size} characters"):
        runner.accept(job, "t" * size)
    running = runner.accept(job)
    with pytest.raises(IllegalMove, match=f"has {size} characters"):
        runner.make(running, "t" * size)


@pytest.mark.parametrize(
    "progress, state", [(-1, ""), (101, ""), (50, "made"), (50, "failed")]
)
def test_no_news_is_refused_before_the_row_is(runner, caller, progress, state):
    job = runner.at(JobState.RUNNING, caller)
    with pytest.raises(IllegalMove, match="no news"):
        runner.poll(job, progress, state)
    assert runner.found() == job


def test_a_job_is_completed_with_its_own_money(runner, teller, caller):
    """Also where its caller believes that another hold is the job's."""
    job = runner.at(JobState.STORING, caller)
    teller.admit(caller, "req_2", 1)
    for known in (job, replace(job, request_id="req_2")):
        with pytest.raises(IllegalMove, match="req_2 is not what video_1 holds"):
            teller.do(complete, known, "a.mp4", "/media/a", settlement("req_2", 1))
    assert runner.found() == job
    assert money(teller, caller) == (TEN, NANO + 1)


def test_more_than_was_held_is_paid_like_any_usage(runner, teller, caller):
    job = runner.at(JobState.STORING, caller, amount_nano=1)
    assert runner.complete(job, cost_nano=TEN + 3).state is JobState.COMPLETED
    assert money(teller, caller) == (0, 0)
    assert teller.storage.reader.usage("req_1").shortfall_nano == 3


@pytest.mark.parametrize("move", JobMove)
@pytest.mark.parametrize("state", JobState)
def test_each_state_and_each_verb(runner, teller, caller, state, move):
    job = runner.at(state, caller)
    target = TRANSITIONS[state].get(move)
    before = money(teller, caller)
    if target is None:
        with pytest.raises(IllegalMove, match=f"cannot {move.value} video_1"):
            STEPS[move](runner, job)
        assert (runner.found(), money(teller, caller)) == (job, before)
    else:
        after = STEPS[move](runner, job)
        assert (after.state, after.version) == (target, job.version + 1)
        assert runner.found() == after


# Who comes second.


@pytest.mark.parametrize("move", JobMove)
def test_who_knows_an_old_version_is_told_so(runner, caller, move):
    state = next(state for state in JobState if move in TRANSITIONS[state])
    job = runner.at(state, caller)
    if state is JobState.QUEUED:
        runner.requeue(runner.take(job))
    else:
        runner.fail(job, JobError("other", "x", 500))
    now = runner.found()
    assert STEPS[move](runner, job) is None
    assert runner.found() == now


@pytest.mark.parametrize("move", JobMove)
def test_a_verb_again_answers_the_same(runner, teller, caller, clock, move):
    """As one does that does not know whether it was committed."""
    state = next(state for state in JobState if move in TRANSITIONS[state])
    job = runner.at(state, caller)
    first = STEPS[move](runner, job)
    before = money(teller, caller), teller.count("transfer"), teller.count("usage")
    clock.advance(1)
    assert STEPS[move](runner, job) == first
    assert before == (
        money(teller, caller),
        teller.count("transfer"),
        teller.count("usage"),
    )


def test_another_who_takes_the_same_version_gets_none(
    runner, caller, open_ledger, teller
):
    job = runner.opened(caller)
    assert runner.take(job) is not None
    assert runner.take(job, replace(LEG, provider="fal")) is None
    beside = open_ledger(gateway=False)
    assert beside.writer.wait(take, job.id, job.version, LEG, 7) is None
    beside.close()


def test_a_job_that_is_not_there_is_nobodys(runner, teller, caller):
    job = runner.opened(caller)
    ghost = replace(job, id="video_0")
    for step in (runner.take, runner.fail):
        assert step(ghost) is None
    assert teller.do(delete, "video_0", caller.account_id, 1) is None


def test_of_many_who_take_it_one_gets_it(runner, caller):
    job, taken, together = runner.opened(caller), [], threading.Barrier(6)

    def race(number):
        together.wait()
        taken.append(runner.take(job, replace(LEG, leg=number)))

    threads = [threading.Thread(target=race, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found is None for found in taken].count(False) == 1


# Deleting and cancelling.


@pytest.mark.parametrize("state", ENDED_STATES)
def test_a_job_that_has_ended_is_hidden(runner, teller, caller, state):
    job = runner.at(state, caller)
    hidden = teller.do(delete, job.id, caller.account_id, 77)
    assert hidden == Deleted(replace(job, deleted_ns=77))
    assert runner.reads.job_of(job.id, caller.account_id) is None
    assert runner.reads.jobs_of(caller.account_id) == []
    assert runner.found() == hidden.job
    # The same call again is the same answer, another one finds nothing.
    assert teller.do(delete, job.id, caller.account_id, 77) == hidden
    assert teller.do(delete, job.id, caller.account_id, 78) is None


def test_a_job_that_nobody_began_is_cancelled_at_once(runner, teller, caller):
    job = runner.opened(caller)
    answer = teller.do(delete, job.id, caller.account_id, 77)
    assert isinstance(answer, Cancelled)
    assert (answer.job.state, answer.job.error_code) == (
        JobState.CANCELLED,
        "cancelled",
    )
    assert money(teller, caller) == (TEN, 0)
    assert runner.reads.job_of(job.id, caller.account_id) == answer.job


@pytest.mark.parametrize(
    "state", [JobState.SUBMITTING, JobState.RUNNING, JobState.STORING]
)
def test_who_runs_a_job_learns_that_it_should_not(runner, teller, caller, state):
    """The wish takes nothing from the version that the runner knows."""
    job = runner.at(state, caller, next_ns=10**12)
    if state is JobState.RUNNING:
        job = runner.poll(job, next_ns=10**12)
    answer = teller.do(delete, job.id, caller.account_id, 77)
    assert isinstance(answer, Cancelling)
    soon = 77 if state is JobState.RUNNING else job.next_ns
    assert answer.job == replace(job, cancel_ns=77, next_ns=soon)
    again = teller.do(delete, job.id, caller.account_id, 99)
    assert again == answer
    move = next(iter(TRANSITIONS[state]))
    assert STEPS[move](runner, job).cancel_ns == 77
    assert money(teller, caller)[1] in (NANO, 0)


@pytest.mark.parametrize(
    ("state", "move", "next_ns"),
    [
        (JobState.SUBMITTING, JobMove.ACCEPT, 77),
        (JobState.SUBMITTING, JobMove.REQUEUE, 77),
        (JobState.RUNNING, JobMove.POLL, 77),
        # It cannot be stopped any more, so nobody is in a hurry.
        (JobState.STORING, JobMove.POLL, 10**12),
    ],
)
def test_news_that_come_after_a_wish_do_not_put_it_off(
    runner, teller, caller, state, move, next_ns
):
    news = {
        JobMove.ACCEPT: lambda: runner.accept(job, next_ns=10**12),
        JobMove.REQUEUE: lambda: runner.requeue(job, next_ns=10**12),
        JobMove.POLL: lambda: runner.poll(job, next_ns=10**12),
    }[move]
    job = runner.at(state, caller)
    teller.do(delete, job.id, caller.account_id, 77)
    told = news()
    assert (told.cancel_ns, told.next_ns) == (77, next_ns)
    # Repeated after a fault it finds its own work.
    assert news() == told
    if move is JobMove.POLL:
        # Whoever knows of the wish has acted upon it.
        assert runner.poll(told, next_ns=10**12).next_ns == 10**12


@pytest.mark.parametrize("state", JobState)
def test_nobody_deletes_the_job_of_another(runner, teller, caller, state):
    bob = teller.caller(email="bob@example.com")
    job = runner.at(state, caller)
    assert teller.do(delete, job.id, bob.account_id, 1) is None
    assert runner.found() == job


def test_jobs_that_ended_long_ago_are_forgotten_step_by_step(
    runner, teller, caller, clock
):
    runner.at(JobState.RUNNING, caller, "video_0", amount_nano=9)
    for number, state in enumerate((*ENDED_STATES, JobState.COMPLETED), 1):
        runner.at(state, caller, f"video_{number}", amount_nano=9)
        clock.advance(1)
    before_ns = clock.wall_ns() - 10**9
    money_before = money(teller, caller), teller.count("usage"), teller.count("hold")
    assert [teller.do(forget, before_ns, 2) for _ in range(3)] == [2, 1, 0]
    left = teller.sql("SELECT id FROM job ORDER BY id")
    assert left == [("video_0",), ("video_4",)]
    assert money_before == (
        money(teller, caller),
        teller.count("usage"),
        teller.count("hold"),
    )


@pytest.mark.parametrize("limit", [-1, 0])
def test_no_number_forgets_none(runner, teller, caller, limit):
    runner.at(JobState.FAILED, caller)
    assert teller.do(forget, 10**19 // 2, limit) == 0


def test_forgetting_has_a_limit(runner, teller, caller):
    assert FORGOTTEN_AT_ONCE_MAX == 500

    def end_many(db):
        for number in range(FORGOTTEN_AT_ONCE_MAX + 1):
            request = ask(caller, f"req_{number}", 1)
            open_job(db, request, NewJob(f"video_{number}", ASK, 0, 1), None)
            delete(db, f"video_{number}", caller.account_id, 1)

    runner.do(end_many)
    forgotten = [teller.do(forget, 10**19 // 2, 10**6) for _ in range(3)]
    assert forgotten == [FORGOTTEN_AT_ONCE_MAX, 1, 0]


# Sent again under the same name.


def again(runner, caller, job_id="video_2", key=KEY, **fields):
    return runner.open(caller, job_id, replay=key, **fields)


def test_while_it_goes_on_it_is_in_flight(runner, teller, caller):
    runner.opened(caller, replay=KEY)
    assert again(runner, caller, account_max=1) == InFlight("req_1")
    other = replace(KEY, fingerprint=b"g" * 32)
    assert again(runner, caller, key=other) == KeyReused("req_1")
    assert teller.count("job") == 1


def test_completed_it_is_answered_as_then(runner, teller, caller):
    job = runner.at(JobState.STORING, caller, replay=KEY)
    runner.complete(job, answer=lambda paid_nano: FINAL)
    found = again(runner, caller)
    assert isinstance(found, Replayed)
    assert (found.answer, found.paid_nano) == (FINAL, PRICE_NANO)


def test_an_answer_kept_at_the_opening_is_given_from_then_on(
    runner, teller, caller, clock
):
    job = runner.opened(caller, replay=KEY, answer=OPENING)
    first = again(runner, caller, account_max=1, answer=OPENING)
    assert (first.request_id, first.answer, first.paid_nano) == ("req_1", OPENING, 0)
    clock.advance(2 * 24 * 3600)
    assert again(runner, caller, answer=OPENING) == first
    for step in (runner.take, runner.accept, runner.make):
        job = step(job)
    clock.jump(-2 * 24 * 3600)
    runner.complete(job)
    later = again(runner, caller, answer=OPENING)
    assert (later.answer, later.paid_nano) == (OPENING, PRICE_NANO)
    assert teller.count("job") == 1


def test_an_answer_without_a_name_is_kept_nowhere(runner, teller, caller):
    runner.opened(caller, answer=OPENING)
    assert teller.count("replay") == 0


@pytest.mark.parametrize("answer", [None, OPENING])
@pytest.mark.parametrize("cancelled", [False, True])
def test_what_came_to_nothing_frees_its_name(runner, caller, answer, cancelled):
    job = runner.opened(caller, replay=KEY, answer=answer)
    runner.fail(job, cancelled=cancelled)
    assert isinstance(again(runner, caller, answer=answer), Granted)
    assert runner.found("video_2").state is JobState.QUEUED


def test_a_blocked_account_is_not_told_what_was_answered(runner, teller, caller):
    runner.opened(caller, replay=KEY, answer=OPENING)
    teller.do(set_account_status, caller.account_id, "blocked")
    assert again(runner, caller, account_max=1) == Blocked("account")


def test_the_oldest_name_of_a_live_job_is_not_purged(runner, teller, caller, clock):
    runner.opened(caller, replay=KEY, answer=OPENING)
    clock.advance(3 * 24 * 3600)
    runner.opened(caller, "video_9", replay=replace(KEY, name="other"))
    assert teller.count("replay") == 2


# What the tables refuse, whatever a verb gets wrong.


@pytest.mark.parametrize(
    "change",
    [
        "id = 'video_9'",
        "request_id = 'req_2'",
        "account_id = 1",
        "key_id = 2",
        "model = 'x'",
        "ask = 'x'",
        "deadline_ns = 99",
        "created_ns = 99",
    ],
)
def test_what_a_job_is_for_never_changes(runner, teller, caller, change):
    runner.opened(caller)
    with pytest.raises(REFUSED, match="what a job is for"):
        teller.sql(f"UPDATE job SET {change}")


@pytest.mark.parametrize("state", ENDED_STATES)
@pytest.mark.parametrize(
    "change",
    ["state = 'running'", "version = 9", "progress = 1", "ended_ns = 9", "leg = 1"],
)
def test_a_job_that_has_ended_never_changes(runner, teller, caller, state, change):
    runner.at(state, caller)
    with pytest.raises(REFUSED, match="that has ended never changes"):
        teller.sql(f"UPDATE job SET {change}")


def test_its_file_goes_all_the_same(runner, teller, caller):
    runner.at(JobState.COMPLETED, caller)
    teller.sql("UPDATE job SET media = NULL")
    assert runner.found().media is None


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost'",
        "state = 'submitting'",
        "state = 'failed'",
        "state = 'completed', ended_ns = 1",
        "ended_ns = 1",
        "version = 0",
        "progress = 101",
        "progress = -1",
        "upstream_state = 'made'",
        "polls = -1",
        "faults = -1",
        "leg = -1",
        "error_code = 'x'",
        "media = 'x'",
        "address = 'x'",
        "deleted_ns = 1",
        "boot_id = (SELECT min(b.id) FROM boot b)",
    ],
)
def test_no_live_row_is_like_that(runner, teller, caller, change):
    runner.opened(caller)
    with pytest.raises(REFUSED):
        teller.sql(f"UPDATE job SET {change}")


@pytest.mark.parametrize("state", JobState)
def test_only_what_has_ended_goes_away(runner, teller, caller, state):
    runner.at(state, caller)
    if state not in LIVE:
        teller.sql("DELETE FROM job")
        return
    with pytest.raises(REFUSED, match="unfinished job never goes"):
        teller.sql("DELETE FROM job")


def test_what_a_user_wrote_is_in_no_error(runner, teller, caller, caplog):
    """Not in those of the verbs, and not in the log of a verb that failed."""
    job = runner.at(JobState.STORING, caller)
    told = []
    for wrong in (
        lambda: runner.accept(job),
        lambda: runner.take(job),
        lambda: runner.poll(job, 500),
        lambda: runner.complete(replace(job, request_id="req_9")),
        lambda: runner.open(caller, ask="a very private prompt" * ASK_CHARS_MAX),
    ):
        with pytest.raises(IllegalMove) as caught:
            wrong()
        told.append(f"{caught.value} {caught.value!r}")
    told += [caplog.text, repr(job), repr(NewJob("v", ASK, 0, 1)), repr(ERROR)]
    for text in told:
        assert "private" not in text and "made.example" not in text


# A model of its own: what the verbs should do, in a few lines.


class Paper:
    """Jobs as a table on paper: state, version, what is held and what was paid."""

    def __init__(self, money_nano):
        self.free = money_nano
        self.jobs = {}

    def open(self, job_id, amount, most):
        live = sum(state in LIVE for state, *_ in self.jobs.values())
        if amount > self.free:
            return Insufficient
        if live >= most:
            return TooManyJobs
        self.free -= amount
        self.jobs[job_id] = [JobState.QUEUED, 1, amount]
        return Granted

    def move(self, job_id, job, move, cost):
        """The next state; None for who comes second, an error for no move at all."""
        state, version, amount = self.jobs[job_id]
        target = TRANSITIONS[job.state].get(move)
        # Who takes a job names its version only, and is not asked for its state.
        if job.version != version and move is JobMove.TAKE:
            return None
        if target is None:
            return IllegalMove
        if job.version != version:
            return None
        self.jobs[job_id] = [target, version + 1, amount]
        if target not in LIVE:
            self.free += amount - (cost if target is JobState.COMPLETED else 0)
        return target


def acted(runner, job, move, step, cost):
    """A verb that differs from all others by the step in which it is called."""
    error = JobError(f"e{step}", "x", 500)
    return {
        JobMove.TAKE: lambda: runner.take(job, replace(LEG, leg=step)),
        JobMove.ACCEPT: lambda: runner.accept(job, f"task {step}"),
        JobMove.REQUEUE: lambda: runner.requeue(job, f"trail {step}"),
        JobMove.POLL: lambda: runner.poll(job, step % 101, next_ns=step),
        JobMove.MAKE: lambda: runner.make(job, f"made {step}"),
        JobMove.COMPLETE: lambda: runner.complete(job, cost, media=f"{step}.mp4"),
        JobMove.FAIL: lambda: runner.fail(job, error),
        JobMove.CANCEL: lambda: runner.fail(job, error, cancelled=True),
    }[move]()


def drawn(chance, state):
    """Mostly forward, or no job would ever get anywhere."""
    forward = [move for move in TRANSITIONS[state] if move in FORWARD]
    if forward and chance.random() < 0.6:
        return chance.choice(forward)
    return chance.choice(list(JobMove))


FORWARD = (JobMove.TAKE, JobMove.ACCEPT, JobMove.MAKE, JobMove.COMPLETE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_verbs_do_what_the_paper_says(runner, teller, seed):
    chance = random.Random(seed)
    caller = teller.caller(1000)
    paper, seen = Paper(1000), {}
    for step in range(3000):
        context = f"seed {seed}, step {step}"
        if not seen or chance.random() < 0.15:
            job_id, amount = f"video_{step:05}", chance.randint(1, 300)
            expected = paper.open(job_id, amount, 8)
            answer = runner.open(caller, job_id, amount, account_max=8)
            assert type(answer) is expected, context
            if expected is Granted:
                seen[job_id] = [runner.found(job_id)]
            continue
        job_id = chance.choice(sorted(seen)[-10:])
        known = seen[job_id]
        job = known[-1] if chance.random() < 0.8 else chance.choice(known)
        move = drawn(chance, job.state)
        cost = chance.randint(0, paper.jobs[job_id][2])
        expected = paper.move(job_id, job, move, cost)
        if expected is IllegalMove:
            with pytest.raises(IllegalMove):
                acted(runner, job, move, step, cost)
            continue
        found = acted(runner, job, move, step, cost)
        assert (found and found.state) is expected, context
        if found is not None:
            known.append(found)
    assert teller.available(caller) == paper.free
    rows = teller.sql("SELECT id, state, version FROM job")
    assert {job_id: (state, version) for job_id, state, version in rows} == {
        job_id: (state.value, version)
        for job_id, (state, version, _) in paper.jobs.items()
    }
    assert teller.audit() == []
    assert {state for state, *_ in paper.jobs.values()} >= set(ENDED_STATES)
