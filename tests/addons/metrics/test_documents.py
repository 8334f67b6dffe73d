"""The documents say what is exported, all of it, and nothing else."""

import json
import re
from collections.abc import Iterator
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from addons.metrics.table import BY_NAME, TABLE, Form, Metric

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "metrics.md").read_text("utf-8")
DASHBOARD = json.loads((DOCS / "grafana" / "autolist.json").read_text("utf-8"))
ROW = re.compile(r"^\| `(autolist_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", re.MULTILINE)
NAME = re.compile(r"autolist_\w+")
# What Prometheus adds by itself to every series.
ADDED = {"instance", "job"}


def series_of(metric: Metric) -> set[str]:
    """The names under which a metric's samples are."""
    if metric.form is not Form.HISTOGRAM:
        return {metric.name}
    return {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}


SERIES = {name: metric for metric in TABLE for name in series_of(metric)}


def rows() -> dict[str, tuple[str, str, str]]:
    found = ROW.findall(PAGE)
    assert len(found) == len({name for name, *_ in found})
    return {name: (kind, labels, meaning) for name, kind, labels, meaning in found}


def panels() -> Iterator[dict[str, Any]]:
    yield from DASHBOARD["panels"]


def expressions() -> list[str]:
    queries = [
        target["expr"] for panel in panels() for target in panel.get("targets", ())
    ]
    variables = [one.get("definition", "") for one in DASHBOARD["templating"]["list"]]
    return [*queries, *filter(None, variables)]


def test_the_page_lists_every_metric_and_no_other() -> None:
    assert list(rows()) == list(BY_NAME), "in the order of the table"


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_the_page_says_of_each_what_the_table_says(metric: Metric) -> None:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    assert rows()[metric.name] == (metric.form.value, labels, metric.meaning)


def test_every_label_is_explained_on_the_page() -> None:
    explained = set(re.findall(r"^- `(\w+)`", PAGE, re.MULTILINE))
    assert explained == {label for metric in TABLE for label in metric.labels}


def test_whatever_the_page_names_is_exported() -> None:
    assert set(NAME.findall(PAGE)) <= SERIES.keys() | BY_NAME.keys()


def test_the_dashboard_is_one_that_grafana_knows() -> None:
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["title"] and DASHBOARD["uid"]
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert {"id", "type", "title", "gridPos"} <= panel.keys()
        if panel["type"] != "row":
            assert panel["description"] and panel["targets"]
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs)


def lost(written: object, known: object, path: str = "") -> Iterator[str]:
    """Where something was written that is not known in the same words."""
    if isinstance(written, dict) and isinstance(known, dict):
        for name, value in written.items():
            yield from lost(value, known.get(name), f"{path}/{name}")
    elif isinstance(written, list) and isinstance(known, list):
        for number, pair in enumerate(zip_longest(written, known)):
            yield from lost(*pair, f"{path}/{number}")
    elif written != known:
        yield path


def test_grafanas_own_model_keeps_every_word_of_the_dashboard() -> None:
    register_default_plugins()
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    # What the Prometheus plugin keeps beside a variable's query is not in the model.
    assert list(lost(DASHBOARD, known)) == ["/templating/list/1/definition"]


def test_no_panel_stands_on_another() -> None:
    places = [panel["gridPos"] for panel in panels()]
    for one in places:
        assert 0 <= one["x"] and one["x"] + one["w"] <= 24
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_panels_ask_for_what_is_exported_and_for_all_of_it() -> None:
    asked = {name for text in expressions() for name in NAME.findall(text)}
    assert asked <= SERIES.keys()
    assert {SERIES[name].name for name in asked} == BY_NAME.keys()


@pytest.mark.parametrize("text", expressions())
def test_panels_ask_for_labels_that_there_are(text: str) -> None:
    known = set.intersection(
        *(set(SERIES[name].labels) for name in NAME.findall(text))
    )
    named = set(re.findall(r"[{,](\w+)(?:=|!=|=~|!~)\"", text))
    for group in re.findall(r" by \(([^)]*)\)", text):
        named |= {label.strip() for label in group.split(",")}
    if "_bucket" in text:
        assert "le" in named
    assert named - {"le"} <= known | ADDED


@pytest.mark.parametrize("text", expressions())
def test_brackets_of_an_expression_are_closed(text: str) -> None:
    for left, right in ("()", "{}", "[]"):
        assert text.count(left) == text.count(right)
