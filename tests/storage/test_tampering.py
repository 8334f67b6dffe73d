"""Every column of the books, changed by hand: `verify` finds it and names the row.

Whoever edits a ledger behind its back drops the triggers and switches the CHECKs off
first; so is done here. What no proof covers is listed with its reason, and a test says
that the list is true: a column that is proved by now, or a new one that is not, fails.
"""

import shutil
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from config.gateway import LedgerSettings
from run_proxy import main
from storage import DATABASE, open_storage
from storage.acts import Act as Done
from storage.acts import log_act
from storage.audit import audit
from storage.job_states import JobState
from storage.ledger import Decision, adjust, refund
from storage.models import (
    Account,
    Act,
    Hold,
    Job,
    Key,
    PaymentEvent,
    PaymentOrder,
    PaymentReversal,
    Price,
    Spending,
    Transfer,
    Usage,
    UsageDay,
)
from storage.postgres.engine import PostgresEngine
from storage.postgres.snapshot import PostgresSnapshot
from storage.sqlite import SqliteEngine
from tests.fakes.clock import FakeClock
from tests.storage.ordering import Till, back, new_order, paid
from tests.storage.runner import Runner
from tests.storage.teller import NANO, PRICE, Teller
from tests.storage.unguarded import in_file, in_postgres, unguarded


def columns(*models):
    return [(model, column) for model in models for column in model._meta.columns]


# table -> the row that is changed, and what a finding may call it. A hold and its usage
# have one digest, so both are called by the request's id.
ROWS = {
    Transfer: ("seq = 2", ("transfer 2", "transfer 102")),
    Usage: ("request_id = 'r1'", ("r1",)),
    Hold: ("id = 'r1'", ("r1",)),
    Account: ("id = 5", ("account 5", "account 105")),
    Price: (f"id = '{PRICE.id}'", ("price ", "usage ")),
    Key: ("id = 1", ("key 1", "key 101", "hold r1")),
    Spending: ("key_id = 1", ("key 1", "key 101")),
    UsageDay: ("key_id = 1", ("key 1", "key 101", "account 5", "account -2")),
    Job: ("id = 'video_1'", ("job video_1",)),
    PaymentOrder: ("id = 'order_1'", ("order order_1", "transfer 9")),
    PaymentReversal: ("id = 're_1'", ()),
    PaymentEvent: ("id = 'evt_1'", ()),
    Act: ("what = 'key_created'", ()),
}
TRANSFERS = 11
SETTING = "it decides about requests to come, and whoever it belongs to may change it"
IDENTITY = "it says who asks, which is not money; without the secret it cannot be made"
WINDOW = "it counts within a minute and is overwritten by the next one"
STAMP = "it tells when the row was made, and nothing is computed from it"
TALLY = "it tells people how much they used; no money is computed from it"
TOLD = "it is what a user asked or a provider told; what was paid is in transfers"
LOG = "it tells what happened; the schema refuses to change it, and nothing else does"

UNPROVED = {
    (Account, "status"): SETTING,
    (Account, "created_ns"): STAMP,
    (Price, "recorded_ns"): STAMP,
    (Key, "hash"): IDENTITY,
    (Key, "mask"): IDENTITY,
    (Key, "sealed"): IDENTITY,
    (Key, "label"): SETTING,
    (Key, "status"): SETTING,
    (Key, "is_default"): SETTING,
    (Key, "rpm"): SETTING,
    (Key, "tpm"): SETTING,
    (Key, "concurrency"): SETTING,
    (Key, "window_ns"): WINDOW,
    (Key, "window_requests"): WINDOW,
    (Key, "window_tokens"): WINDOW,
    (Key, "created_ns"): STAMP,
    (Key, "revoked_ns"): STAMP,
    (Key, "limit_nano"): SETTING,
    (Key, "limit_day_nano"): SETTING,
    (Key, "limit_month_nano"): SETTING,
    (Key, "expires_ns"): SETTING,
    (Key, "models"): SETTING,
    (Key, "cidrs"): SETTING,
    **dict.fromkeys(
        [
            (UsageDay, column)
            for column in (
                *("model", "input", "cache_read", "cache_write", "output"),
                # Not less than was paid, though.
                *("images", "videos", "cost_nano"),
            )
        ],
        TALLY,
    ),
    **dict.fromkeys(
        [
            (Job, column)
            for column in (
                *("id", "version", "ask", "leg", "provider", "upstream_model"),
                *("credential", "task", "progress", "upstream_state", "polls"),
                *("faults", "next_ns", "deadline_ns", "boot_id", "trail", "media"),
                *("address", "error_code", "error_message", "error_status"),
            )
        ],
        TOLD,
    ),
    # That there is one if the job has ended is proved.
    (Job, "ended_ns"): STAMP,
    (Job, "created_ns"): STAMP,
    (Job, "submitted_ns"): STAMP,
    (Job, "deleted_ns"): STAMP,
    (Job, "cancel_ns"): STAMP,
    (PaymentOrder, "name"): TOLD,
    (PaymentOrder, "created_ns"): STAMP,
    (PaymentOrder, "ended_ns"): STAMP,
    **dict.fromkeys(
        [
            (PaymentOrder, column)
            for column in (
                *("currency", "minor", "payment_id", "reversals"),
                # Not less than was taken of the user, by a check of the schema.
                "reversed_nano",
            )
        ],
        TOLD,
    ),
    **dict.fromkeys(columns(PaymentReversal, PaymentEvent), TOLD),
    **dict.fromkeys(columns(Act), LOG),
}

# A request that moved no money is in no transfer, so no chain vouches for what is told
# of it; that it is there, whose it was and that it cost nothing is proved.
VOIDED = {
    Hold: ("id", "account_id", "key_id", "price_id", "model", "state"),
    Usage: (
        *("request_id", "account_id", "key_id", "price_id", "model"),
        *("cost_pico", "cost_nano", "paid_nano", "shortfall_nano"),
        *("buy_pico", "buy_nano"),
    ),
}
# One that runs has no transfer yet: what it holds, whose it is and that it is open.
OPEN = ("account_id", "key_id", "amount_nano", "state")


def live(storage):
    """r1 charged, r2 voided, r3 charged late, r4 waiting; an order that was paid and
    of which a part went back, a job that was made, and an act."""
    teller = Teller(storage)
    caller = teller.caller(NANO)
    for number in range(1, 5):
        teller.admit(caller, f"r{number}", NANO // 10)
    teller.void("r2")
    teller.void("r3")
    teller.settle("r1", 2 * NANO)
    teller.settle("r3", 7)
    teller.do(refund, "usage:r1", 3, Decision("1", "why", "who"))
    teller.do(adjust, caller.account_id, -2 * NANO, Decision("2", "why", "who"))
    till = Till(teller)
    till.place(new_order(caller))
    till.hear(paid())
    till.hear(back(400))
    Runner(teller).at(JobState.COMPLETED, caller, amount_nano=NANO)
    teller.do(log_act, Done("key_created", caller.user_id, caller.user_id, "tk"))
    storage.close()


def lived(data, url=""):
    live(
        open_storage(
            data,
            LedgerSettings(),
            clock=FakeClock(),
            gateway=True,
            prices=[PRICE],
            url=url,
        )
    )
    return data


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A ledger at rest in a file."""
    return lived(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture(scope="module")
def sound_url(databases, tmp_path_factory):
    """The same on a server."""
    name = databases.lend()
    url = databases.cluster.url(name)
    lived(tmp_path_factory.mktemp("sound") / "data", url)
    yield url
    databases.give_back(name)


@pytest.fixture
def data(sound, tmp_path):
    return Path(shutil.copytree(sound, tmp_path / "data"))


class FileBooks:
    """A copy of the file, and what an attacker does to it."""

    zero = "x'00'"

    def __init__(self, data):
        self.path = data / DATABASE

    def corrupt(self, statement):
        with in_file(self.path) as execute:
            execute(statement)
            assert execute("SELECT changes()").fetchall() == [(1,)]

    def found(self):
        with SqliteEngine(self.path).snapshot() as snapshot:
            return [one.row for one in audit(snapshot)]


class ServerBooks:
    """What an attacker does inside one transaction, which is undone in the end."""

    zero = "'\\x00'::bytea"

    def __init__(self, connection):
        self.connection = connection
        self.execute = unguarded(connection)

    def corrupt(self, statement):
        assert self.execute(statement).rowcount == 1

    def found(self):
        snapshot = PostgresSnapshot(self.connection)
        return [one.row for one in audit(snapshot)]


@pytest.fixture
def books(engine_name, request):
    if engine_name == "sqlite":
        yield FileBooks(request.getfixturevalue("data"))
        return
    engine = PostgresEngine(request.getfixturevalue("sound_url"), 1.0)
    with engine._open(jit="off") as connection:
        connection.autocommit = False
        yield ServerBooks(connection)
        connection.rollback()


def change(model, column, where, zero):
    """An UPDATE to something else of the same type."""
    name = f'"{column}"'
    kind = type(model._meta.columns[column]).__name__
    other = {
        "TextField": f"coalesce({name}, '') || '0'",
        "BlobField": zero,
    }.get(kind, f"coalesce({name}, 0) + 100")
    return f'UPDATE "{model._meta.table_name}" SET {name} = {other} WHERE {where}'


def named(pair):
    return f"{pair[0].__name__}.{pair[1]}" if isinstance(pair, tuple) else None


PROVED = [pair for pair in columns(*ROWS) if pair not in UNPROVED]


def test_the_ledger_is_sound_before(books):
    assert books.found() == []


@pytest.mark.parametrize("pair", PROVED, ids=named)
def test_a_changed_column_is_found_and_its_row_named(books, pair):
    model, column = pair
    where, names = ROWS[model]
    books.corrupt(change(model, column, where, books.zero))
    rows = books.found()
    assert any(name in row for row in rows for name in names), rows


@pytest.mark.parametrize("pair", UNPROVED, ids=named)
def test_what_is_listed_as_unproved_is(books, pair):
    model, column = pair
    books.corrupt(change(model, column, ROWS[model][0], books.zero))
    assert books.found() == []


@pytest.mark.parametrize("pair", columns(Hold, Usage), ids=named)
@pytest.mark.parametrize("request_id", ["r1", "r3"])
def test_a_request_that_was_charged_is_proved_whole(books, pair, request_id):
    """Also one that was charged late, after it was voided."""
    model, column = pair
    key = "id" if model is Hold else "request_id"
    books.corrupt(change(model, column, f"{key} = '{request_id}'", books.zero))
    assert any(request_id in row for row in books.found())


@pytest.mark.parametrize("pair", columns(Hold, Usage), ids=named)
def test_of_a_voided_one_it_is_proved_that_it_cost_nothing(books, pair):
    model, column = pair
    key = "id" if model is Hold else "request_id"
    books.corrupt(change(model, column, f"{key} = 'r2'", books.zero))
    found = any("r2" in row for row in books.found())
    assert found is (column in VOIDED[model])


@pytest.mark.parametrize("pair", columns(Hold), ids=named)
def test_of_an_open_one_it_is_proved_what_it_holds(books, pair):
    model, column = pair
    books.corrupt(change(model, column, "id = 'r4'", books.zero))
    rows = books.found()
    assert any(name in row for row in rows for name in ("r4", "key", "account")) is (
        column in OPEN
    )


@pytest.mark.parametrize("pair", columns(Transfer), ids=named)
@pytest.mark.parametrize("seq", range(1, TRANSFERS + 1))
def test_every_kind_of_transfer_is_proved(books, pair, seq):
    """Welcome, charge, late and refund, adjustment, the shortfalls, and an order."""
    model, column = pair
    books.corrupt(change(model, column, f"seq = {seq}", books.zero))
    names = (f"transfer {seq} ", f"transfer {seq + 100} ")
    assert any(row.startswith(names) for row in books.found())


@pytest.mark.parametrize(
    "table, where",
    [
        ("transfer", "seq = 1"),
        ("transfer", "id = 'usage:r1'"),
        ("transfer", f"seq = {TRANSFERS}"),
        ("usage", "request_id = 'r1'"),
        ("usage", "request_id = 'r2'"),
        ("hold", "id = 'r1'"),
        ("hold", "id = 'r2'"),
        ("hold", "id = 'r4'"),
        ("account", "id = 5"),
        ("account", "id = 2"),
        ("price", "id IS NOT NULL"),
        ("spending", "key_id = 1"),
        ("usage_day", "key_id = 1"),
        ("payment_order", "id = 'order_1'"),
        ('"key"', "id = 1"),
    ],
)
def test_a_row_that_is_gone_is_missed(books, table, where):
    books.corrupt(f"DELETE FROM {table} WHERE {where}")
    assert books.found() != []


# The command.


class Operator:
    """Has the ledger before it, with what a hand did to it."""

    def __init__(self, data, url):
        self.data, self.url = data, url

    def verify(self, *options):
        environ = {"AUTOLIST_STORAGE": self.url}
        command = ["verify", "--data", str(self.data), *options]
        return CliRunner().invoke(main, command, env=environ)

    def corrupt(self, statement):
        path = self.data / DATABASE
        with in_postgres(self.url) if self.url else in_file(path) as execute:
            execute(statement)


@pytest.fixture
def operator(url, request, tmp_path):
    if url:
        return Operator(lived(tmp_path / "data", url), url)
    return Operator(request.getfixturevalue("data"), "")


def test_the_command_says_proved_and_that_a_hold_waits(operator):
    done = operator.verify()
    assert (done.exit_code, done.stderr) == (3, "")
    assert done.stdout == (
        f"proved: {TRANSFERS} transfers, 1 open holds\n"
        "1 of them wait for the gateway's next start\n"
    )


def test_the_command_says_proved(operator):
    data, url = operator.data, operator.url
    open_storage(data, LedgerSettings(), gateway=True, url=url).close()
    assert operator.verify().exit_code == 0
    assert operator.verify("--since").exit_code == 0


@pytest.mark.parametrize(
    "statement, row",
    [
        ("UPDATE transfer SET at_ns = at_ns + 1 WHERE seq = 1", "transfer 1 (promo:"),
        ("UPDATE usage SET provider = 'x' WHERE request_id = 'r1'", "request r1"),
        ("UPDATE account SET credits_posted = 0 WHERE id = 2", "account 2"),
    ],
)
def test_the_command_names_the_row_and_ends_with_one(operator, statement, row):
    operator.corrupt(statement)
    done = operator.verify()
    assert (done.exit_code, f" {row}" in done.stdout) == (1, True)
    shown = orjson.loads(operator.verify("--json").stdout)
    assert shown["proved"] is False
    assert any(found["row"].startswith(row) for found in shown["findings"])
