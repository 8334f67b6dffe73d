"""Downloads: each account has so many, and gives them back however they end."""

import gc

import pytest

from dashboard.downloads import DOWNLOADS_MAX, Download, Downloads
from dashboard.refusals import Throttled


def test_one_more_is_refused_until_one_ends() -> None:
    downloads = Downloads()
    running = [Download(downloads, 1, iter([])) for _ in range(DOWNLOADS_MAX)]
    with pytest.raises(Throttled):
        Download(downloads, 1, iter([]))
    other = Download(downloads, 2, iter([]))
    running[0].close()
    running[0].close()
    again = Download(downloads, 1, iter([b"x"]))
    assert list(again) == [b"x"]
    for one in (*running, other, again):
        one.close()
    assert len(downloads) == 0


def test_one_that_is_forgotten_ends() -> None:
    downloads = Downloads()
    download = Download(downloads, 1, iter([]))
    assert len(downloads) == 1
    del download
    gc.collect()
    assert len(downloads) == 0
