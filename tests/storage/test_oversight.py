"""Oversight: lists of everybody's jobs and payments, page by page."""

import pytest

from storage.job_states import LIVE, JobState
from storage.orders import resolve
from storage.oversight import EventPlace
from tests.storage.ordering import Till, failed, new_order, paid
from tests.storage.runner import Runner


@pytest.fixture
def oversight(storage):
    return storage.reader.oversight


@pytest.fixture
def caller(teller):
    return teller.caller()


@pytest.fixture
def bob(teller):
    return teller.caller(email="bob@example.com")


@pytest.fixture
def runner(teller):
    return Runner(teller)


@pytest.fixture
def till(teller):
    return Till(teller)


def all_of(read):
    found, cursor = [], None
    while True:
        entries, cursor = read(cursor)
        found += entries
        if cursor is None:
            return found


def jobs(oversight, states=frozenset(), limit=2):
    def read(cursor):
        page = oversight.jobs(states, cursor, limit)
        assert len(page.entries) <= limit
        return page.entries, page.next

    return [one.id for one in all_of(read)]


def orders(oversight, limit=2, **selection):
    def read(cursor):
        page = oversight.orders(before=cursor, limit=limit, **selection)
        return page.entries, page.next

    return [one.order.id for one in all_of(read)]


def events(oversight, problems=False, limit=2):
    def read(cursor):
        return oversight.events(problems, cursor, limit)

    return [one.id for one in all_of(read)]


@pytest.fixture
def one_of_each(runner, caller):
    """A job in each state, in the order of the states."""
    for number, state in enumerate(JobState):
        runner.at(state, caller, f"video_{number}", amount_nano=5)


def names(states):
    found = [f"video_{n}" for n, state in enumerate(JobState) if state in states]
    return found[::-1]


def test_pages_of_jobs_join(oversight, one_of_each):
    assert jobs(oversight) == names(JobState)


@pytest.mark.parametrize(
    "states",
    [*({state} for state in JobState), LIVE],
    ids=lambda states: "+".join(sorted(state.value for state in states)),
)
def test_jobs_are_selected_by_state(oversight, one_of_each, states):
    assert jobs(oversight, frozenset(states), 1) == names(states)


def test_a_page_of_few_jobs_looks_at_so_many_only(oversight, one_of_each):
    oversight.looked_at_max = 3
    page = oversight.jobs(frozenset({JobState.QUEUED}), None, 5)
    assert (page.entries, page.next) == ([], "video_4")
    assert jobs(oversight, frozenset({JobState.QUEUED})) == ["video_0"]


def test_a_job_has_its_owner_and_nothing_that_was_written(oversight, runner, caller):
    job = runner.accept(runner.take(runner.opened(caller)), next_ns=11)
    (entry,) = oversight.jobs().entries
    assert (entry.id, entry.request_id) == (job.id, job.request_id)
    assert (entry.account_id, entry.user_id, entry.user_email) == (
        caller.account_id, caller.user_id, caller.email,
    )
    assert (entry.state, entry.provider) == (JobState.RUNNING, "runway")
    assert (entry.attempts, entry.next_ns) == (1, 11)
    assert "private" not in repr(entry)
    runner.fail(job)


def test_attempts_are_counted(oversight, runner, caller):
    job = runner.opened(caller)
    assert oversight.jobs().entries[0].attempts == 0
    job = runner.requeue(runner.take(job))
    assert oversight.jobs().entries[0].attempts == 1
    runner.fail(job)


def test_pages_of_orders_join(oversight, till, caller, bob):
    for number in range(5):
        owner = bob if number == 3 else caller
        till.place(new_order(owner, f"order_{number}"))
        till.hear(failed(f"order_{number}"))
    ids = [f"order_{number}" for number in range(5)][::-1]
    assert orders(oversight) == ids
    assert orders(oversight, account_id=bob.account_id) == ["order_3"]


def test_orders_are_selected_by_state(oversight, till, caller):
    oversight.looked_at_max = 2
    for number in range(3):
        till.place(new_order(caller, f"order_{number}"))
    till.hear(paid("order_1"))
    till.hear(failed("order_0"))
    assert orders(oversight, state="paid") == ["order_1"]
    assert orders(oversight, state="failed") == ["order_0"]
    assert orders(oversight, state="open", limit=1) == ["order_2"]
    assert orders(oversight, state="expired") == []


def test_an_order_says_how_many_problems_it_has(oversight, till, teller, caller):
    till.place(new_order(caller))
    till.hear(paid(minor=1), "evt_wrong")
    till.hear(paid(currency="eur"), "evt_foreign")
    (entry,) = oversight.orders().entries
    assert (entry.order.id, entry.user_email) == ("order_1", caller.email)
    assert entry.problems == 2
    teller.do(resolve, "stripe", "evt_wrong", "sent back", "grace")
    assert oversight.orders().entries[0].problems == 1


def test_pages_of_callbacks_join_also_those_of_one_moment(
    oversight, till, caller, clock
):
    till.place(new_order(caller))
    for number in range(3):
        till.hear(paid(minor=1), f"evt_{number}")
    till.hear(paid(minor=1), "evt_1", method="epay")
    clock.advance(1)
    till.hear(paid(), "evt_9")
    assert events(oversight) == ["evt_9", "evt_1", "evt_0", "evt_1", "evt_2"]
    assert events(oversight, limit=1) == events(oversight, limit=9)
    assert events(oversight, problems=True, limit=1) == [
        "evt_1", "evt_0", "evt_1", "evt_2",
    ]


def test_a_problem_of_no_order_is_listed_until_it_is_resolved(oversight, till, teller):
    till.hear(paid("order_9"), "evt_1")
    ((entry,), _) = oversight.events(problems=True)
    assert (entry.outcome, entry.order_id, entry.user_id) == (
        "unknown_order", None, None,
    )
    assert entry.problem is True
    teller.do(resolve, "stripe", "evt_1", "sent back", "grace")
    assert oversight.events(problems=True) == ([], None)
    ((entry,), _) = oversight.events()
    assert (entry.resolution, entry.resolved_by) == ("sent back", "grace")


def test_a_page_of_callbacks_begins_at_a_place(oversight, till, caller):
    till.place(new_order(caller))
    till.hear(paid(), "evt_1")
    ((entry,), _) = oversight.events()
    place = EventPlace(entry.received_ns, entry.method, entry.id)
    assert oversight.events(before=place) == ([], None)
