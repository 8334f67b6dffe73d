"""Jobs: what an operator sees of videos, and that nobody's words are in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addons.wire.videos import video_of
from config import Settings
from config.gateway import MediaSettings
from storage import Storage, jobs
from storage.accounts import set_role
from storage.job_states import JobState
from storage.jobs import Job
from storage.keys import KeyRecord
from storage.media import MediaStore
from tests.dashboard.visitor import EMAIL, Visitor
from tests.fakes.clock import FakeClock
from tests.fakes.studio import Studio

PROMPT = "a very private prompt"


@pytest.fixture
def operator(storage: Storage, visitor: Callable[[], Visitor]) -> Visitor:
    boss = visitor()
    boss.register("boss@example.com")
    storage.writer.wait(set_role, boss.id, "operator")
    return boss


@pytest.fixture
def studio(
    storage: Storage, settings: Settings, clock: FakeClock, tmp_path: Path
) -> Studio:
    store = MediaStore(tmp_path / "media", storage.secrets, clock, MediaSettings())
    return Studio(storage, store, settings.prices)


@pytest.fixture
def order(
    studio: Studio, settings: Settings, user: Visitor, clock: FakeClock
) -> Callable[[], Job]:
    """Of two the second is newer."""

    def make() -> Job:
        ask = video_of({"model": "gen-2", "prompt": PROMPT})
        rules = settings.models["gen-2"].videos
        assert rules is not None
        clock.advance(1)
        return studio.order(key_of(studio.storage, user), ask.within(rules))

    return make


def key_of(storage: Storage, user: Visitor) -> KeyRecord:
    found = storage.reader.key_by_hash(storage.secrets.key_hash(user.api_key))
    assert found is not None
    return found


def shown(operator: Visitor, **query: str) -> dict[str, Any]:
    answer = operator.get("admin", "jobs", **query)
    assert answer.status_code == 200, answer.text
    assert PROMPT not in answer.text
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def test_a_job_is_shown_with_its_owner_and_how_far_it_came(
    operator: Visitor,
    user: Visitor,
    studio: Studio,
    order: Callable[[], Job],
    clock: FakeClock,
) -> None:
    job = order()
    clock.advance(90)
    job = studio.poll(studio.begin(job), 40)
    (entry,) = shown(operator)["jobs"]
    assert entry == {
        "id": job.id,
        "request_id": job.request_id,
        "user": {"id": user.id, "email": EMAIL},
        "model": "gen-2",
        "status": "running",
        "provider": "runway",
        "upstream_model": "gen4.5",
        "attempts": 1,
        "looks": 1,
        "faults": 0,
        "progress": 40,
        "age_seconds": 90,
        "created_at": "2026-01-01T00:00:01.000Z",
        "submitted_at": "2026-01-01T00:01:31.000Z",
        "next_look_at": "2026-01-01T01:01:31.000Z",
        "deadline_at": "2026-01-01T01:00:01.000Z",
        "cancel_wished_at": None,
        "ended_at": None,
        "error": None,
    }


def test_one_that_is_being_submitted_is_looked_at_by_nobody(
    operator: Visitor, studio: Studio, order: Callable[[], Job]
) -> None:
    studio.submit(order())
    (entry,) = shown(operator, status="submitting")["jobs"]
    assert (entry["next_look_at"], entry["attempts"]) == (None, 1)


def test_why_one_failed_is_told_by_its_code_alone(
    operator: Visitor, studio: Studio, order: Callable[[], Job]
) -> None:
    studio.fail(order(), "content_policy_violation", f"not: {PROMPT}", 400)
    (entry,) = shown(operator)["jobs"]
    assert entry["error"] == {"code": "content_policy_violation", "status": 400}
    assert (entry["next_look_at"], entry["deadline_at"]) == (None, None)
    assert entry["ended_at"] is not None


def test_a_wish_to_cancel_is_shown(
    operator: Visitor, user: Visitor, studio: Studio, order: Callable[[], Job]
) -> None:
    job = studio.begin(order())
    account_id = key_of(studio.storage, user).account_id
    studio.storage.writer.wait(jobs.delete, job.id, account_id, studio.now_ns)
    assert shown(operator)["jobs"][0]["cancel_wished_at"] is not None


@pytest.mark.parametrize("status", ["", "live", *(state.value for state in JobState)])
def test_jobs_are_selected_by_their_state_and_paged(
    operator: Visitor, studio: Studio, order: Callable[[], Job], status: str
) -> None:
    queued, running = order(), studio.begin(order())
    completed = studio.finish(order())
    found = {
        "": [completed.id, running.id, queued.id],
        "live": [running.id, queued.id],
        "queued": [queued.id],
        "running": [running.id],
        "completed": [completed.id],
    }.get(status, [])
    ids, cursor = [], ""
    while True:
        page = shown(operator, status=status, limit="1", before=cursor)
        ids += [one["id"] for one in page["jobs"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert ids == found


@pytest.mark.parametrize(
    "query", [{"status": "made"}, {"before": "video_1"}, {"limit": "0"}]
)
def test_what_is_no_page_is_refused(
    operator: Visitor, query: dict[str, str]
) -> None:
    assert operator.get("admin", "jobs", **query).status_code == 400
