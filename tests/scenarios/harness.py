"""A whole gateway for a test: real storage, real sockets, its own thread and loop.

The provider is a fake at the edge; everything between the client's socket and the
provider's is the product.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvloop

import addons
from addons.gateway.master import Master, one_of
from addons.holds import Holds
from addons.rendering import Render
from addons.plan import Plan, Plans
from addons.routes import routes_of
from addons.upstream.upstream import Upstream
from config import Settings, load
from config.money import parse_nano
from config.settings import Retries
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage, open_storage
from storage.accounts import NewUser, Registered, register
from storage.audit import audit
from storage.clock import Clock
from storage.engine import Snapshot
from storage.keys import mint
from storage.reader import UsageReport
from tests.fakes.openai_server import FakeOpenAI

CONFIG = Path(__file__).parents[2] / "config"
Change = Callable[[Settings], Settings]

START_SECONDS = 20
SETTLE_SECONDS = 20
# The cheapest that bcrypt offers: what it costs is not what these tests are about.
QUICK_ROUNDS = 4
# A failure is told at once, but for stories about what is tried again.
AT_ONCE = Retries(wait_seconds=0)


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with a key and some money."""

    account_id: int
    key: str


class Gateway:
    """Serves from a thread until the `with` block ends."""

    def __init__(
        self,
        data: Path,
        environ: Mapping[str, str],
        change: Change = lambda settings: settings,
        wrap: Callable[[tuple[object, ...]], None] = lambda chain: None,
        demo: bool = False,
        clock: Clock | None = None,
        config: Path = CONFIG,
    ) -> None:
        self.data = data
        self.clock = clock
        settings = load(config, environ).with_overrides("127.0.0.1", 0)
        self.settings = change(replace(settings, retries=AT_ONCE))
        self.wrap = wrap
        self.demo = demo
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self.serve, name="gateway")

    def __enter__(self) -> Self:
        self.storage = open_storage(
            self.data,
            self.settings.ledger,
            clock=self.clock,
            gateway=True,
            prices=self.settings.prices,
            url=self.settings.storage,
        )
        self.thread.start()
        if not self.ready.wait(START_SECONDS) or self.failure is not None:
            raise RuntimeError("the gateway did not start") from self.failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.storage.close()

    def stop(self) -> None:
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.master.stop)
            self.thread.join()

    def serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.run())
        except BaseException as failure:
            self.failure = failure
            self.ready.set()
            raise

    async def run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.master = assemble(
            self.settings, self.storage, self.data, self.wrap, self.demo
        )
        await self.master.run(self.greet)

    def greet(self, master: Master) -> None:
        # Kept, because a test also knocks when nobody listens any more.
        self.port = master.instance.ports[0]
        self.ready.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def caller(self, dollars: str = "10.00") -> Caller:
        """A new user with so much money."""
        key = mint(self.storage.secrets)
        new = NewUser(
            self.storage.ids.uuid(),
            f"{self.storage.ids.make('u')}@example.com",
            Passwords(QUICK_ROUNDS).hash("password"),
        )
        made = self.storage.writer.wait(register, new, key, parse_nano(dollars))
        assert isinstance(made, Registered)
        return Caller(made.user.account_id, key.plain)

    def available_nano(self, caller: Caller) -> int:
        return self.storage.reader.balance(caller.account_id).available_nano

    def charges(self, caller: Caller) -> list[UsageReport]:
        """What was written about each of the caller's requests, the oldest first."""
        statement = """
            SELECT request_id FROM usage WHERE account_id = ?1 ORDER BY request_id
        """
        with self.storage.engine.snapshot() as snapshot:
            rows = snapshot.rows(statement, (caller.account_id,))
            found = [self.storage.reader.usage(id) for (id,) in rows]
        return [one for one in found if one is not None]

    def until(self, condition: Callable[[], bool]) -> None:
        """Returns when something is so on the gateway's loop, or fails."""

        async def wait() -> None:
            async with asyncio.timeout(SETTLE_SECONDS):
                while not condition():
                    await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(wait(), self.loop).result()

    def arrived(self) -> None:
        """Returns when a request is being served; it may have got no further yet."""
        self.until(lambda: bool(self.master.admission.live))

    def unheard(self) -> None:
        """Returns when an answer is being made whose client is known to have left."""
        upstream = one_of(self.master.senders, Upstream)
        self.until(lambda: any(call.unheard for call in upstream.calls))

    def settled(self) -> None:
        """Returns when nothing is served any more, every charge included."""
        if not self.thread.is_alive():
            return
        waiting = self.master.admission.empty_within(SETTLE_SECONDS)
        if not asyncio.run_coroutine_threadsafe(waiting, self.loop).result():
            raise TimeoutError(f"still served: {self.master.admission.live}")

    def prove(self) -> None:
        """The ledger adds up, and nobody's money is held."""
        self.settled()
        with self.storage.engine.snapshot() as snapshot:
            found = faults(snapshot)
        if found:
            raise AssertionError("; ".join(found))


def faults(snapshot: Snapshot) -> list[str]:
    """What is wrong with a ledger that nobody is being served from."""
    found = [str(finding) for finding in audit(snapshot)]
    holds = snapshot.rows("SELECT id FROM hold WHERE state = 'open'")
    return found + [f"{id} is held" for (id,) in holds]


def assemble(
    settings: Settings,
    storage: Storage,
    data: Path,
    wrap: Callable[[tuple[object, ...]], None],
    demo: bool,
) -> Master:
    plans = Plans(
        Plan.of(settings, routes_of(settings, demo), storage.clock, demo)
    )
    app = create_app(
        storage,
        plans.current,
        demo=demo,
        passwords=Passwords(QUICK_ROUNDS),
        models=lambda: plans.plan.catalogue.listing(),
    )
    chain: tuple[Any, ...] = addons.chain(plans, storage, app)
    wrap(chain)
    (holds,) = (addon for addon in chain if isinstance(addon, Holds))
    render = Render(storage.ids.make)
    return Master(settings.listen, data, chain, holds.release, render)


def environ_of(fake: FakeOpenAI, storage: str = "") -> dict[str, str]:
    """What points the provider `openai` at the fake, and the ledger at a database.

    There is a key for videos too, and nobody who makes them.
    """
    return {
        "RUNWAYML_BASE_URL": "http://127.0.0.1:9",
        "RUNWAYML_API_SECRET": "key_fake",
        "OPENAI_BASE_URL": fake.base_url,
        "OPENAI_API_KEY": "sk-fake",
        "AUTOLIST_STORAGE": storage,
    }


def with_limits(**limits: int) -> Change:
    """Changes the default limits of a key."""
    return lambda settings: replace(
        settings, limits=replace(settings.limits, **limits)
    )


def with_listen(**changes: float) -> Change:
    """Changes what a connection may do."""
    return lambda settings: replace(
        settings, listen=replace(settings.listen, **changes)
    )


def with_clocks(**seconds: float) -> Change:
    """Changes the clocks of every provider."""
    return lambda settings: replace(
        settings,
        providers={
            name: replace(one, clocks=replace(one.clocks, **seconds))
            for name, one in settings.providers.items()
        },
    )
