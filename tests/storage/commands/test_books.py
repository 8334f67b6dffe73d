"""`verify`: does the ledger add up?"""

import apsw
import orjson
import psycopg
import pytest

from config.prices import moment_text
from storage import DATABASE, engine_at
from storage.job_states import LIVE, JobState
from tests.storage.runner import Runner
from tests.storage.teller import NANO, Teller
from tests.storage.unguarded import in_file, in_postgres


@pytest.fixture
def tamper(ada, data, url):
    """Changes the transfers behind the ledger's back."""

    def change(statement):
        if url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SET session_replication_role = replica")
                connection.execute(statement)
            return
        connection = apsw.Connection(str(data / DATABASE))
        connection.execute("DROP TRIGGER transfer_no_update")
        connection.execute(statement)
        connection.close()

    return change


def test_verify_goes_on_from_the_last_proof(ada, run, run_json, open_ledger):
    run("verify")
    storage = open_ledger(gateway=False)
    Teller(storage).caller(NANO, "bob@example.com")
    storage.close()
    shown = run_json("verify", "--since")
    assert (shown["since"], shown["transfers"], shown["proved"]) == (1, 2, True)
    again = run("verify", "--since")
    assert again.stdout.startswith(
        "proved: 2 transfers, 0 open holds; since transfer 2 of 20"
    )


def test_verify_tells_when_the_last_proof_was(ada, run, run_json, data, url):
    run("verify")
    with engine_at(data, url).snapshot() as snapshot:
        ((at_ns,),) = snapshot.rows("SELECT max(at_ns) FROM transfer")
    assert run_json("verify", "--since")["since_at"] == moment_text(at_ns)


def test_a_proof_that_failed_is_not_gone_on_from(tamper, run, data):
    run("verify")
    tamper("UPDATE account SET credits_posted = 7 WHERE id = 2")
    assert run("verify", "--since").exit_code == 1
    assert not (data / "checkpoint.json").exists()


def test_without_the_secret_nothing_is_remembered_or_made(ada, run, data):
    (data / "secret").rename(data / "elsewhere")
    assert run("verify").exit_code == 0
    assert run("verify", "--since").exit_code == 0
    assert {path.name for path in data.iterdir()} >= {"elsewhere"}
    assert not (data / "secret").exists()
    assert not (data / "checkpoint.json").exists()


def test_verify_does_not_trust_a_changed_checkpoint(ada, run, data):
    run("verify")
    path = data / "checkpoint.json"
    path.write_bytes(path.read_bytes().replace(b'"seq":1', b'"seq":0'))
    answer = run("verify", "--since")
    assert answer.exit_code == 2
    assert "verify the whole ledger" in answer.stderr


def test_verify_finds_a_past_that_was_written_anew(tamper, run):
    run("verify")
    tamper("UPDATE transfer SET hash = prev_hash")
    answer = run("verify", "--since")
    assert answer.exit_code == 1
    assert "I6 transfer 1: it is not what it was" in answer.stdout


def test_verify_proves_a_ledger(ada, run, run_json):
    answer = run("verify")
    assert (answer.exit_code, answer.stdout) == (
        0,
        "proved: 1 transfers, 0 open holds\n",
    )
    assert run_json("verify") == {
        "proved": True,
        "since": 0,
        "since_at": None,
        "transfers": 1,
        "open_holds": 0,
        "waiting_holds": 0,
        "findings": [],
    }


def test_verify_names_the_row_that_is_broken(ada, tamper, run):
    tamper("UPDATE transfer SET amount_nano = 11")
    answer = run("verify")
    assert answer.exit_code == 1
    assert f"I2 transfer 1 (promo:welcome:{ada['id']})" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("BROKEN")
    shown = orjson.loads(run("verify", "--json").stdout)
    assert {found["invariant"] for found in shown["findings"]} == {"I2", "I6"}


def test_verify_beside_a_living_gateway(run, open_ledger):
    teller = Teller(open_ledger())
    teller.admit(teller.caller(), "r1", 1)
    answer = run("verify")
    assert (answer.exit_code, "1 open holds" in answer.stdout) == (0, True)


def test_verify_says_that_a_dead_run_waits(run, open_ledger):
    storage = open_ledger()
    teller = Teller(storage)
    teller.admit(teller.caller(), "r1", 1)
    storage.close()
    answer = run("verify")
    assert answer.exit_code == 3
    assert "1 of them wait for the gateway's next start" in answer.stdout
    open_ledger()
    assert run("verify").exit_code == 0


def test_verify_says_that_jobs_of_a_dead_run_go_on(run, run_json, open_ledger):
    """They wait for nobody's recovery, neither before the next start nor after it."""
    storage = open_ledger()
    teller = Teller(storage)
    runner, caller = Runner(teller), teller.caller()
    for number, state in enumerate(sorted(LIVE, key=str)):
        runner.at(state, caller, f"video_{number}", amount_nano=1)
    storage.close()
    for _ in range(2):
        shown = run_json("verify")
        assert (shown["open_holds"], shown["waiting_holds"]) == (len(LIVE), 0)
        assert run("verify").exit_code == 0
        open_ledger().close()


def test_verify_names_a_job_that_is_not_what_its_hold_is(
    run, open_ledger, data, url
):
    storage = open_ledger()
    teller = Teller(storage)
    Runner(teller).at(JobState.COMPLETED, teller.caller(email="bob@example.com"))
    storage.close()
    with in_postgres(url) if url else in_file(data / DATABASE) as execute:
        execute("UPDATE job SET model = 'x'")
    answer = run("verify")
    assert answer.exit_code == 1
    assert "I11 job video_1: its hold is not its own" in answer.stdout
