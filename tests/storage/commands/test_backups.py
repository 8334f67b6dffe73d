"""`backup` and `restore`: the ledger as one file, and back."""

import pytest

from storage import DATABASE


def test_a_backup_is_restored_and_the_secret_is_asked_for(
    only_sqlite, ada, run, data, tmp_path
):
    copy = tmp_path / "copy.db"
    assert run("backup", str(copy)).exit_code == 0
    answer = run("restore", str(copy))
    assert (answer.exit_code, "exists" in answer.stderr) == (2, True)
    for path in data.glob(f"{DATABASE}*"):
        path.unlink()
    answer = run("restore", str(copy))
    assert (answer.exit_code, answer.stdout) == (
        0,
        f"{data / DATABASE}: restored and proved\n",
    )
    (data / DATABASE).unlink()
    (data / "secret").unlink()
    assert "secret too" in run("restore", str(copy)).stdout


def test_backup_writes_a_copy_and_replaces_nothing(only_sqlite, ada, run, tmp_path):
    target = tmp_path / "copy.db"
    answer = run("backup", str(target))
    assert answer.exit_code == 0 and target.exists()
    answer = run("backup", str(target))
    assert (answer.exit_code, "exists" in answer.stderr) == (2, True)
    assert run("backup", str(tmp_path / "no" / "copy.db")).exit_code == 2


@pytest.mark.parametrize(
    "command, instead", [("backup", "pg_dump"), ("restore", "pg_restore")]
)
def test_a_server_has_its_own_copies(only_postgres, refused, command, instead):
    refused(f"use {instead}, then prove it with `verify`", command, __file__)
