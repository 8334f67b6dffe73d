"""The gateway's addons: who asks, what, for how much, where it goes, what it cost.

`chain` is the list and its order is the architecture: each addon finds on the
Exchange what the ones before it put there.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from addons.admission import Admission
from addons.asking import Asking
from addons.auditing import Auditing
from addons.exchange import Leg
from addons.filming.book import Book
from addons.filming.calls import Calls
from addons.filming.keeping import Keeping
from addons.filming.legs import Legs
from addons.filming.schedule import Pace
from addons.filming.steps import Steps
from addons.filming.storing import Terms
from addons.filming.told import TellCall, nobody
from addons.filming.work import Work
from addons.films import answer_to_keep, situation_of
from addons.holds import Holds
from addons.inspecting import Inspecting, secrets_of
from addons.inspector.sending import Sending
from addons.inspector.socket_file import connect
from addons.jobs import Jobs
from addons.keys import Keys
from addons.library import Library
from addons.limits import Limits
from addons.media import Media
from addons.logs.logs import Logs
from addons.logs.outlet import lines_dropped
from addons.metering import Metering
from addons.metrics.gauges import Gauges, Sources
from addons.metrics.metrics import Metrics
from addons.metrics.registry import Registry
from addons.metrics.tally import Tally
from addons.pictures import Pictures
from addons.plan import Plans
from addons.portal import Portal, WsgiApp
from addons.quotes import Quotes
from addons.receipts import Receipts
from addons.records import Records
from addons.recovering import Recovering
from addons.reloading import Configured, Reloading
from addons.replays import Replays
from addons.routing import Routing
from addons.standing import Standing
from addons.tracing.otlp import open_exporter
from addons.tracing.tracing import Tracing
from addons.upstream.upstream import Upstream
from addons.videos import Videos
from storage import Storage
from storage.database import Ledgerbase
from storage.errors import LedgerUnavailable
from storage.media import MediaStore
from storage.signing import Signer


def chain(
    plans: Plans,
    storage: Storage,
    app: WsgiApp,
    shared: Path | None = None,
    told: Sequence[Configured] = (),
) -> tuple[object, ...]:
    """The addons in the order a request meets them. `shared` is where the workers of
    one gateway add up their metrics; `told` of another configuration are these too.

    What is taken from `settings` here stays until a restart; everything else is looked
    up in the plan of each request."""
    settings, clock = plans.plan.settings, storage.clock
    registry = Registry(shared)
    tally = storage.writer.watcher = Tally(registry, clock)
    admission = Admission(settings.listen, clock, storage.ids, plans)
    media = MediaStore(
        settings.media.directory or storage.data / "media",
        storage.secrets,
        clock,
        settings.media,
    )
    auditing = Auditing(storage.auditor, storage.leads, storage.alarm.reason)
    holds = Holds(
        storage.writer,
        plans,
        clock,
        settings.ledger.recover_seconds,
        lambda: auditing.broken is not None,
    )
    inspecting = inspecting_of(plans, storage)
    tell = inspecting[0].called if inspecting else nobody
    jobs = jobs_of(plans, storage, media, tally, tell)
    upstream = Upstream(clock, retries_of=lambda one: plans.of(one).settings.retries)
    sources = Sources(
        lambda: len(admission.live),
        upstream.streams,
        partial(candidates, plans, upstream),
        storage.writer.statistics,
        storage.reader.holds_open,
        lines_dropped,
        lambda: sum(one.sending.statistics.dropped for one in inspecting),
        lambda: plans.current.loaded,
    )
    return (
        admission,  # is this a request at all, and is there room
        # which trace it belongs to
        Tracing(storage.ids, clock, open_exporter(settings.tracing)),
        Keys(storage.directory, clock),  # who is asking
        Limits(plans),  # how often they may
        Asking(plans),  # what is asked
        Quotes(plans, storage.reader, clock),  # what it would cost
        Standing(storage.reader, clock),  # where the caller stands
        Records(storage.reader, Signer.of(storage.secrets)),  # what was, once
        # which videos there are
        Library(storage.reader, storage.writer, media, clock, plans),
        Replays(storage.writer),  # under which name, if it is to run once
        # what is to be ordered with the money for it, and waited for
        Videos(
            storage.reader,
            clock,
            storage.ids,
            plans,
            settings.listen.public_url,
            jobs.kick,
        ),
        holds,  # can they pay the worst case: reserve it, unless it ran before
        Routing(plans),  # where it goes
        Media(media, clock),  # or which file it is for, and all of that
        # what there is to measure, for who may see it
        Metrics(
            registry,
            tally,
            Gauges(registry, sources),
            lambda one: plans.of(one).settings.metrics.token,
        ),
        # everything for people
        Portal(
            app,
            settings.listen.form_bytes,
            partial(trouble, admission, storage, auditing),
        ),
        # how it gets there, and back
        upstream,
        # what was made, as it is shown
        Pictures(media, settings.listen.public_url),
        # what was used, what it costs
        Metering(lambda one: plans.of(one).settings.policies, clock),
        Receipts(holds, clock),  # the charge is committed, the caller told
        jobs,  # what is made for nobody who waits
        Recovering(storage.leads, storage.sweep),  # what dead workers held
        auditing,  # does the ledger still add up
        Logs(clock),  # what became of each request
        *inspecting,  # what the operator sees of all that
        # what is in force for the requests that come
        Reloading(
            plans,
            storage.writer,
            clock,
            settings.ledger.recover_seconds,
            (upstream, jobs, *inspecting, *told),
        ),
    )


def inspecting_of(plans: Plans, storage: Storage) -> tuple[Inspecting, ...]:
    """What shows the traffic; nothing where nobody looks at it."""
    settings = plans.plan.settings
    if not settings.inspected:
        return ()
    sending = Sending(
        partial(connect, storage.data), settings.inspector.buffer_bytes
    )
    return (
        Inspecting(
            settings.inspector,
            lambda one: plans.of(one).settings.policies,
            sending,
            secrets_of(settings),
            storage.clock,
        ),
    )


def candidates(plans: Plans, upstream: Upstream) -> Iterator[tuple[Leg, bool]]:
    """Every leg there is, and whether it is tried in its turn."""
    for legs in plans.plan.routes.values():
        for leg in legs:
            yield leg, not upstream.is_aside(leg)


def jobs_of(
    plans: Plans,
    storage: Storage,
    media: MediaStore,
    tally: Tally,
    tell: TellCall,
) -> Jobs:
    """What makes videos, with all that it needs to."""
    legs = Legs(
        lambda: plans.plan.settings.providers, lambda model: plans.plan.turn(model)
    )
    work = Work(
        Book(storage.writer, plans.plan.settings.ledger.recover_seconds),
        legs,
        Calls(),
        storage.clock,
        Pace(),
        told=tally.job,
        tell=tell,
    )
    terms = Terms(storage.reader.held_price, situation_of, answer_to_keep)
    return Jobs(
        storage.reader.jobs,
        storage.boot_id,
        storage.leads,
        storage.boots.is_dead,
        Steps(work, Keeping(media), terms),
        lambda: plans.plan.settings.videos.running_max,
    )


async def trouble(
    admission: Admission, storage: Storage, auditing: Auditing
) -> str | None:
    """Why a new request would not be admitted; None if it would.

    A ledger that failed last time is tried again here: where nobody is sent because
    it is not ready, nobody else would find out that it is well.
    """
    if admission.draining:
        return "draining"
    if auditing.broken is not None:
        return f"ledger_unavailable: {auditing.broken}"
    if storage.writer.statistics().healthy:
        return None
    try:
        await storage.writer.run(touch)
    except LedgerUnavailable:
        return "ledger_unavailable"
    return None


def touch(db: Ledgerbase) -> None:
    """Nothing, in a transaction of its own."""
