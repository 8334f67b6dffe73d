"""The process that shows has nothing to do harm with."""

from mitmproxy.tools.web import app

from addons.inspector.web.web_master import LEFT_OUT, harmless
from tests.addons.inspector.web.conftest import Pages

DANGEROUS = ["replay.client", "cut.save", "export.file", "save.file", "script.run"]


def test_what_could_run_write_or_send_something_is_left_out() -> None:
    names = {type(addon).__name__.lower() for addon in harmless()}
    assert names and not names & LEFT_OUT


async def test_no_command_could_do_harm_even_if_it_could_be_run(pages: Pages) -> None:
    commands = pages.master.commands.commands
    assert [name for name in DANGEROUS if name in commands] == []


async def test_it_serves_no_traffic(pages: Pages) -> None:
    assert pages.master.options.server is False
    assert list(pages.master.proxyserver.servers) == []


async def test_without_a_browser_nothing_is_made_for_one(pages: Pages) -> None:
    assert not app.ClientConnection.connections
    (flow,) = pages.master.view
    # It would fail if it were turned into JSON.
    flow.comment = object()
    pages.master.view.update([flow])
    flow.comment = ""
