"""Videos: what is ordered for an ask, who waits for it how long, and what they hear."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from mitmproxy.connection import Server
from mitmproxy.http import HTTPFlow

from addons import endpoints
from addons.exchange import Exchange, KeyLimits
from addons.films import POLL_MS
from addons.holds import Holds
from addons.upstream.call import Call
from addons.videos import Videos
from addons.wire.errors import UnknownKey, error_headers, error_object
from addons.wire.videos import creation_of, order_of
from config import PriceBook
from config.gateway import MediaSettings, VideoSettings
from storage.errors import LedgerUnavailable
from storage.jobs import Job, JobState
from storage.media import MediaStore
from storage.recovery import register_prices
from storage.replays import ReplayKey
from tests.fakes import exchanges
from tests.fakes.inlet import RecordingInlet
from tests.fakes.plans import plans
from tests.fakes.studio import Studio
from tests.fakes.writers import FailingWriter

SETTINGS = VideoSettings(wait_seconds=5.0, total_seconds=60.0, account_max=3)
PRICES = PriceBook([exchanges.VIDEO_PRICE])


@pytest.fixture
def studio(storage, clock, tmp_path: Path) -> Studio:
    storage.writer.wait(register_prices, list(PRICES))
    store = MediaStore(tmp_path / "media", storage.secrets, clock, MediaSettings())
    return Studio(storage, store, PRICES)


def addon(storage, clock, settings: VideoSettings = SETTINGS, url=None) -> Videos:
    return Videos(
        storage.reader,
        clock,
        storage.ids,
        plans(videos=settings),
        url,
        look_seconds=0.01,
    )


@pytest.fixture
async def videos(storage, clock, studio: Studio) -> AsyncIterator[Videos]:
    made = addon(storage, clock)
    yield made
    made.done()


@pytest.fixture
def till(storage, clock) -> Holds:
    return Holds(storage.writer, plans(prices=PRICES), clock, 0)


def asking(caller, ask: Any = None, **parts: Any) -> HTTPFlow:
    """A request as the addons before leave it."""
    record = exchanges.exchange(
        endpoints.VIDEO_GENERATION,
        caller=caller.key,
        limits=KeyLimits(0, 0, 0),
        ask=ask or exchanges.video_ask(),
        model=exchanges.VIDEO_MODEL,
        **parts,
    )
    return exchanges.travelling(record, headers={"host": "gateway.test"})


async def ordered(videos: Videos, till: Holds, flow: HTTPFlow) -> Call:
    """The call of a request whose video was ordered."""
    videos.request(flow)
    await till.request(flow)
    assert Exchange.of(flow).refusal is None
    return Call(flow, 1, Server(address=None), RecordingInlet())


def job_of(studio: Studio, call: Call) -> Job:
    found = studio.storage.reader.jobs.job(Exchange.of(call.flow).order.job.id)
    assert found is not None
    return found


def end(studio: Studio, call: Call) -> None:
    """So that the ledger is at rest."""
    if (job := job_of(studio, call)).live:
        studio.fail(job, "upstream_error", "The test is over.", 502)


def told(call: Call) -> dict[str, Any]:
    found = orjson.loads(Exchange.of(call.flow).told.answer.body)
    assert isinstance(found, dict)
    return found


# What is ordered.


async def test_an_order_has_all_that_its_job_needs(
    videos: Videos, caller, clock
) -> None:
    ask = replace(exchanges.video_ask(duration=5), dropped=("seed",))
    flow = asking(caller, ask)
    videos.request(flow)
    record = Exchange.of(flow)
    order, now_ns = record.order, clock.wall_ns()
    assert order.job.id.startswith("video_")
    assert (order.moment_ns, order.job.next_ns) == (now_ns, now_ns)
    assert order.job.deadline_ns == now_ns + 60 * 10**9
    assert (order.job.account_max, order.job.live_max) == (3, 10_000)
    assert order.answer is None
    kept = order_of("gen-2", order.job.ask)
    assert (kept.ask, kept.moment_ns) == (
        replace(ask, said=frozenset(), dropped=()),
        now_ns,
    )
    assert kept.base == "http://gateway.test"
    assert record.dropped == ("seed",)


async def test_a_public_address_goes_before_the_host(storage, clock, caller) -> None:
    flow = asking(caller)
    addon(storage, clock, url="https://ai.example.com").request(flow)
    order = order_of("gen-2", Exchange.of(flow).order.job.ask)
    assert order.base == "https://ai.example.com"


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (exchanges.video_ask(**{"async": True}), 202),
        (creation_of({"prompt": "waves"}).within(exchanges.VIDEO_RULES), 200),
    ],
)
async def test_who_does_not_wait_is_answered_at_once(
    videos: Videos, till: Holds, studio: Studio, caller, ask, status: int
) -> None:
    call = await ordered(videos, till, asking(caller, ask))
    await videos.upstream_exchange(call)
    answer = Exchange.of(call.flow).told
    assert (call.inlet.status, answer.answer.status) == (status, status)
    assert (told(call)["status"], told(call)["data"]) == ("queued", [])
    assert answer.fields == {"openai-poll-after-ms": str(POLL_MS)}
    end(studio, call)


async def test_nothing_is_ordered_for_others(videos: Videos, caller) -> None:
    flow = exchanges.travelling(exchanges.held(ask=exchanges.ask()))
    videos.request(flow)
    assert Exchange.of(flow).order is None
    flow = asking(caller)
    Exchange.of(flow).refuse(UnknownKey())
    videos.request(flow)
    assert Exchange.of(flow).order is None


async def test_nobody_orders_nothing(videos: Videos, caller) -> None:
    flow = asking(caller)
    Exchange.of(flow).caller = None
    videos.request(flow)
    assert Exchange.of(flow).refusal.code == "internal_error"


async def test_calls_of_others_are_left_to_them(videos: Videos, caller) -> None:
    refused = asking(caller)
    videos.request(refused)
    for flow in (exchanges.travelling(exchanges.held()), refused):
        call = Call(flow, 1, Server(address=None), RecordingInlet())
        await videos.upstream_exchange(call)
        assert (call.ended, call.inlet.events) == (False, [])


# At the till.


async def test_the_money_is_held_with_the_job_and_is_the_jobs(
    videos: Videos, till: Holds, studio: Studio, caller, storage
) -> None:
    call = await ordered(videos, till, asking(caller))
    record, job = Exchange.of(call.flow), job_of(studio, call)
    assert (record.held, record.ordered, record.admitted) == (False, True, False)
    assert (job.state, job.request_id) == (JobState.QUEUED, record.id)
    balance = storage.reader.balance(caller.key.account_id)
    assert balance.pending_nano == record.quote.amount_nano == 150_000_000
    assert record.quote.situation.moment_ns == record.order.moment_ns
    end(studio, call)


async def test_a_video_without_an_order_is_not_held(till: Holds, caller) -> None:
    flow = asking(caller)
    await till.request(flow)
    assert Exchange.of(flow).refusal.code == "internal_error"


async def test_too_little_money_orders_nothing(
    videos: Videos, till: Holds, studio: Studio, caller_with, storage
) -> None:
    poor = caller_with(149_999_999)
    flow = asking(poor)
    videos.request(flow)
    await till.request(flow)
    assert Exchange.of(flow).refusal.code == "insufficient_balance"
    assert (Exchange.of(flow).ordered, storage.reader.open_holds()) == (False, [])


async def test_too_many_videos_are_refused(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    for _ in range(SETTINGS.account_max):
        studio.order(caller.key, exchanges.video_ask())
    flow = asking(caller)
    videos.request(flow)
    await till.request(flow)
    refusal = Exchange.of(flow).refusal
    assert (refusal.status, refusal.extra) == (429, {"limit": "videos"})
    for job in studio.storage.reader.jobs.jobs_of(caller.key.account_id):
        studio.fail(job, "upstream_error", "Over.", 502)


@pytest.mark.parametrize("begun", [False, True])
async def test_an_order_is_taken_back_unless_it_was_begun(
    videos: Videos, till: Holds, studio: Studio, caller, begun: bool, storage
) -> None:
    call = await ordered(videos, till, asking(caller))
    if begun:
        studio.begin(job_of(studio, call))
    await till.release(Exchange.of(call.flow))
    assert job_of(studio, call).live is begun
    pending = storage.reader.balance(caller.key.account_id).pending_nano
    assert bool(pending) is begun
    end(studio, call)


# Who waits.


async def waiting(videos: Videos, call: Call) -> "asyncio.Task[None]":
    task = asyncio.create_task(videos.upstream_exchange(call))
    while not videos.waiting:
        await asyncio.sleep(0)
    return task


async def test_who_waits_gets_the_video_with_its_receipt(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    call = await ordered(videos, till, asking(caller))
    task = await waiting(videos, call)
    assert call.task is task
    done = studio.finish(job_of(studio, call))
    await task
    record = Exchange.of(call.flow)
    assert (call.inlet.status, told(call)["status"]) == (200, "completed")
    assert told(call)["data"] == [{"url": f"http://gateway.test{done.address}"}]
    assert (record.paid_nano, record.available_nano) == (150_000_000, 9_850_000_000)
    assert record.told.fields["x-autolist-provider"] == "runway"
    assert record.told.fields["x-autolist-attempts"] == "1"
    assert (videos.waiting, record.upstream_since_ns) == ({}, None)


async def test_what_is_given_is_what_was_kept(
    videos: Videos, till: Holds, studio: Studio, caller, storage
) -> None:
    name = ReplayKey("once", b"f" * 32)
    call = await ordered(videos, till, asking(caller, replay=name))
    task = await waiting(videos, call)
    studio.finish(job_of(studio, call))
    await task
    again = asking(caller, replay=name, id="req_2")
    videos.request(again)
    await till.request(again)
    given = Exchange.of(call.flow).told.answer
    assert Exchange.of(again).replayed.answer == given


async def test_a_failure_is_a_refusal(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    call = await ordered(videos, till, asking(caller))
    task = await waiting(videos, call)
    job = studio.begin(job_of(studio, call))
    studio.fail(job, "upstream_timeout", "Too slow.", 502)
    await task
    refusal = Exchange.of(call.flow).refusal
    assert (call.inlet.status, refusal.code) == (502, "upstream_timeout")
    assert refusal.should_retry is False


async def test_nobody_waits_for_ever(
    storage, clock, till: Holds, studio: Studio, caller
) -> None:
    videos = addon(storage, clock, replace(SETTINGS, wait_seconds=0.05))
    call = await ordered(videos, till, asking(caller))
    studio.begin(job_of(studio, call))
    await videos.upstream_exchange(call)
    assert (call.inlet.status, told(call)["status"]) == (202, "in_progress")
    assert Exchange.of(call.flow).told.fields == {"openai-poll-after-ms": "2000"}
    assert videos.waiting == {}
    end(studio, call)
    videos.done()


async def test_a_stop_ends_all_waiting_and_no_job(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    call = await ordered(videos, till, asking(caller))
    task = await waiting(videos, call)
    videos.cut_all()
    await task
    assert (call.inlet.status, told(call)["status"]) == (202, "queued")
    other = await ordered(videos, till, asking(caller, id="req_2"))
    await videos.upstream_exchange(other)
    assert other.inlet.status == 202
    end(studio, call)
    end(studio, other)


async def test_a_client_that_leaves_ends_the_wait_and_no_job(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    call = await ordered(videos, till, asking(caller))
    task = await waiting(videos, call)
    assert Exchange.of(call.flow).call is call
    task.cancel("client left")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (videos.waiting, call.inlet.events) == ({}, [])
    assert job_of(studio, call).live
    end(studio, call)


@pytest.mark.parametrize("error", [LedgerUnavailable, ValueError])
async def test_a_ledger_that_cannot_be_read_is_looked_at_again(
    videos: Videos,
    till: Holds,
    studio: Studio,
    caller,
    caplog,
    error: type[Exception],
) -> None:
    call = await ordered(videos, till, asking(caller))
    looks = []
    look = videos.those_ended

    def fail_once(job_ids: list[str]) -> list[Job]:
        looks.append(job_ids)
        if len(looks) == 1:
            raise error("locked")
        return look(job_ids)

    videos.those_ended = fail_once
    task = await waiting(videos, call)
    studio.finish(job_of(studio, call))
    await task
    assert call.inlet.status == 200 and len(looks) > 1
    assert "no video can be looked at" in caplog.text


async def test_who_cannot_be_told_does_not_order_again(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    def unreadable(*parts: Any) -> Any:
        raise LedgerUnavailable("locked")

    call = await ordered(videos, till, asking(caller))
    videos.told = unreadable
    task = await waiting(videos, call)
    job = studio.finish(job_of(studio, call))
    await task
    refusal = Exchange.of(call.flow).refusal
    assert (call.inlet.status, refusal.code) == (503, "ledger_unavailable")
    assert error_headers(refusal) == [("x-should-retry", "false")]
    assert error_object(refusal)["video_id"] == job.id


@pytest.mark.parametrize("written", [False, True])
async def test_an_order_that_may_have_been_written_is_not_to_be_sent_again(
    videos: Videos, till: Holds, studio: Studio, caller, written: bool
) -> None:
    flow = asking(caller)
    videos.request(flow)
    till.writer = FailingWriter(till.writer, 1, written=written)
    await till.request(flow)
    order, refusal = Exchange.of(flow).order, Exchange.of(flow).refusal
    assert order is not None and refusal is not None
    assert (refusal.status, refusal.code) == (503, "video_uncertain")
    assert error_headers(refusal) == [("x-should-retry", "false")]
    assert error_object(refusal)["video_id"] == order.job.id
    assert f"/api/v1/videos/{order.job.id}" in refusal.message
    # It is taken back, whether it was written or not.
    await asyncio.gather(*till.unwritten)
    account_id = caller.key.account_id
    assert studio.storage.reader.jobs.job_of(order.job.id, account_id) is None
    assert studio.storage.reader.balance(account_id).pending_nano == 0


async def test_a_named_order_that_may_have_been_written_may_be_sent_again(
    videos: Videos, till: Holds, caller
) -> None:
    """It would be found by its name, and not ordered twice."""
    flow = asking(caller, replay=ReplayKey("order-1", b"what was asked"))
    videos.request(flow)
    till.writer = FailingWriter(till.writer, 1, written=True)
    await till.request(flow)
    refusal = Exchange.of(flow).refusal
    assert refusal is not None and error_headers(refusal) == [("Retry-After", "1")]
    await asyncio.gather(*till.unwritten)


async def test_who_waits_again_is_looked_after_again(
    videos: Videos, till: Holds, studio: Studio, caller
) -> None:
    for index in range(2):
        call = await ordered(videos, till, asking(caller, id=f"req_{index}"))
        task = await waiting(videos, call)
        studio.finish(job_of(studio, call))
        await task
        await videos.looking
        assert call.inlet.status == 200
