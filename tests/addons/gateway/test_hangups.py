"""Hangups: none is lost, and none is the end."""

import asyncio
import os
import signal

import pytest

from addons.gateway.hangups import Hangups


@pytest.mark.parametrize("early", [True, False])
async def test_each_is_heard_also_before_anybody_listens(early: bool) -> None:
    heard = asyncio.Event()
    before = signal.getsignal(signal.SIGHUP)
    with Hangups() as hangups:
        if early:
            os.kill(os.getpid(), signal.SIGHUP)
        hangups.heed(heard.set)
        if not early:
            os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(10):
            await heard.wait()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == before
