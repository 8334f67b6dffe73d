"""The directory: fast, and never staler than it promises."""

import asyncio

import pytest

from storage.accounts import set_account_status
from storage.directory import REFRESH_NS, STALE_NS, Directory, Unknown
from storage.errors import LedgerUnavailable
from storage.keys import add_key, mint, regenerate_key, revoke_key

SECOND = 10**9


@pytest.fixture
def directory(storage):
    return storage.directory


def well_formed_guess(number):
    return "tk_" + f"guess{number}".ljust(32, "x")


async def test_a_key_is_loaded_once_and_then_known(teller, directory):
    caller = teller.caller()
    assert directory.find_cached(caller.key.plain) is None
    record = await directory.find(caller.key.plain)
    assert (record.id, record.account_id) == (caller.key_id, caller.account_id)
    assert record.user_id == caller.user_id
    assert directory.find_cached(caller.key.plain) is record


@pytest.mark.parametrize(
    "plain", ["", "tk_", "tk_short", "sk-" + "x" * 40, "tk_" + "x" * 126, "tk_钥" * 20]
)
def test_what_cannot_be_a_key_needs_no_look(directory, plain):
    assert isinstance(directory.find_cached(plain), Unknown)


async def test_an_unknown_key_is_remembered_as_unknown(directory):
    guess = well_formed_guess(1)
    assert await directory.find(guess) is None
    assert isinstance(directory.find_cached(guess), Unknown)


@pytest.mark.parametrize(
    "change",
    [
        lambda db, caller, key: revoke_key(db, caller.key_id),
        lambda db, caller, key: regenerate_key(db, caller.account_id, key),
    ],
)
async def test_a_revoked_key_is_unknown_at_once(teller, directory, storage, change):
    caller = teller.caller()
    await directory.find(caller.key.plain)
    await storage.writer.run(change, caller, mint(storage.secrets))
    assert directory.find_cached(caller.key.plain) is None
    assert await directory.find(caller.key.plain) is None


async def test_a_blocked_account_is_seen_at_once(teller, directory, storage):
    caller = teller.caller()
    await directory.find(caller.key.plain)
    await storage.writer.run(set_account_status, caller.account_id, "blocked")
    record = await directory.find(caller.key.plain)
    assert (record.status, record.account_status) == ("active", "blocked")


async def test_a_disabled_key_is_known_as_such(teller, directory):
    caller = teller.caller()
    teller.sql("UPDATE key SET status = 'disabled'")
    assert (await directory.find(caller.key.plain)).status == "disabled"


async def test_a_new_key_ends_its_being_unknown(teller, directory, storage):
    caller, key = teller.caller(), mint(storage.secrets)
    assert await directory.find(key.plain) is None
    await storage.writer.run(add_key, caller.account_id, key, "ci", False)
    assert (await directory.find(key.plain)).label == "ci"


# Other processes


@pytest.fixture
def command(open_ledger, storage):
    """What an operator's command sees of the same file."""
    return open_ledger(gateway=False)


async def test_another_process_is_noticed_in_half_a_second(
    teller, directory, command, clock
):
    caller = teller.caller()
    await directory.find(caller.key.plain)
    command.writer.wait(revoke_key, caller.key_id)
    clock.advance((STALE_NS - 1) / SECOND)
    # Not proved yet that it is stale: a look is on its way.
    assert directory.find_cached(caller.key.plain) is not None
    await directory.find(well_formed_guess(1))
    assert await directory.find(caller.key.plain) is None


async def test_nothing_older_than_half_a_second_is_believed(
    teller, directory, command, clock
):
    caller = teller.caller()
    await directory.find(caller.key.plain)
    command.writer.wait(revoke_key, caller.key_id)
    clock.advance(STALE_NS / SECOND)
    assert directory.find_cached(caller.key.plain) is None
    assert await directory.find(caller.key.plain) is None


async def test_without_changes_nothing_is_read_again(teller, directory, clock):
    caller = teller.caller()
    record = await directory.find(caller.key.plain)
    for _ in range(5):
        clock.advance(REFRESH_NS / SECOND)
        directory.find_cached(caller.key.plain)
        await directory.find(well_formed_guess(1))
        assert directory.find_cached(caller.key.plain) is record


async def test_counting_requests_is_no_change(teller, directory, storage):
    caller = teller.caller()
    record = await directory.find(caller.key.plain)
    before = storage.reader.revision()
    teller.admit(caller, "r1", 1)
    teller.settle("r1", 1)
    assert storage.reader.revision() == before
    assert directory.find_cached(caller.key.plain) is record


# Limits


@pytest.fixture
def small(storage, clock):
    directory = Directory(
        storage.reader, storage.secrets, clock, known_max=2, unknown_max=3
    )
    yield directory
    directory.close()


async def test_a_flood_of_guesses_pushes_no_caller_out(teller, small):
    caller = teller.caller()
    record = await small.find(caller.key.plain)
    found = await asyncio.gather(
        *[small.find(well_formed_guess(number)) for number in range(500)]
    )
    assert found == [None] * 500
    assert small.find_cached(caller.key.plain) is record
    remembered = [
        number
        for number in range(500)
        if small.find_cached(well_formed_guess(number)) is not None
    ]
    assert len(remembered) == 3


async def test_the_known_are_bounded_too(teller, small):
    callers = [teller.caller(email=f"u{number}@example.com") for number in range(5)]
    for caller in callers:
        assert (await small.find(caller.key.plain)).id == caller.key_id
    known = [small.find_cached(caller.key.plain) is not None for caller in callers]
    assert known == [False, False, False, True, True]
    assert (await small.find(callers[0].key.plain)).id == callers[0].key_id


async def test_a_file_that_cannot_be_read_is_said_so(open_ledger):
    storage = open_ledger(gateway=False)
    storage.directory.find_cached(well_formed_guess(1))
    storage.reader.close()
    with pytest.raises(LedgerUnavailable):
        await storage.directory.find(well_formed_guess(2))


async def test_what_was_read_before_a_change_is_not_kept_after_it(teller, storage):
    """The file is read, then the key is revoked, then the reading would be kept."""
    caller = teller.caller()

    class SlowReader:
        def revision(self):
            return storage.reader.revision()

        def key_by_hash(self, key_hash):
            record = storage.reader.key_by_hash(key_hash)
            storage.writer.wait(revoke_key, caller.key_id)
            directory.changed()
            return record

    directory = Directory(SlowReader(), storage.secrets, storage.clock)
    await directory.find(caller.key.plain)
    assert directory.find_cached(caller.key.plain) is None
    directory.close()


async def test_after_the_end_nothing_is_looked_up(teller, storage, clock):
    caller = teller.caller()
    directory = Directory(storage.reader, storage.secrets, clock)
    record = await directory.find(caller.key.plain)
    directory.close()
    clock.advance(REFRESH_NS / SECOND)
    assert directory.find_cached(caller.key.plain) is record
    with pytest.raises(LedgerUnavailable, match="closed"):
        await directory.find(well_formed_guess(1))
