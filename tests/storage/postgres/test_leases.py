"""Who lives, by the database's clock."""

import pytest

from storage.postgres.leases import LEASE_SECONDS, RENEW_SECONDS


@pytest.fixture
def leases(storage):
    yield storage.engine.lives()
    storage.engine.resign()


def test_a_lease_outlives_several_missed_renewals():
    assert LEASE_SECONDS >= 3 * RENEW_SECONDS


def test_a_gateway_that_serves_lives(storage, leases):
    assert not leases.is_dead(storage.boot_id)


@pytest.mark.parametrize("lease", ["NULL", "0", "1"])
def test_one_whose_lease_ran_out_is_dead(storage, leases, server, lease):
    server(f"UPDATE boot SET lease_ns = {lease} RETURNING 1")
    assert leases.is_dead(storage.boot_id)


def test_nobody_is_dead(leases):
    assert leases.is_dead("boot_unknown")


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_the_gateways_own_clock_plays_no_part(storage, leases, clock, seconds):
    clock.jump(seconds)
    storage.writer.wait(lambda db: None)
    assert not leases.is_dead(storage.boot_id)


def test_nothing_has_to_be_swept(leases, storage):
    leases.sweep()
    assert not leases.is_dead(storage.boot_id)
