"""Serving: the commands that are a gateway, and where its parts are put together.

Nothing is decided here: settings are loaded, storage is opened, the web application
and the chain of addons are made, and the master runs them. With several workers this
process proves the ledger and becomes their supervisor; each worker is a process of its
own that starts here again, as the command `worker`.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import click
import uvloop

import addons
from addons.dialects import UnknownDialect
from addons.gateway.activation import adopt, given_socket
from addons.gateway.brief import READY, Brief, Lifeline, news, news_of
from addons.gateway.hangups import Hangups
from addons.gateway.instance import reserve
from addons.gateway.master import Master
from addons.gateway.rereading import Rereading, tell
from addons.gateway.supervisor import Supervisor, WorkersFailed
from addons.gateway.tls import Tls
from addons.holds import Holds
from addons.inspector.keeping import Keeping
from addons.inspector.web_brief import WebBrief
from addons.logs.logs import set_up
from addons.metrics.registry import bury, share
from addons.plan import Plan, Plans
from addons.reloading import Reloading
from addons.rendering import Render
from addons.routes import routes_of
from addons.tracing.otlp import TracingUnavailable, check_tracing
from config import ConfigError, Settings, load
from config.current import Current, Loaded
from config.epilog import PROGRAM, REFUSED, epilog
from config.gateway import WORKERS_MAX
from config.reloading import Reading
from dashboard import create_app
from dashboard.demo import Demo, open_demo
from storage import GATEWAY_LOCK, Storage, open_storage
from storage.commands import Refused
from storage.errors import StorageError
from storage.locks import FileLock

ROOT = Path(__file__).resolve().parents[2]
# Without being told how many; each has memory and a share of the disk's time.
WORKERS_AUTO = 8
# What the workers of one gateway count, in a folder that goes with it.
METRICS = "autolist-metrics-"
SERVED = {
    0: "told to stop, and everything that ran was settled",
    1: "it cannot listen, or its workers cannot be kept running",
    REFUSED: "bad input, or a ledger that does not add up or is in use",
}
HELLO = """\
AutoList Token is serving.
  address    {address}
{inspector}  dashboard  {address}/public/dashboard.html
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


@click.command(
    epilog=epilog(
        "serve --demo",
        "serve --config /etc/autolist --data /var/lib/autolist --workers 4",
        codes=SERVED,
    )
)
@click.option(
    "--config",
    "config_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "config",
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
    "--workers",
    type=click.IntRange(0, WORKERS_MAX),
    envvar="AUTOLIST_WORKERS",
    show_envvar=True,
    help="Processes that serve; 0 is one for each core, and one for a demo.",
)
@click.option(
    "--demo",
    is_flag=True,
    envvar="AUTOLIST_DEMO",
    show_envvar=True,
    help="Serve models without a provider from the built-in demo, with a demo user.",
)
@click.option(
    "--web",
    is_flag=True,
    envvar="AUTOLIST_WEB",
    show_envvar=True,
    help="Show the traffic in mitmweb, on this machine alone and behind a password.",
)
@click.option(
    "--web-port",
    type=click.IntRange(0, 65535),
    envvar="AUTOLIST_WEB_PORT",
    show_envvar=True,
    help="Port of mitmweb; 0 takes a free one.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="AUTOLIST_TLS_CERTIFICATE",
    show_envvar=True,
    help="Serve https with this chain of certificates (PEM), the own one first.",
)
@click.option(
    "--tls-key",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="AUTOLIST_TLS_KEY",
    show_envvar=True,
    help="Key of that certificate (PEM, without a password).",
)
def serve(
    config_dir: Path,
    data: Path,
    host: str | None,
    port: int | None,
    workers: int | None,
    demo: bool,
    web: bool,
    web_port: int | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> None:
    """Run the gateway until it is told to stop."""

    def read() -> Settings:
        read = load(config_dir, os.environ)
        read = read.with_overrides(host, port, workers, tls_certificate, tls_key)
        read = read.with_identity()
        return read.with_inspector(web_port, demo) if web else read

    with Hangups() as hangups:
        run(read, hangups, data, demo)


def run(
    read: Callable[[], Settings], hangups: Hangups, data: Path, demo: bool
) -> None:
    """All of a gateway's life, from its files to its end."""
    try:
        settings = read()
        set_up(settings.log, sys.stderr)
        check_tracing(settings.tracing)
        routes_of(settings, demo)
        storage = open_storage(
            data,
            settings.ledger,
            gateway=True,
            prices=settings.prices,
            url=settings.storage,
        )
    except (
        ConfigError,
        UnknownDialect,
        TracingUnavailable,
        StorageError,
        OSError,
    ) as error:
        raise Refused(str(error)) from error
    for warning in settings.prices.warnings(storage.clock.wall_ns()):
        click.echo(f"warning: {warning}", err=True)
    loaded = Loaded(settings, storage.clock.wall_ns())
    count = worker_count(settings.listen.workers, demo)
    keeping = None
    try:
        given = given_socket(os.environ, os.getpid())
        if settings.inspected:
            keeping = Keeping.of(
                settings.inspector, settings.log, data, program("inspector")
            )
        start = Start(loaded, storage, data, demo, given, keeping, hangups, read)
        if count == 1:
            serve_alone(start)
        else:
            supervise(start, count)
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error}") from error
    except WorkersFailed as error:
        raise click.ClickException(str(error)) from error
    finally:
        if keeping is not None:
            keeping.close()
        storage.close()


@click.command(hidden=True)
def inspector() -> None:
    """The process that shows the traffic, started by the gateway."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        brief = WebBrief.load(sys.stdin.buffer)
    except (ValueError, OSError) as error:
        raise Refused(str(error)) from error
    set_up(brief.log, sys.stderr, "inspector")
    # Nobody else needs a web server of mitmproxy's.
    from addons.inspector.web.serving import be_nice, serve

    be_nice()
    asyncio.run(serve(brief, sys.stdin.fileno()))


@click.command(hidden=True)
@click.argument("number", type=int)
@click.argument("report", type=int)
def worker(number: int, report: int) -> None:
    """One of the processes of a gateway, started by its supervisor."""
    # Its supervisor hears it, and says what became of the files.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        lifeline = Lifeline(sys.stdin.fileno(), report)
    except (ValueError, OSError) as error:
        raise Refused(str(error)) from error
    set_up(lifeline.brief.settings.log, sys.stderr, number)
    try:
        # Before anything is counted.
        share(lifeline.brief.metrics, number)
    except OSError as error:
        fail(lifeline, f"no room for metrics: {error}")
    try:
        work(lifeline)
    except (UnknownDialect, StorageError) as error:
        fail(lifeline, str(error))
    except OSError as error:
        fail(lifeline, f"cannot listen: {error}")


def fail(lifeline: Lifeline, reason: str) -> NoReturn:
    """The supervisor says it; if this one has served before, it says it itself."""
    if lifeline.tell(reason.encode()):
        raise SystemExit(1)
    raise click.ClickException(reason)


def worker_count(workers: int, demo: bool) -> int:
    """How many processes serve; `workers` is 0 where nobody said."""
    if workers:
        return workers
    return 1 if demo else min(cores(), WORKERS_AUTO)


def cores() -> int:
    """Those that this process may use, where the system tells them apart."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Start:
    """What a gateway is started with, of however many processes it is."""

    loaded: Loaded
    storage: Storage
    data: Path
    demo: bool
    given: socket.socket | None
    keeping: Keeping | None
    hangups: Hangups
    read: Callable[[], Settings]

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def reading(self, running: Loaded) -> Callable[[], Loaded]:
        """What reads the files again, and says what became of it."""
        wall_ns = self.storage.clock.wall_ns
        reading = Reading(
            self.read, self.check, self.settings, running, wall_ns, (UnknownDialect,)
        )

        def again() -> Loaded:
            loaded = reading.again()
            tell(loaded, wall_ns())
            return loaded

        return again

    def check(self, settings: Settings) -> None:
        routes_of(settings, self.demo)


def serve_alone(start: Start) -> None:
    storage, data = start.storage, start.data

    def greet(master: Master) -> None:
        port = master.instance.ports[0]
        said = hello(start.settings, storage, data, start.demo, port, start.keeping)
        click.echo(said, nl=False)

    async def run() -> None:
        master, reloading = make_master(
            start.loaded, storage, data, start.demo, given=start.given
        )
        obey_signals(master.stop)
        start.hangups.heed(partial(reloading.begin, start.reading(start.loaded)))
        async with start.keeping or nullcontext():
            await master.run(greet)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def supervise(start: Start, count: int) -> None:
    """Hand the proved ledger over to workers, and keep them running."""
    storage, data, given = start.storage, start.data, start.given
    with ExitStack() as stack:
        held = stack.enter_context(given or reserve(start.settings.listen))
        metrics = Path(stack.enter_context(TemporaryDirectory(prefix=METRICS)))
        port = held.getsockname()[1]
        settings = start.settings.with_overrides(port=port)
        loaded = replace(start.loaded, settings=settings)
        greeting = hello(settings, storage, data, start.demo, port, start.keeping)
        lock = storage.hand_over()
        brief = Brief(
            loaded,
            data,
            start.demo,
            gateway_lock=lock.fileno() if lock is not None else None,
            metrics=metrics,
            given=held.fileno() if given is not None else None,
        )
        shared = [one for one in (brief.gateway_lock, brief.given) if one is not None]
        command = program("worker")

        async def run() -> None:
            supervisor = Supervisor(
                command, brief.dump(), count, shared, bury=partial(bury, metrics)
            )

            async def take(loaded: Loaded) -> None:
                supervisor.tell(replace(brief, loaded=loaded).dump(), news(loaded))

            rereading = Rereading(take)
            obey_signals(supervisor.stop)
            start.hangups.heed(partial(rereading.begin, start.reading(loaded)))
            async with start.keeping or nullcontext():
                await supervisor.run(lambda: click.echo(greeting, nl=False))

        try:
            asyncio.run(run())
        finally:
            if lock is not None:
                lock.release()


def work(lifeline: Lifeline) -> None:
    """What a worker does from its brief to its end."""
    brief = lifeline.brief
    settings, data = brief.settings, brief.data
    joined = None
    if brief.gateway_lock is not None:
        joined = FileLock.inherited(data / GATEWAY_LOCK, brief.gateway_lock)
    storage = open_storage(
        data,
        settings.ledger,
        gateway=True,
        proved=True,
        joined=joined,
        # Others were read since the gateway's start, perhaps.
        prices=settings.prices,
        url=settings.storage,
    )

    def ready(_: Master) -> None:
        lifeline.tell(READY)

    async def run() -> None:
        master, reloading = make_master(
            brief.loaded,
            storage,
            data,
            brief.demo,
            shared=brief.metrics,
            given=None if brief.given is None else adopt(brief.given),
        )
        obey_signals(master.stop)
        lifeline.watch(
            asyncio.get_running_loop(),
            lambda: None if master.stops else master.stop(),
            lambda frame: reloading.begin(partial(news_of, frame)),
        )
        await master.run(ready)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    finally:
        storage.close()


def make_master(
    loaded: Loaded,
    storage: Storage,
    data: Path,
    demo: bool,
    shared: Path | None = None,
    given: socket.socket | None = None,
) -> tuple[Master, Reloading]:
    """All parts of a serving process, and what gives it another configuration. Its
    port is its own, that of all who share the folder of metrics, or that of a socket it
    was `given`."""
    settings = loaded.settings
    plan = Plan.of(settings, routes_of(settings, demo), storage.clock, demo)
    plans = Plans(plan, Current(loaded))
    app = create_app(
        storage,
        plans.current,
        demo=demo,
        models=lambda: plans.plan.catalogue.listing(),
    )
    tls = None if settings.identity is None else Tls(settings.identity)
    told = () if tls is None else (tls,)
    chain = addons.chain(plans, storage, app, shared, told)
    (holds,) = (addon for addon in chain if isinstance(addon, Holds))
    (reloading,) = (addon for addon in chain if isinstance(addon, Reloading))
    render = Render(storage.ids.make)
    several = shared is not None
    master = Master(
        settings.listen, data, chain, holds.release, render, several, given, tls
    )
    return master, reloading


def program(command: str) -> list[str]:
    """This program again, as another process."""
    return [sys.executable, str(ROOT / PROGRAM), command]


def obey_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def hello(
    settings: Settings,
    storage: Storage,
    data: Path,
    demo: bool,
    port: int,
    keeping: Keeping | None = None,
) -> str:
    """Says where the gateway is, how to get into the demo, and how to look on."""
    address = settings.listen.public_url or local_address(settings, port)
    look_on = "" if keeping is None else f"  inspector  {keeping.invitation}\n"
    said = HELLO.format(address=address, inspector=look_on)
    if demo:
        said += hello_demo(open_demo(storage, settings, data, address)) + "\n"
    return said


def local_address(settings: Settings, port: int) -> str:
    host = settings.listen.host
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    scheme = "http" if settings.identity is None else "https"
    return f"{scheme}://{shown}:{port}"


def hello_demo(demo: Demo) -> str:
    return HELLO_DEMO.format(
        address=demo.address,
        email=demo.email,
        password=demo.password,
        api_key=demo.api_key,
    )
