"""The table: Prometheus' rules for names, and a bound for every label."""

import re

import pytest

from addons.metrics.table import BY_NAME, TABLE, Form, Metric

BOUNDED = {
    "endpoint",
    "model",
    "status",
    "code",
    "provider",
    "upstream_model",
    "outcome",
    "token_type",
    "meter",
    "evidence",
    "credential",
    "version",
    "python",
    "mitmproxy",
}
each = pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)


@each
def test_a_name_says_what_it_is(metric: Metric) -> None:
    assert re.fullmatch(r"autolist(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.form is Form.COUNTER)
    if metric.form is Form.HISTOGRAM:
        assert metric.name.endswith("_seconds")


@each
def test_its_meaning_is_a_sentence(metric: Metric) -> None:
    assert metric.meaning.endswith(".")


@each
def test_no_label_tells_users_apart(metric: Metric) -> None:
    assert set(metric.labels) <= BOUNDED


@each
def test_only_histograms_have_buckets_and_they_grow(metric: Metric) -> None:
    assert bool(metric.buckets) is (metric.form is Form.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_no_name_is_there_twice() -> None:
    assert len(BY_NAME) == len(TABLE)


def test_our_own_share_is_seen_in_tenths_of_a_millisecond() -> None:
    least, second, *_ = BY_NAME["autolist_request_overhead_seconds"].buckets
    assert (least, second) == (0.0001, 0.0002)
