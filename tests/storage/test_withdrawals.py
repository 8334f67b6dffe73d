"""Withdrawals: what nobody began is hidden as well as cancelled."""

from pathlib import Path

import pytest

from addons.wire.videos import VideoAsk
from config.prices import Price, PriceBook
from storage.jobs import Cancelled, Cancelling, Deleted, JobState
from storage.keys import KeyRecord
from storage.withdrawals import withdraw
