"""Formats: a line says the same to programs and to people."""

import json
import logging
import sys

import pytest

from addons.logs.formats import FIELDS, JsonFormat, TextFormat, format_of
from config.settings import LogSettings


def said(text: str = "hello", level: int = logging.WARNING, **fields):
    record = logging.LogRecord("storage.writer", level, "", 0, text, None, None)
    record.created, record.msecs = 1_767_225_600.25, 250.0
    if fields:
        setattr(record, FIELDS, fields)
    return record


def test_a_line_is_an_object() -> None:
    assert json.loads(JsonFormat().format(said())) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "storage.writer",
        "event": "hello",
    }


def test_one_of_several_workers_says_which(capsys) -> None:
    assert json.loads(JsonFormat(2).format(said()))["worker"] == 2
    assert " worker 2 WARNING storage.writer: hello" in TextFormat(2).format(said())


def test_a_process_that_is_no_worker_says_its_name() -> None:
    shown = json.loads(JsonFormat("inspector").format(said()))
    assert shown["process"] == "inspector" and "worker" not in shown
    line = TextFormat("inspector").format(said())
    assert " inspector WARNING storage.writer: hello" in line


def test_fields_are_the_objects_own() -> None:
    shown = json.loads(JsonFormat().format(said("request", id="req_1", used={"a": 1})))
    assert (shown["event"], shown["id"]) == ("request", "req_1")
    assert shown["used"] == {"a": 1}


def test_people_read_fields_behind_the_text() -> None:
    line = TextFormat().format(said("request", id="req_1", status=200))
    assert line.endswith("WARNING storage.writer: request id=req_1 status=200")


def test_what_was_raised_is_on_the_same_line() -> None:
    record = said()
    try:
        raise ZeroDivisionError("no such thing")
    except ZeroDivisionError:
        record.exc_info = sys.exc_info()
    line = JsonFormat().format(record)
    assert "\n" not in line
    assert "ZeroDivisionError: no such thing" in json.loads(line)["exception"]


def test_a_line_break_stays_in_its_line() -> None:
    assert "\n" not in JsonFormat().format(said('a\nb "c"'))


@pytest.mark.parametrize(("name", "kind"), [("json", JsonFormat), ("text", TextFormat)])
def test_the_settings_choose(name, kind) -> None:
    assert type(format_of(LogSettings(format=name), None)) is kind
