"""The socket is its owner's, however deep the data directory is."""

import stat
from pathlib import Path

import pytest

from addons.inspector.socket_file import NAME, connect, listen


@pytest.mark.parametrize("depth", [0, 6])
def test_who_listens_is_reached(tmp_path: Path, depth: int) -> None:
    data = tmp_path.joinpath(*["a long name of a folder"] * depth)
    data.mkdir(parents=True, exist_ok=True)
    with listen(data) as listening:
        assert stat.S_IMODE((data / NAME).stat().st_mode) == 0o600
        connected = connect(data)
        assert connected is not None
        with connected:
            taken, _ = listening.accept()
            taken.close()


def test_nobody_is_reached_where_nobody_listens(tmp_path: Path) -> None:
    assert connect(tmp_path) is None
    listen(tmp_path).close()
    assert connect(tmp_path) is None


def test_what_a_dead_one_left_is_taken_over(tmp_path: Path) -> None:
    listen(tmp_path).close()
    with listen(tmp_path):
        connected = connect(tmp_path)
        assert connected is not None
        connected.close()
