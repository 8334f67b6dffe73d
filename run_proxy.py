#!/usr/bin/env python3
"""The gateway's command line, and where its parts are put together.

Nothing is decided here: settings are loaded, storage is opened, the web application
and the chain of addons are made, and the master runs them.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import uvloop

import addons
from addons.exchange import Leg
from addons.gateway.master import Master
from addons.holds import Holds
from addons.rendering import Render
from addons.routing import UnknownDialect, routes_of
from config import ConfigError, Settings, load
from config.commands import config_group, prices_group
from dashboard import create_app
from dashboard.demo import Demo, open_demo
from storage import Storage, open_storage
from storage.commands import (
    Refused,
    backup,
    key_group,
    restore,
    user_group,
    verify,
    voucher_group,
)
from storage.errors import StorageError

HELLO = """\
AutoList Token is serving.
  address    {address}
  dashboard  {address}/public/dashboard.html
"""
HELLO_DEMO = """\
  demo user  {email}
  password   {password}
  demo key   {api_key}

Try it:
  curl -X POST {address}/api/v1/chat/completions \\
    -H "Authorization: Bearer {api_key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "你好"}}]}}'
"""


class DefaultToServe(click.Group):
    """`run_proxy.py --demo` is `run_proxy.py serve --demo`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=DefaultToServe)
def main() -> None:
    """A prepaid, OpenAI-compatible AI API gateway."""


@main.command()
@click.option(
    "--config",
    "config_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parent / "config",
    envvar="AUTOLIST_CONFIG",
    show_envvar=True,
    help="Folder of gateway.yaml, providers.yaml and prices.yaml.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    envvar="AUTOLIST_DATA",
    show_envvar=True,
    help="Folder of the secret, and of the ledger unless that is in PostgreSQL.",
)
@click.option(
    "--host",
    envvar="AUTOLIST_HOST",
    show_envvar=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="AUTOLIST_PORT",
    show_envvar=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--demo",
    is_flag=True,
    envvar="AUTOLIST_DEMO",
    show_envvar=True,
    help="Serve models without a provider from the built-in demo, with a demo user.",
)
def serve(
    config_dir: Path, data: Path, host: str | None, port: int | None, demo: bool
) -> None:
    """Run the gateway until it is told to stop."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = load(config_dir, os.environ).with_overrides(host, port)
        routes = routes_of(settings, demo)
        storage = open_storage(
            data,
            settings.ledger,
            gateway=True,
            prices=settings.prices,
            url=settings.storage,
        )
    except (ConfigError, UnknownDialect, StorageError, OSError) as error:
        raise Refused(str(error)) from error
    for warning in settings.prices.warnings(storage.clock.wall_ns()):
        click.echo(f"warning: {warning}", err=True)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, storage, routes, data, demo))
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error}") from error
    finally:
        storage.close()


async def run(
    settings: Settings,
    storage: Storage,
    routes: Mapping[str, tuple[Leg, ...]],
    data: Path,
    demo: bool,
) -> None:
    app = create_app(storage, settings, demo=demo)
    chain = addons.chain(settings, storage, routes, app)
    (holds,) = (addon for addon in chain if isinstance(addon, Holds))
    render = Render(storage.ids.make)
    master = Master(settings.listen, data, chain, holds.release, render)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, master.stop)
    await master.run(greeter(settings, storage, data, demo))


def greeter(
    settings: Settings, storage: Storage, data: Path, demo: bool
) -> Callable[[Master], None]:
    """Says where the gateway is, once it serves."""

    def greet(master: Master) -> None:
        address = settings.listen.public_url or local_address(settings, master)
        click.echo(HELLO.format(address=address), nl=False)
        if demo:
            click.echo(hello_demo(open_demo(storage, settings, data, address)))

    return greet


def local_address(settings: Settings, master: Master) -> str:
    host = settings.listen.host
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{master.instance.ports[0]}"


def hello_demo(demo: Demo) -> str:
    return HELLO_DEMO.format(
        address=demo.address,
        email=demo.email,
        password=demo.password,
        api_key=demo.api_key,
    )


for command in (
    config_group,
    prices_group,
    user_group,
    key_group,
    voucher_group,
    verify,
    backup,
    restore,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
