"""Reports: pages that join, filters that stop, and sums of the right days."""

import pytest

from storage import reports as module
from storage.acts import Act, log_act
from storage.ledger import promo, topup
from storage.reader import transaction_of
from storage.reports import LOOKED_AT_MAX, Selection
from storage.statements import DAY_NS
from storage.vouchers import create_vouchers, new_code, redeem


@pytest.fixture
def reports(storage):
    return storage.reader.reports


@pytest.fixture
def caller(teller):
    return teller.caller()


@pytest.fixture
def charged(teller, caller, clock):
    """Ten requests, one a day."""

    def charge(count=10):
        made = []
        for number in range(count):
            made.append(teller.storage.ids.make("req"))
            teller.admit(caller, made[-1], 100)
            teller.settle(made[-1], number + 1)
            clock.advance(86_400)
        return made

    return charge


def all_of(read):
    found, cursor = [], None
    while True:
        entries, cursor = read(cursor)
        found += entries
        if cursor is None:
            return found


def transactions(reports, caller, selection=Selection(), limit=3):
    def read(cursor):
        before = None if cursor is None else int(cursor)
        return reports.transactions(caller.account_id, selection, before, limit)

    rows = all_of(read)
    return [transaction_of(caller.account_id, row) for row in rows]


def requests(reports, caller, selection=Selection(), limit=3):
    def read(cursor):
        page = reports.requests(caller.account_id, selection, cursor, limit)
        return page.entries, page.next

    return all_of(read)


def test_pages_of_requests_join(reports, caller, charged):
    made = charged()
    assert [one.request_id for one in requests(reports, caller)] == made[::-1]


def test_days_select_requests_and_transactions(reports, caller, charged, clock):
    start = clock.wall_ns() // DAY_NS
    made = charged()
    days = Selection((start + 2) * DAY_NS, (start + 5) * DAY_NS)
    found = requests(reports, caller, days)
    assert [one.request_id for one in found] == made[2:5][::-1]
    listed = transactions(reports, caller, days)
    assert [one.request_id for one in listed] == made[2:5][::-1]


@pytest.mark.parametrize(
    ("kinds", "count"),
    [((), 13), (("usage",), 10), (("promo",), 2), (("topup",), 1), (("refund",), 0),
     (("promo", "topup"), 3), (("usage", "topup"), 11)],
)
def test_kinds_select_transactions(teller, reports, caller, charged, kinds, count):
    charged()
    teller.do(topup, caller.account_id, 5, "test", "one")
    teller.do(promo, caller.account_id, 5, "two")
    found = transactions(reports, caller, Selection(kinds=kinds))
    assert len(found) == count
    assert [one.seq for one in found] == sorted((o.seq for o in found), reverse=True)


def test_a_key_selects_its_charges(teller, reports, caller, charged):
    made = charged()
    teller.do(topup, caller.account_id, 5, "test", "one")
    own = transactions(reports, caller, Selection(key_id=caller.key_id))
    assert [one.request_id for one in own] == made[::-1]
    assert transactions(reports, caller, Selection(key_id=caller.key_id + 1)) == []


def test_a_filter_stops_after_so_many_and_goes_on(
    reports, caller, charged, only_sqlite
):
    """With a lower limit the same filter takes more pages and finds the same."""
    made = charged()
    rare = Selection(key_id=caller.key_id + 1)
    assert requests(reports, caller, rare) == []
    own = Selection(key_id=caller.key_id, model="gpt-4o")
    assert [one.request_id for one in requests(reports, caller, own)] == made[::-1]
    assert LOOKED_AT_MAX > module.PAGE_MAX


def test_nobody_is_in_anothers_list(teller, reports, caller, charged):
    charged(2)
    other = teller.caller(email="bob@example.com")
    assert requests(reports, other) == []
    assert len(transactions(reports, other)) == 1
    assert reports.usage(other.account_id, 0, 10**6, "day") == []


@pytest.mark.parametrize(
    ("by", "groups"), [("day", 10), ("model", 1), ("key", 1), ("day_model", 10)]
)
def test_usage_is_summed_by(reports, caller, charged, by, groups):
    charged()
    sums = reports.usage(caller.account_id, 0, 10**6, by)
    assert len(sums) == groups
    assert sum(one.paid_nano for one in sums) == sum(range(1, 11))
    assert sum(one.requests for one in sums) == 10
    everybody = reports.usage(None, 0, 10**6, by)
    assert everybody == sums


def test_users_are_found_by_part_of_their_address(teller, reports):
    for name in ("ann", "a_n", "a%n", "bob"):
        teller.caller(email=f"{name}@example.com")
    for search, count in (("", 4), ("a%n", 1), ("a_n", 1), ("!", 0), ("EXAMPLE", 4)):
        assert len(reports.users(search).entries) == count
    first = reports.users(limit=3)
    second = reports.users(after=first.next, limit=3)
    emails = [one.user.email for one in first.entries + second.entries]
    assert emails == sorted(emails) and len(emails) == 4
    assert second.next is None
    assert reports.users(status="disabled").entries == []
    assert len(reports.users(status="active").entries) == 4


def test_acts_are_paged_and_selected(teller, reports, caller):
    for number in range(5):
        what = "signed_in" if number % 2 else "signed_out"
        act = Act(what, caller.user_id, caller.user_id, details={"n": number})
        teller.do(log_act, act)
    teller.do(log_act, Act("sign_in_failed", None, None))
    page = reports.acts(caller.user_id, limit=3)
    rest = reports.acts(caller.user_id, before=page.next, limit=3)
    entries = page.entries + rest.entries
    assert sorted(one.details["n"] for one in entries) == [0, 1, 2, 3, 4]
    assert {one.user_email for one in entries} == {caller.email}
    assert len(reports.acts(what="signed_in").entries) == 2
    assert len(reports.acts().entries) == 6


def test_batches_are_counted(teller, reports, caller, clock):
    for number in range(3):
        codes = [new_code() for _ in range(number + 1)]
        teller.do(create_vouchers, codes, 5, f"batch {number}")
        clock.advance(1)
    teller.do(redeem, caller.account_id, codes[0])
    page, next_ = reports.batches(limit=2)
    assert [(one.batch, one.count, one.spent) for one in page] == [
        ("batch 2", 3, 1),
        ("batch 1", 2, 0),
    ]
    rest, end = reports.batches(next_)
    assert [one.batch for one in rest] == ["batch 0"]
    assert end is None


def test_recent_requests_are_everybodys(teller, reports, caller, charged, clock):
    made = charged(4)
    since = clock.wall_ns() - 2 * DAY_NS
    assert len(reports.recent(since, 100)) == 2
    assert len(reports.recent(0, 3)) == 3
    assert made


def test_traffic_says_when_a_key_was_used(reports, caller, charged, clock):
    today = clock.wall_ns() // DAY_NS
    charged(3)
    (traffic,) = reports.traffic(caller.account_id, today, today + 1)
    assert (traffic.key_id, traffic.day, traffic.requests) == (
        caller.key_id, today + 2, 2,
    )
    assert reports.traffic(caller.account_id, today + 9, today) == []


def test_the_place_of_a_moment_is_found(teller, reports, caller, charged):
    charged(5)
    dates = teller.sql("SELECT seq, at_ns FROM transfer ORDER BY seq")
    for seq, at_ns in dates:
        assert reports.seq_at(at_ns) == seq
        assert reports.seq_at(at_ns + 1) == seq + 1
    assert reports.seq_at(0) == 1
