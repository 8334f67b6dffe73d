"""The tree is as its file draws it."""

import pytest

from storage import errors
from storage.errors import LedgerUnavailable, StorageError


@pytest.mark.parametrize(
    "name, parent",
    [
        ("LedgerUnavailable", "StorageError"),
        ("LedgerBusy", "LedgerUnavailable"),
        ("IllegalMove", "StorageError"),
        ("UnknownHold", "IllegalMove"),
        ("DatabaseInUse", "StorageError"),
        ("DatabaseDamaged", "StorageError"),
        ("DatabaseTooNew", "StorageError"),
        ("UnsupportedSqlite", "StorageError"),
        ("MediaRefused", "StorageError"),
        ("MediaTooLarge", "MediaRefused"),
        ("MediaFull", "MediaRefused"),
    ],
)
def test_each_error_has_its_parent(name, parent):
    assert getattr(errors, name).__base__ is getattr(errors, parent)
    assert f" {name} " in errors.__doc__


def test_the_text_is_one_line_for_a_person():
    assert str(LedgerUnavailable("the file is locked")) == "the file is locked"
    assert issubclass(StorageError, Exception)
