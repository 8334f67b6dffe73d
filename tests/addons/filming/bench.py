"""A bench: jobs of one user on a real ledger, and providers that answer by script.

Calls go to scripts, one for each provider; files come from a server, if a test has one.
Time stands still until a test moves it, so nothing waits.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from addons.exchange import Leg
from addons.filming.book import Book
from addons.filming.calls import Calls
from addons.filming.keeping import Keeping
from addons.filming.legs import Legs
from addons.filming.schedule import NANOSECONDS, Pace
from addons.filming.steps import Steps
from addons.filming.storing import Terms
from addons.filming.told import JobCall, TellCall
from addons.filming.work import Work
from addons.films import answer_to_keep, situation_of
from addons.wire.videos import Order, order_text
from config.settings import Credential, Provider
from storage import Storage, jobs
from storage.jobs import Job, NewJob
from storage.keys import KeyRecord
from storage.ledger import Admission, Granted, UsageRecord
from storage.media import MediaStore
from storage.recovery import register_prices
from storage.replays import ReplayKey
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.transport import ScriptedReply, ScriptedTransport

COST_NANO = 150_000_000
LIFE_SECONDS = 600
PACE = Pace(tick_seconds=0.01, least_seconds=2.0, most_seconds=60.0)


def said(http_status: int = 200, /, **fields: Any) -> ScriptedReply:
    """An answer in JSON."""
    return ScriptedReply([orjson.dumps(fields)], http_status)


def refused(status: int, error: str = "no", **headers: str) -> ScriptedReply:
    return ScriptedReply([orjson.dumps({"error": error})], status, headers)


def leg(name: str = "runway", **fields: Any) -> Leg:
    """A leg to a provider that speaks as Runway does."""
    return exchanges.leg(
        name,
        model="gen4.5",
        **{
            "dialect": "runway",
            "base_url": "http://runway.test",
            "credentials": (Credential("RUNWAY_KEY", "key_secret"),),
            "credential_names": ("RUNWAY_KEY",),
            **fields,
        },
    )


class Bench:
    """Everything that a step needs, and a user who orders videos."""

    def __init__(
        self, storage: Storage, clock: FakeClock, store: MediaStore, caller: KeyRecord
    ) -> None:
        self.storage, self.clock, self.store = storage, clock, store
        self.caller = caller
        self.legs: tuple[Leg, ...] = ()
        self.lines: dict[str, ScriptedTransport] = {}
        self.providers: dict[str, Provider] = {}
        self.told: list[tuple[UsageRecord, int, int, int]] = []
        self.looked: list[JobCall] = []
        self.look: TellCall = self.looked.append
        self.work = Work(
            Book(storage.writer, 0.0),
            Legs(lambda: self.providers, lambda model: self.legs),
            Calls(lambda provider: self.lines[provider.name]),
            clock,
            PACE,
            told=lambda *ended: self.told.append(ended),
            tell=lambda call: self.look(call),
        )
        self.keeping = Keeping(store)
        self.terms = Terms(storage.reader.held_price, situation_of, answer_to_keep)
        self.steps = Steps(self.work, self.keeping, self.terms)
        storage.writer.wait(register_prices, [exchanges.VIDEO_PRICE])

    def provide(self, *replies: ScriptedReply | Exception, **fields: Any) -> Leg:
        """One more leg; its provider answers like this."""
        made = leg(**fields)
        self.legs += (made,)
        self.providers[made.provider.name] = made.provider
        self.lines[made.provider.name] = ScriptedTransport(*replies)
        return made

    def order(
        self, replay: ReplayKey | None = None, waits: bool = True, **fields: Any
    ) -> Job:
        """A job in the queue."""
        ask = exchanges.video_ask(**({} if waits else {"async": True}), **fields)
        now_ns = self.clock.wall_ns()
        job = NewJob(
            self.storage.ids.make("video"),
            order_text(Order(ask, "http://gateway.test", now_ns)),
            now_ns,
            now_ns + LIFE_SECONDS * NANOSECONDS,
        )
        admission = Admission(
            hold_id=self.storage.ids.make("req"),
            account_id=self.caller.account_id,
            key_id=self.caller.id,
            amount_nano=COST_NANO,
            price_id=exchanges.VIDEO_PRICE.id,
            model="gen-2",
            tokens=0,
            rpm=0,
            tpm=0,
            concurrency=0,
            replay=replay,
        )
        opened = self.storage.writer.wait(jobs.open_job, admission, job, None)
        assert isinstance(opened, Granted)
        return self.job(job.id)

    async def begin(self, **fields: Any) -> Job:
        """A job that its provider has taken; the first reply must do that."""
        job = self.order(**fields)
        await self.steps.go(job)
        return self.job(job.id)

    def job(self, job_id: str) -> Job:
        found = self.storage.reader.jobs.job(job_id)
        assert found is not None
        return found

    def asked(self, name: str = "runway") -> Sequence[str]:
        """What the provider was asked, in order."""
        requests = self.lines[name].requests
        return [f"{one.method} {one.path}" for one in requests]

    def paid_nano(self, job: Job) -> int:
        report = self.storage.reader.usage(job.request_id)
        assert report is not None
        return report.paid_nano

    def end(self) -> None:
        """A ledger that is proved may have no unfinished job of nobody."""
        for job in self.storage.reader.jobs.due(2**62, 500):
            error = jobs.JobError("over", "The test is over.", 502)
            self.storage.writer.wait(jobs.fail, job, error, None)
