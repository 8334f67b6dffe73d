"""Corruption by hand: each kind is found, and the row is named.

The triggers are dropped and the CHECKs switched off first, as whoever edits a ledger
behind its back would have to do.
"""

import apsw
import pytest

from storage.audit import FINDINGS_MAX, dead_boots_hold_nothing, prove
from storage.errors import LedgerBroken
from tests.storage.teller import NANO, REFUSED, Teller


@pytest.fixture
def storage(prepared, open_ledger):
    """Not proved afterwards: these tests break it."""
    return open_ledger()


@pytest.fixture
def ledger(storage):
    """A ledger with a hold in each state, and transfers of each kind."""
    teller = Teller(storage)
    ada = teller.caller(10 * NANO)
    bob = teller.caller(NANO, "bob@example.com")
    for caller, name in ((ada, "ada"), (bob, "bob")):
        for number in range(3):
            teller.admit(caller, f"{name}-{number}", NANO // 10)
    teller.settle("ada-0", NANO)
    teller.settle("bob-0", 2 * NANO)
    teller.void("ada-1")
    teller.void("bob-1")
    teller.settle("bob-1", NANO)
    assert teller.audit() == []
    return teller


@pytest.fixture
def corrupt(ledger, corrupt):
    """Not before the ledger is what it should be."""
    return corrupt


ADA, BOB = 5, 6
WRONGS = [
    # what was done -> invariant and row that must be named
    (
        "UPDATE transfer SET amount_nano = amount_nano - 1 WHERE id = 'usage:ada-0'",
        [
            ("I2", "account 2"),
            ("I2", "account 5"),
            ("I2", "transfer 3 (usage:ada-0)"),
            ("I5", "hold ada-0"),
            ("I6", "transfer 3 (usage:ada-0)"),
        ],
    ),
    (
        "UPDATE transfer SET balance_nano = balance_nano + 1 WHERE id = 'usage:ada-0'",
        [
            # It is the account's newest, too.
            ("I2", "account 5"),
            ("I2", "transfer 3 (usage:ada-0)"),
            ("I6", "transfer 3 (usage:ada-0)"),
        ],
    ),
    (
        "DELETE FROM transfer WHERE id = 'usage:ada-0'",
        [
            ("I2", "account 2"),
            ("I2", "account 5"),
            ("I5", "hold ada-0"),
            ("I2", "account -2"),
            ("I2", "account -3"),
            ("I6", "transfer 4"),
        ],
    ),
    (
        "DELETE FROM transfer WHERE code = 'promo' AND account_id = 5",
        [
            ("I2", "account 4"),
            ("I2", "account 5"),
            ("I2", "transfer 3 (usage:ada-0)"),
            ("I6", "transfer 2"),
        ],
    ),
    (
        "UPDATE transfer SET hold_id = 'ada-1' WHERE id = 'usage:ada-0'",
        [
            # The money is now on a voided hold, which another request's rows are of.
            ("I5", "hold ada-1"),
            ("I5", "transfer 3 (usage:ada-0)"),
            ("I6", "request ada-1"),
            ("I6", "transfer 3 (usage:ada-0)"),
            ("I7", "transfer 3"),
        ],
    ),
    (
        "UPDATE transfer SET credit_id = 999 WHERE id = 'usage:ada-0'",
        [
            ("I2", "account 2"),
            ("I2", "transfer 3 (usage:ada-0)"),
            ("I6", "transfer 3 (usage:ada-0)"),
        ],
    ),
    (
        "DELETE FROM transfer WHERE id = 'shortfall:bob-0'",
        [
            ("I2", "account 2"),
            ("I2", "account 3"),
            ("I5", "usage bob-0"),
            ("I6", "transfer 6"),
        ],
    ),
    (
        "UPDATE account SET credits_posted = credits_posted + 5 WHERE id = 5",
        [("I1", "account"), ("I2", "account 5")],
    ),
    (
        "UPDATE account SET credits_posted = credits_posted + 5,"
        " debits_posted = debits_posted + 5 WHERE id = 5",
        [("I2", "account 5")],
    ),
    (
        "UPDATE account SET debits_pending = debits_pending + 1 WHERE id = 5",
        [("I3", "account 5")],
    ),
    (
        "UPDATE hold SET amount_nano = amount_nano + 1 WHERE id = 'ada-2'",
        [("I3", "account 5"), ("I3", "key 1")],
    ),
    ("UPDATE key SET open_holds = 0 WHERE account_id = 5", [("I3", "key 1")]),
    (
        "UPDATE account SET debits_posted = credits_posted + 1 WHERE id = 5",
        [("I1", "account"), ("I2", "account 5"), ("I4", "account 5")],
    ),
    (
        "UPDATE hold SET state = 'voided' WHERE id = 'ada-0'",
        [("I5", "hold ada-0"), ("I6", "request ada-0")],
    ),
    ("UPDATE hold SET state = 'settled' WHERE id = 'ada-1'", [("I5", "hold ada-1")]),
    (
        "UPDATE hold SET state = 'settled' WHERE id = 'bob-1'",
        [("I5", "hold bob-1"), ("I6", "request bob-1")],
    ),
    (
        "UPDATE usage SET paid_nano = 7, cost_nano = 7 WHERE request_id = 'ada-0'",
        [
            ("I3", "key 1"),
            ("I5", "hold ada-0"),
            ("I6", "request ada-0"),
            ("I7", "usage ada-0"),
        ],
    ),
    (
        "UPDATE usage SET cost_nano = 7 WHERE request_id = 'ada-0'",
        [
            ("I5", "usage ada-0"),
            ("I6", "request ada-0"),
            ("I7", "usage ada-0"),
        ],
    ),
    (
        "UPDATE usage SET paid_nano = 7, cost_nano = 7 WHERE request_id = 'ada-1'",
        [("I5", "hold ada-1")],
    ),
    (
        "DELETE FROM usage WHERE request_id = 'ada-1'",
        [("I10", "hold ada-1"), ("I12", "account 5")],
    ),
    (
        "UPDATE usage SET account_id = 6 WHERE request_id = 'ada-0'",
        [
            ("I10", "hold ada-0"),
            ("I6", "request ada-0"),
            ("I12", "account 5"),
            ("I12", "account 6"),
        ],
    ),
    (
        "UPDATE usage SET request_id = 'nobody' WHERE request_id = 'ada-1'",
        [("I10", "hold ada-1"), ("I10", "usage nobody")],
    ),
]


@pytest.mark.parametrize("statement, named", WRONGS)
def test_what_was_changed_is_named(ledger, corrupt, statement, named):
    corrupt(statement)
    # An id in brackets is only there to help; one of them is made by chance.
    found = {(one.invariant, one.row.partition(" (")[0]) for one in ledger.audit()}
    assert found == {(invariant, row.partition(" (")[0]) for invariant, row in named}


SINCE = [
    ("UPDATE transfer SET amount_nano = 9 WHERE seq = {last}", "transfer {last}"),
    ("UPDATE transfer SET buy_nano = 9 WHERE seq = {last}", "transfer {last}"),
    ("DELETE FROM transfer WHERE seq = {last} - 1", "transfer {last}"),
    ("UPDATE usage SET cost_pico = '1' WHERE request_id = 'ada-2'", "usage ada-2"),
    ("UPDATE usage SET buy_nano = 1 WHERE request_id = 'ada-2'", "usage ada-2"),
    ("UPDATE account SET credits_posted = 10 WHERE id = 6", "account 6"),
    ("UPDATE account SET credits_posted = 10 WHERE id = 2", "account 2"),
    ("UPDATE transfer SET hash = prev_hash WHERE seq = {first}", "transfer {first}"),
]


@pytest.mark.parametrize("statement, row", SINCE)
def test_an_audit_that_goes_on_finds_what_is_new(ledger, storage, corrupt, statement,
                                                 row):
    assert storage.auditor.audit() == []
    first = storage.auditor.proved.seq
    ledger.settle("ada-2", 5)
    ledger.settle("bob-2", 5)
    names = {"first": first, "last": first + 2}
    corrupt(statement.format(**names))
    found = {one.row.partition(" (")[0] for one in storage.auditor.audit()}
    assert row.format(**names) in found
    assert storage.auditor.proved.seq == first


def test_a_proof_that_goes_on_reaches_further(ledger, storage):
    assert storage.auditor.audit() == []
    first = storage.auditor.proved.seq
    ledger.settle("ada-2", 5)
    ledger.settle("bob-2", 5 * NANO)
    assert storage.auditor.audit() == []
    assert storage.auditor.proved.seq == first + 3
    assert storage.auditor.audit() == []


def test_a_gateway_refuses_a_broken_ledger(ledger, storage, corrupt, open_ledger):
    corrupt("UPDATE transfer SET amount_nano = 9 WHERE id = 'usage:ada-0'")
    storage.close()
    with pytest.raises(LedgerBroken, match="broken, nothing is served: I6 transfer 3"):
        open_ledger()


def test_holds_of_a_dead_boot_are_named(ledger, storage):
    with storage.engine.snapshot() as snapshot:
        (found,) = dead_boots_hold_nothing(snapshot, lambda boot_id: True)
    assert found.row == f"boot {storage.boot_id}"


NO_TEXT = "CAST(x'61ff' AS TEXT)"


@pytest.mark.parametrize(
    "statement, row",
    [
        (
            f"UPDATE usage SET finish = {NO_TEXT} WHERE request_id = 'ada-0'",
            "transfer 3, or the request that it charges",
        ),
        (
            f"UPDATE transfer SET ref = {NO_TEXT} WHERE seq = 4",
            "transfer 4, or the request that it charges",
        ),
        (
            f"UPDATE account SET owner = {NO_TEXT} WHERE id = 5",
            "a row beside the transfers",
        ),
    ],
)
def test_bytes_that_are_no_text_are_found(
    only_sqlite, ledger, storage, corrupt, statement, row
):
    """A bit that flips on a disk makes them, and SQLite's own check is content; a
    server refuses a text that is none, and looks after its own pages."""
    corrupt(statement)
    findings, reached = prove(storage.engine.snapshot)
    assert ("I6", row) in [(found.invariant, found.row) for found in findings]
    assert reached.seq == 0


@pytest.mark.parametrize(
    "statement, row",
    [
        ("UPDATE account SET credits_posted = ?1 WHERE id IN (1, 2)", "account 2"),
        ("UPDATE usage SET paid_nano = ?1, cost_nano = ?1", "usage bob-0"),
    ],
)
def test_figures_too_large_to_be_added_are_found(
    ledger, storage, corrupt, statement, row
):
    """Also where the database refuses to make a sum of them."""
    corrupt(statement.replace("?1", str(2**63 - 1)))
    findings, _ = prove(storage.engine.snapshot)
    assert row in [found.row for found in findings]


def test_a_finding_is_one_line_that_says_what_is_wrong(ledger, corrupt):
    corrupt("UPDATE key SET open_holds = 7 WHERE account_id = 5")
    (found,) = ledger.audit()
    assert str(found) == "I3 key 1: it counts 7 open holds, there are 1"


def test_findings_are_bounded(ledger, corrupt):
    corrupt(
        "WITH RECURSIVE n(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        " INSERT INTO account (kind, owner, created_ns) SELECT 'house', 'x' || i, 0"
        " FROM n"
    )
    assert len(ledger.audit()) == FINDINGS_MAX


def test_verbs_between_two_slices_break_nothing(ledger, storage):
    """Each slice is a snapshot of its own; the last sees the counters too."""
    news = iter([("ada-2", 5), ("bob-2", 5 * NANO)])

    def progress(done, total):
        for hold_id, cost in news:
            ledger.settle(hold_id, cost)
            break

    findings, reached = prove(
        storage.engine.snapshot, progress=progress, slice_rows=2
    )
    assert findings == []
    assert reached.seq == 10
    assert list(news) == []


def test_progress_is_in_rows_and_ends_at_the_end(ledger, storage):
    seen = []
    prove(storage.engine.snapshot, progress=lambda *rows: seen.append(rows))
    # Seven transfers, and six holds with their usage.
    assert seen[-1] == (19, 19)
    assert seen == sorted(seen)


# What an honest connection cannot do in the first place.


@pytest.mark.parametrize(
    "statement, reason",
    [
        ("UPDATE transfer SET amount_nano = 0", "never changes"),
        ("DELETE FROM transfer", "never goes away"),
        ("UPDATE hold SET state = 'open' WHERE state = 'settled'", "never changes"),
        ("UPDATE hold SET amount_nano = 1 WHERE state = 'voided'", "never changes"),
        ("DELETE FROM hold", "never goes away"),
        ("DELETE FROM usage", "never goes away"),
        ("UPDATE price SET sell = ''", "never changes"),
        ("DELETE FROM price", "never goes away"),
        ("UPDATE account SET debits_posted = credits_posted + 1 WHERE id = 5", "check"),
        ("UPDATE account SET debits_pending = -1 WHERE id = 5", "check"),
        ("UPDATE account SET status = 'gone' WHERE id = 5", "check"),
        ("UPDATE key SET open_holds = -1", "check"),
        ("DELETE FROM account WHERE id = 5", "foreign key"),
        (
            "INSERT INTO account (kind, owner, created_ns) VALUES ('house', 'cash', 1)",
            "unique",
        ),
    ],
)
def test_the_database_itself_refuses(ledger, statement, reason):
    with pytest.raises(REFUSED, match=f"(?i){reason}"):
        ledger.sql(statement)
    assert ledger.audit() == []


def test_a_file_keeps_no_fractions(only_sqlite, ledger):
    with pytest.raises(apsw.ConstraintError, match="cannot store REAL"):
        ledger.sql("UPDATE account SET credits_posted = 1.5 WHERE id = 5")


def test_a_server_truncates_nothing(only_postgres, ledger):
    for table in ("transfer", "hold", "usage", "price"):
        with pytest.raises(REFUSED, match="never go(es)? away"):
            ledger.sql(f"TRUNCATE {table} CASCADE")
    assert ledger.audit() == []
