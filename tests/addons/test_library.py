"""The library: whose a video is, what is shown of it, and what deleting it does."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mitmproxy.http import HTTPFlow

from addons import endpoints
from addons.exchange import Exchange
from addons.library import LENGTH_MAX, Library, Page, check_variant, page_of, query_of
from addons.wire.errors import BadParameter, UnknownKey
from config import PriceBook
from config.gateway import MediaSettings, VideoSettings
from storage import jobs
from storage.errors import LedgerUnavailable
from storage.jobs import Job, JobState
from storage.media import MediaStore
from storage.recovery import register_prices
from tests.fakes import exchanges
from tests.fakes.plans import plans
from tests.fakes.studio import CLIP, Studio
from tests.fakes.writers import FailingWriter

KEEP_SECONDS = 1000.0
RECORD_SECONDS = 5000.0
PROVIDERS = {"runway": exchanges.provider("runway", dialect="runway")}


@pytest.fixture
def studio(storage, clock, tmp_path: Path) -> Studio:
    prices = PriceBook([exchanges.VIDEO_PRICE])
    storage.writer.wait(register_prices, list(prices))
    settings = MediaSettings(keep_seconds=KEEP_SECONDS, url_seconds=100.0)
    store = MediaStore(tmp_path / "media", storage.secrets, clock, settings)
    return Studio(storage, store, prices)


@pytest.fixture
def library(storage, clock, studio: Studio) -> Library:
    return Library(
        storage.reader,
        storage.writer,
        studio.store,
        clock,
        plans(providers=PROVIDERS, videos=VideoSettings(record_seconds=RECORD_SECONDS)),
        cancel_seconds=0.2,
        look_seconds=0.01,
    )


@pytest.fixture
def job(studio: Studio, caller) -> Iterator[Job]:
    """One that is queued; whatever is left of it ends with the test."""
    made = studio.order(caller.key, exchanges.video_ask())
    yield made
    found = studio.storage.reader.jobs.job(made.id)
    if found is not None and found.live:
        studio.fail(found, "upstream_error", "The test is over.", 502)


async def ask(
    addon: Library, caller, target: str, method: str = "GET", **request: Any
) -> HTTPFlow:
    endpoint = endpoints.find(method, target)
    record = exchanges.exchange(endpoint, caller=caller.key if caller else None)
    flow = exchanges.travelling(record, method=method, target=target, **request)
    await addon.request(flow)
    return flow


def shown(flow: HTTPFlow) -> dict[str, Any]:
    assert Exchange.of(flow).refusal is None
    found = orjson.loads(flow.response.content)
    assert isinstance(found, dict)
    return found


def code(flow: HTTPFlow) -> str | None:
    refusal = Exchange.of(flow).refusal
    return None if refusal is None else refusal.code


# One.


async def test_a_video_is_shown_with_what_it_cost_and_its_address(
    library: Library, studio: Studio, caller, job: Job, clock
) -> None:
    flow = await ask(library, caller, f"/v1/videos/{job.id}")
    assert (shown(flow)["status"], shown(flow)["usage"]) == ("queued", {"cost": 0})
    assert flow.response.headers["openai-poll-after-ms"] == "2000"
    done = studio.finish(job)
    flow = await ask(library, caller, f"/v1/videos/{job.id}")
    found = shown(flow)
    assert (found["status"], found["usage"]) == ("completed", {"cost": 0.15})
    assert found["expires_at"] == done.ended_ns // 10**9 + int(KEEP_SECONDS)
    assert "openai-poll-after-ms" not in flow.response.headers
    assert flow.response.headers["x-autolist-provider"] == "runway"
    (one,) = found["data"]
    assert one["url"].startswith(f"http://gateway.test/media/{done.media}?")


async def test_each_look_gives_an_address_that_works_until_the_file_goes(
    library: Library, studio: Studio, caller, job: Job, clock
) -> None:
    studio.finish(job)
    clock.advance(KEEP_SECONDS - 1)
    (one,) = shown(await ask(library, caller, f"/v1/videos/{job.id}"))["data"]
    name, _, query = one["url"].rpartition("/")[2].partition("?")
    fields = dict(part.split("=") for part in query.split("&"))
    assert studio.store.allows(name, fields["expires"], fields["signature"])
    clock.advance(1)
    assert shown(await ask(library, caller, f"/v1/videos/{job.id}"))["data"] == []


@pytest.mark.parametrize(
    "target",
    ["/v1/videos/video_0", "/v1/videos/req_1", "/v1/videos/video_1/remix",
     "/v1/videos/video_0/content", "/v1/videos?after=video_0", "/v1/videos?after=x"],
)
async def test_what_is_not_there_is_unknown(
    library: Library, caller, target: str
) -> None:
    assert code(await ask(library, caller, target)) == "video_not_found"


async def test_somebody_elses_is_unknown(
    library: Library, studio: Studio, caller, caller_with, job: Job
) -> None:
    other = caller_with(1)
    for method, ending in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        flow = await ask(library, other, f"/v1/videos/{job.id}{ending}", method)
        assert code(flow) == "video_not_found"
    assert shown(await ask(library, other, "/v1/videos"))["data"] == []


async def test_what_was_refused_or_is_no_video_is_left_alone(
    library: Library, caller, job: Job
) -> None:
    flow = await ask(library, caller, "/v1/models")
    assert (flow.response, code(flow)) == (None, None)
    target = f"/v1/videos/{job.id}"
    record = exchanges.exchange(endpoints.find("GET", target), caller=caller.key)
    record.refuse(UnknownKey())
    flow = exchanges.travelling(record, method="GET", target=target)
    await library.request(flow)
    assert flow.response is None


async def test_nobody_is_shown_nothing(library: Library, job: Job) -> None:
    flow = await ask(library, None, f"/v1/videos/{job.id}")
    assert code(flow) == "internal_error"


async def test_a_ledger_that_cannot_be_read_is_said_to_be(
    library: Library, caller, storage
) -> None:
    storage.reader.close()
    assert code(await ask(library, caller, "/v1/videos")) == "ledger_unavailable"


# The list.


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", Page()),
        ("?limit=1", Page(length=1)),
        (f"?limit={LENGTH_MAX}&order=asc", Page("", LENGTH_MAX, "asc")),
        ("?after=video_1&order=desc", Page("video_1")),
        ("?limit=1&limit=2&other=x", Page(length=2)),
    ],
)
def test_a_query_asks_for_a_page(query: str, page: Page) -> None:
    assert page_of("/v1/videos" + query) == page


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.0", "limit"),
        (f"limit={LENGTH_MAX + 1}", "limit"),
        ("limit=%D9%A1", "limit"),
        ("order=ASC", "order"),
    ],
)
def test_a_page_that_is_none_is_named(query: str, param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        page_of("/v1/videos?" + query)
    assert caught.value.param == param


def test_a_query_has_so_many_parameters() -> None:
    with pytest.raises(BadParameter):
        query_of("/?" + "&".join(f"a{index}=b" for index in range(17)))


async def test_a_list_has_pages_in_both_orders(
    library: Library, studio: Studio, caller, clock
) -> None:
    made = []
    for _ in range(3):
        clock.advance(1)
        made.append(studio.order(caller.key, exchanges.video_ask()))
    ids = [one.id for one in made]
    page = shown(await ask(library, caller, "/v1/videos?limit=2"))
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (
        ids[:0:-1],
        True,
    )
    page = shown(await ask(library, caller, f"/v1/videos?limit=2&after={ids[1]}"))
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:1], False)
    page = shown(await ask(library, caller, "/v1/videos?order=asc&limit=3"))
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids, False)
    for one in made:
        studio.fail(one, "upstream_error", "Over.", 502)


# The bytes.


async def test_a_finished_video_is_a_file_to_be_sent(
    library: Library, studio: Studio, caller, job: Job, clock
) -> None:
    target = f"/v1/videos/{job.id}/content"
    assert code(await ask(library, caller, target)) == "video_not_ready"
    studio.finish(job)
    clock.advance(400)
    flow = await ask(library, caller, target)
    file = Exchange.of(flow).file
    assert (flow.response, file.found.size) == (None, len(CLIP))
    assert file.max_age_seconds == 600
    head = await ask(library, caller, target, "HEAD")
    assert head.response.headers["content-length"] == str(len(CLIP))
    flow = await ask(library, caller, target, headers={"range": "bytes=99999-"})
    assert code(flow) == "range_not_satisfiable"


async def test_a_file_that_went_is_said_to_be_gone(
    library: Library, studio: Studio, caller, job: Job
) -> None:
    done = studio.finish(job)
    studio.store.locate(done.media).path.unlink()
    flow = await ask(library, caller, f"/v1/videos/{job.id}/content")
    assert code(flow) == "video_expired"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", None),
        ("?variant=video", None),
        ("?variant=spritesheet", "unsupported_parameter"),
        ("?variant=gif", "invalid_value"),
    ],
)
def test_only_the_video_itself_is_kept(query: str, code: str | None) -> None:
    if code is None:
        check_variant("/" + query)
        return
    with pytest.raises(BadParameter) as caught:
        check_variant("/" + query)
    assert (caught.value.param, caught.value.code) == ("variant", code)


# Deleting.


async def test_a_queued_video_is_cancelled(
    library: Library, studio: Studio, caller, job: Job, storage
) -> None:
    flow = await ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    assert shown(flow) == {"id": job.id, "object": "video.deleted", "deleted": True}
    assert storage.reader.jobs.job(job.id).state is JobState.CANCELLED
    assert storage.reader.balance(job.account_id).pending_nano == 0
    again = await ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    assert code(again) == "video_not_found"


async def test_a_running_video_is_left_running(
    library: Library, studio: Studio, caller, job: Job, storage
) -> None:
    studio.poll(studio.begin(job), 10)
    flow = await ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    assert code(flow) == "video_not_cancellable"
    assert storage.reader.jobs.job(job.id).cancel_ns is None


async def test_one_that_its_provider_still_queues_is_wished_to_stop(
    library: Library, studio: Studio, caller, job: Job, storage
) -> None:
    studio.poll(studio.begin(job), 0, "queued")
    deleting = asyncio.create_task(
        ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    )
    while not (found := storage.reader.jobs.job(job.id)).cancel_ns:
        await asyncio.sleep(0)
    error = jobs.JobError("cancelled", "Stopped.", 499)
    storage.writer.wait(jobs.fail, found, error, None, True)
    flow = await deleting
    assert shown(flow)["deleted"] is True
    assert storage.reader.jobs.job_of(job.id, job.account_id) is None


async def test_one_that_does_not_stop_in_time_is_told_to_be_wished_to(
    library: Library, studio: Studio, caller, job: Job, storage
) -> None:
    studio.poll(studio.begin(job), 0, "queued")
    flow = await ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    assert flow.response is not None and flow.response.status_code == 202
    answer = orjson.loads(flow.response.content)
    assert (answer["deleted"], answer["status"]) == (False, "cancelling")
    assert flow.response.headers["openai-poll-after-ms"] == "5000"
    found = storage.reader.jobs.job_of(job.id, job.account_id)
    assert found.live and found.cancel_ns is not None


async def test_one_that_is_begun_before_it_stops_goes_on(
    library: Library, studio: Studio, caller, job: Job, storage
) -> None:
    studio.poll(studio.begin(job), 0, "queued")
    deleting = asyncio.create_task(
        ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    )
    while not (found := storage.reader.jobs.job(job.id)).cancel_ns:
        await asyncio.sleep(0)
    studio.poll(found, 10, "running")
    assert code(await deleting) == "video_not_cancellable"
    assert storage.reader.jobs.job_of(job.id, job.account_id).live


async def test_a_finished_video_goes_with_its_file(
    library: Library, studio: Studio, caller, job: Job
) -> None:
    done = studio.finish(job)
    studio.store.locate(done.media).path.unlink()
    flow = await ask(library, caller, f"/v1/videos/{job.id}", "DELETE")
    assert shown(flow)["deleted"] is True
    other = studio.finish(studio.order(caller.key, exchanges.video_ask()))
    await ask(library, caller, f"/v1/videos/{other.id}", "DELETE")
    assert studio.store.locate(other.media) is None


# Forgetting.


async def test_what_ended_long_ago_is_forgotten_and_what_it_cost_is_not(
    library: Library, studio: Studio, caller, job: Job, clock, storage
) -> None:
    studio.finish(job)
    clock.advance(RECORD_SECONDS)
    later = studio.order(caller.key, exchanges.video_ask())
    await library.forget()
    assert storage.reader.jobs.job(job.id) is not None
    clock.advance(1)
    await library.forget()
    assert storage.reader.jobs.job(job.id) is None
    assert storage.reader.jobs.job(later.id).live
    assert storage.reader.usage(job.request_id).paid_nano == 150_000_000
    studio.fail(later, "upstream_error", "Over.", 502)


@pytest.mark.parametrize("error", [LedgerUnavailable, ValueError])
async def test_a_ledger_that_cannot_be_written_is_tried_another_time(
    library: Library, caplog, error: type[Exception]
) -> None:
    library.writer = FailingWriter(library.writer, 1, error=error)
    await library.forget()
    assert "could not be forgotten" in caplog.text


async def test_it_looks_by_itself_until_it_is_done(library: Library) -> None:
    library.running()
    await asyncio.sleep(0)
    assert not library.forgetting.done()
    library.done()
    with pytest.raises(asyncio.CancelledError):
        await library.forgetting
