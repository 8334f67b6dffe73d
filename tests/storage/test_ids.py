"""Ids: unlike each other, and in the order of time."""

import re
import uuid

import pytest

from storage.ids import ALPHABET, Ids, first_id


def counted():
    """Chance that counts instead."""
    drawn = iter(range(10**6))
    return lambda size: next(drawn).to_bytes(size)


def test_an_id_says_what_it_names(clock):
    assert re.fullmatch(r"req_[0-9a-hjkmnp-tv-z]{26}", Ids(clock).make("req"))


@pytest.mark.parametrize("seconds", [0.001, 1, 3600, 10 * 365 * 86400])
def test_later_ids_sort_after_earlier_ones(clock, seconds):
    ids = Ids(clock, entropy=lambda size: bytes([255]) * size)
    first = ids.make("req")
    clock.advance(seconds)
    assert first < Ids(clock, entropy=bytes).make("req")


def test_ids_of_one_moment_differ(clock):
    ids = Ids(clock)
    assert len({ids.make("req") for _ in range(10_000)}) == 10_000


def test_all_of_the_chance_is_in_the_id(clock):
    ids = Ids(clock, entropy=counted())
    assert [ids.make("x")[-3:] for _ in range(33)][-3:] == ["00y", "00z", "010"]


def test_the_alphabet_is_in_the_order_of_its_values():
    assert list(ALPHABET) == sorted(set(ALPHABET)) and len(ALPHABET) == 32


def test_a_uuid_is_of_version_4(clock):
    text = Ids(clock).uuid()
    assert uuid.UUID(text).version == 4 and str(uuid.UUID(text)) == text


def test_the_first_id_of_a_moment_sorts_before_all_of_it(clock):
    first = first_id("req", clock.wall_ns())
    assert first <= Ids(clock, entropy=bytes).make("req")
    assert first_id("req", clock.wall_ns() - 10**6) < first
    assert first_id("req", -5) == "req_" + "0" * 26


def test_traces_and_spans_are_chance_alone():
    ids = Ids(entropy=lambda count: bytes(range(count)))
    assert ids.hexadecimal(8) == "0001020304050607"
    assert len(Ids().hexadecimal(16)) == 32
    assert Ids().hexadecimal(16) != Ids().hexadecimal(16)
