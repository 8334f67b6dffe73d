"""The alarm is heard by all and outlives who sounded it."""

from pathlib import Path

from storage.alarm import BYTES_MAX, FileAlarm


def test_all_is_well_until_somebody_says_otherwise(tmp_path: Path) -> None:
    mine, theirs = FileAlarm(tmp_path), FileAlarm(tmp_path)
    assert theirs.reason() is None
    mine.sound("I1: 总账 does not add up")
    assert theirs.reason() == "I1: 总账 does not add up"
    mine.silence()
    assert theirs.reason() is None
    theirs.silence()


def test_a_long_reason_is_cut(tmp_path: Path) -> None:
    alarm = FileAlarm(tmp_path)
    alarm.sound("x" * (BYTES_MAX + 1))
    assert alarm.reason() == "x" * BYTES_MAX


def test_it_leaves_nothing_half_written(tmp_path: Path) -> None:
    FileAlarm(tmp_path).sound("wrong")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]
