"""Meters: what they are a part of, and what they cost where nobody said."""

import pytest

from config.meters import (
    ALL_METERS,
    FALLBACKS,
    IMAGES,
    KINDS,
    TOKENS,
    VIDEOS,
    completed,
    kind_of,
    overlaid,
    rate_pico,
    rate_text,
)

BARE = {"input": 4, "output": 9}


@pytest.mark.parametrize(
    ("rates", "kind"),
    [
        (BARE, TOKENS),
        ({"reasoning": 1}, TOKENS),
        ({"image": 1}, IMAGES),
        ({"second": 1}, VIDEOS),
        ({"generation": 1, "second": 1}, VIDEOS),
    ],
)
def test_rates_are_of_one_kind(rates, kind):
    assert kind_of(rates) is kind


@pytest.mark.parametrize("rates", [{}, {"input": 1, "image": 1}, {"inputs": 1}])
def test_rates_of_no_kind_are_refused(rates):
    with pytest.raises(ValueError, match="meters"):
        kind_of(rates)


def test_no_meter_is_of_two_kinds_and_every_part_has_its_whole():
    assert len(set(ALL_METERS)) == len(ALL_METERS)
    for meter, wholes in FALLBACKS.items():
        (kind,) = [kind for kind in KINDS if meter in kind.meters]
        assert set(wholes) <= set(kind.meters)
        assert wholes[-1] in kind.needed


@pytest.mark.parametrize(
    ("rates", "meter", "pico"),
    [
        (BARE, "cache_read", 4),
        (BARE, "cache_write_1h", 4),
        (BARE | {"cache_write": 5}, "cache_write_1h", 5),
        (BARE | {"cache_write": 5, "cache_write_1h": 8}, "cache_write_1h", 8),
        (BARE, "reasoning", 9),
        (BARE | {"reasoning": 1}, "reasoning", 1),
    ],
)
def test_a_part_without_a_rate_costs_what_its_whole_costs(rates, meter, pico):
    assert rate_pico(rates, meter) == pico


@pytest.mark.parametrize("meter", ["image", "second", "word"])
def test_no_meter_is_free(meter):
    with pytest.raises(ValueError, match="no rate for this meter"):
        rate_pico(BARE, meter)


@pytest.mark.parametrize(
    ("rates", "full"),
    [
        (BARE, BARE | {"cache_read": 4, "cache_write": 4}),
        ({"image": 3}, {"image": 3}),
        ({"second": 3}, {"generation": 0, "second": 3}),
        ({"generation": 3}, {"generation": 3, "second": 0}),
    ],
)
def test_a_price_has_every_meter_of_its_kind(rates, full):
    assert completed(rates) == full
    order = [meter for meter in ALL_METERS if meter in full]
    assert list(completed(rates)) == order


@pytest.mark.parametrize("rates", [{"input": 1}, {"output": 1}, {"reasoning": 1}])
def test_text_needs_both_sides(rates):
    with pytest.raises(ValueError, match="no rate"):
        completed(rates)


@pytest.mark.parametrize(
    ("other", "meter", "pico"),
    [
        ({}, "cache_read", 1),
        ({"output": 20}, "cache_read", 1),
        ({"output": 20}, "reasoning", 20),
        ({"input": 10}, "cache_read", 10),
        ({"input": 10}, "cache_write_1h", 10),
        ({"input": 10, "cache_write": 12}, "cache_write_1h", 12),
        ({"cache_write": 12}, "cache_write_1h", 12),
        ({"cache_read": 2}, "input", 4),
    ],
)
def test_a_part_follows_its_whole_to_another_rate(other, meter, pico):
    rates = BARE | {"cache_read": 1, "cache_write": 5, "cache_write_1h": 8}
    rates |= {"reasoning": 3}

    assert rate_pico(overlaid(rates, other), meter) == pico


@pytest.mark.parametrize(
    ("meter", "pico", "text"),
    [
        ("input", 150_000, "0.15"),
        ("reasoning", 1, "0.000001"),
        ("image", 40 * 10**9, "0.04"),
        ("second", 1, "0.000000000001"),
        ("10 seconds", 10**12, "1.00"),
    ],
)
def test_a_rate_is_shown_in_its_unit(meter, pico, text):
    assert rate_text(meter, pico) == text
