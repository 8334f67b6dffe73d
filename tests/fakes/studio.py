"""A studio: does by hand what the runner of jobs does, one step at a time.

Tests of what callers see of videos need jobs in each of their states, when the test
wants them there; a provider and a runner would hurry past.
"""

from dataclasses import dataclass

from addons.films import answer_to_keep, situation_of
from addons.wire.videos import Order, VideoAsk, order_of, order_text
from config.money import charge_nano_rounded_up
from config.prices import PriceBook, buy_pico, sell_pico
from storage import Storage, jobs
from storage.jobs import Job, JobError, LegChoice, NewJob
from storage.keys import KeyRecord
from storage.ledger import Admission, Settlement, UsageRecord
from storage.media import MediaStore
from storage.replays import ReplayKey

# An MP4 file begins so.
CLIP = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(1000)
LEG = LegChoice(0, "runway", "gen4.5", "RUNWAYML_API_SECRET")
LATER_NS = 3600 * 10**9


@dataclass(frozen=True, slots=True)
class Studio:
    """Works on the jobs of one ledger and keeps their files in one store."""

    storage: Storage
    store: MediaStore
    prices: PriceBook

    @property
    def now_ns(self) -> int:
        return self.storage.clock.wall_ns()

    def order(
        self,
        key: KeyRecord,
        ask: VideoAsk,
        amount_nano: int = 150_000_000,
        replay: ReplayKey | None = None,
    ) -> Job:
        """As a request would, which has its answer."""
        price = self.prices.at(ask.model, self.now_ns)
        if price is None:
            raise LookupError(f"{ask.model} has no price")
        order = Order(ask, "http://gateway.test", self.now_ns)
        new = NewJob(
            self.storage.ids.make("video"),
            order_text(order),
            self.now_ns,
            self.now_ns + LATER_NS,
        )
        admission = Admission(
            self.storage.ids.make("req"),
            key.account_id,
            key.id,
            amount_nano,
            price.id,
            ask.model,
            0,
            0,
            0,
            0,
            replay,
        )
        self.storage.writer.wait(jobs.open_job, admission, new, None)
        return known(self.storage.reader.jobs.job(new.id))

    def submit(self, job: Job, leg: LegChoice = LEG) -> Job:
        """The provider is being told."""
        wait = self.storage.writer.wait
        return known(wait(jobs.take, job.id, job.version, leg, self.now_ns))

    def begin(self, job: Job, leg: LegChoice = LEG) -> Job:
        """The provider has it."""
        wait, next_ns = self.storage.writer.wait, self.now_ns + LATER_NS
        return known(wait(jobs.accepted, self.submit(job, leg), "{}", next_ns))

    def poll(self, job: Job, progress: int, state: str = "running") -> Job:
        wait, next_ns = self.storage.writer.wait, self.now_ns + LATER_NS
        return known(wait(jobs.polled, job, progress, state, 0, next_ns))

    def finish(self, job: Job, content: bytes = CLIP, leg: LegChoice = LEG) -> Job:
        """From whatever state: the video is made, kept and charged."""
        if job.state is jobs.JobState.QUEUED:
            job = self.begin(job, leg)
        wait = self.storage.writer.wait
        job = known(wait(jobs.made, job, "{}"))
        name = self.store.keep(content, "video/mp4")
        address = self.store.address(name)
        settlement = self.settlement(job, address)
        return known(wait(jobs.complete, job, name, address, settlement))

    def fail(self, job: Job, code: str, message: str, status: int) -> Job:
        error, wait = JobError(code, message, status), self.storage.writer.wait
        return known(wait(jobs.fail, job, error, None))

    def settlement(self, job: Job, address: str) -> Settlement:
        ask, situation = order_of(job.model, job.ask).ask, situation_of(job)
        price = self.prices.at(job.model, situation.moment_ns)
        if price is None:
            raise LookupError(f"{job.model} has no price")
        pico = sell_pico(price, ask.quantities, situation)
        cost_pico = buy_pico(price, ask.quantities, situation)
        record = UsageRecord(
            model=job.model,
            provider=job.provider,
            upstream_model=job.upstream_model,
            evidence="counted",
            quantities=ask.quantities,
            outcome="complete",
            status=200,
            attempts=1,
            first_byte_ms=None,
            total_ms=0,
            tokens=0,
            stream=False,
            conditions=price.facts(situation),
        )
        return Settlement(
            job.request_id,
            charge_nano_rounded_up(pico),
            pico,
            record,
            charge_nano_rounded_up(cost_pico),
            cost_pico,
            answer_to_keep(job, address),
        )


def known(job: Job | None) -> Job:
    if job is None:
        raise LookupError("somebody else has the job")
    return job
