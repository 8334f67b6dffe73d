"""Lines: a line lasts as long as somebody needs it."""

import asyncio

from addons.upstream.lines import Lines
from config.settings import Credential, Provider
from tests.fakes import exchanges
from tests.fakes.transport import ScriptedTransport

OLD = exchanges.provider()
NEW = exchanges.provider(credentials=(Credential("KEY", "sk-other"),))


class Opened:
    """Lines whose transports are remembered."""

    def __init__(self) -> None:
        self.all: list[ScriptedTransport] = []
        self.lines = Lines(self.open)

    def open(self, provider: Provider) -> ScriptedTransport:
        made = ScriptedTransport()
        self.all.append(made)
        return made

    async def closed(self) -> list[bool]:
        # Closing is a task, which begins at once or at the next turn.
        await asyncio.sleep(0)
        return [one.closed for one in self.all]


async def test_all_who_ask_share_a_line() -> None:
    opened = Opened()
    with opened.lines.to(OLD) as first, opened.lines.to(OLD) as second:
        assert first is second is opened.all[0]
    assert await opened.closed() == [False]
    await opened.lines.close()
    assert await opened.closed() == [True]


async def test_who_is_configured_as_before_keeps_its_line() -> None:
    opened = Opened()
    with opened.lines.to(OLD):
        pass
    again = exchanges.provider()
    opened.lines.offer({"openai": again})
    with opened.lines.to(again) as kept, opened.lines.to(OLD) as old:
        assert kept is old is opened.all[0]
    assert await opened.closed() == [False]


async def test_a_line_of_before_lasts_until_its_last_user_has_gone() -> None:
    opened = Opened()
    with opened.lines.to(OLD):
        opened.lines.offer({"openai": NEW})
        with opened.lines.to(NEW):
            assert await opened.closed() == [False, False]
    assert await opened.closed() == [True, False]


async def test_a_line_that_nobody_uses_goes_with_its_configuration() -> None:
    opened = Opened()
    with opened.lines.to(OLD):
        pass
    opened.lines.offer({})
    assert await opened.closed() == [True]


async def test_who_began_before_gets_a_line_as_it_was_for_itself() -> None:
    opened = Opened()
    opened.lines.offer({"openai": NEW})
    with opened.lines.to(OLD) as old, opened.lines.to(NEW) as new:
        assert old is not new
    assert await opened.closed() == [True, False]
    with opened.lines.to(NEW) as again:
        assert again is new


async def test_who_is_no_longer_configured_gets_one_for_itself_too() -> None:
    opened = Opened()
    opened.lines.offer({})
    with opened.lines.to(OLD):
        assert await opened.closed() == [False]
    assert await opened.closed() == [True]
