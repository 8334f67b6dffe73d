"""A studio: does by hand what the runner of jobs does, one step at a time.

Tests of what callers see of videos need jobs in each of their states, when the test
wants them there; a provider and a runner would hurry past.
"""

from dataclasses import dataclass, replace

from addons.films import kept_answer
from config.money import charge_nano_rounded_up
from config.prices import PriceBook, Situation, buy_pico, sell_pico
from storage import Storage, jobs
from storage.jobs import Job, JobError, LegChoice
from storage.ledger import Settlement, UsageRecord
from storage.media import MediaStore
from addons.wire.videos import order_of

# An MP4 file begins so.
CLIP = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(1000)
LEG = LegChoice(0, "runway", "gen4.5", "RUNWAYML_API_SECRET")
NEXT_SECONDS = 3600
NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Studio:
    """Works on the jobs of one ledger and keeps their files in one store."""

    storage: Storage
    store: MediaStore
    prices: PriceBook

    def take(self, job: Job, leg: LegChoice = LEG) -> Job:
        now_ns = self.storage.clock.wall_ns()
        return self.step(jobs.take, job.id, job.version, leg, now_ns)
