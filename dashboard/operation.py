"""What an operator watches: traffic now, candidates, margin, acts and configuration.

All of it is read from the ledger's rows, so it is of all processes of the gateway and
costs the same whoever asks: the newest so many requests, or the sums of days.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from config import Settings
from config.money import dollars
from config.providers import Credential
from dashboard.listing import (
    day_text,
    read_days,
    read_id_cursor,
    read_limit,
    read_name,
)
from dashboard.refusals import BadInput
from dashboard.services import Services
from dashboard.shapes import iso_time
from dashboard.visit import Answer, Visit
from storage.acts import WORDS
from storage.reader import OpenHold
from storage.reports import ActRecord, RecentRequest, UsageSums
from storage.tallies import COMPLETE
from storage.trail import AttemptRecord

NANO_PER_SECOND = 10**9
LIVE_SECONDS = 300
LIVE_MAX = 20_000
RUNNING_MAX = 50
RECENT_REQUESTS = 2_000
RECENT_SECONDS = 7 * 86_400
SPEND_DAYS = 30
ANSWERED = "ok"
LEFT = "cancelled"
# What is shown of the configuration as it stands, besides providers and models.
SECTIONS = (
    "listen",
    "ledger",
    "limits",
    "policies",
    "retries",
    "accounts",
    "payments",
    "media",
    "videos",
)

type Place = tuple[str, str, str]
"""Model, provider and upstream model."""


def live(services: Services, visit: Visit) -> Answer:
    storage = services.storage
    since_ns = storage.clock.wall_ns() - LIVE_SECONDS * NANO_PER_SECOND
    found = services.reports.recent(since_ns, LIVE_MAX)
    holds = storage.reader.open_holds()
    first = [one.first_byte_ms for one in found if one.first_byte_ms is not None]
    return Answer(
        data={
            "seconds": LIVE_SECONDS,
            "requests": len(found),
            "failed": sum(one.outcome != COMPLETE for one in found),
            "per_second": hundredths(100 * len(found) // LIVE_SECONDS),
            "first_byte_ms": percentiles(first),
            "total_ms": percentiles([one.total_ms for one in found]),
            "open_holds": len(holds),
            "held": dollars(sum(one.amount_nano for one in holds)),
            "running": [running_shape(one) for one in holds[-RUNNING_MAX:]],
            "cost": dollars(sum(one.cost_nano for one in found)),
            "ledger": {
                "healthy": storage.writer.statistics().healthy,
                "alarm": storage.alarm.reason(),
            },
            "partial": len(found) == LIVE_MAX,
        }
    )


def candidates(services: Services, visit: Visit) -> Answer:
    """Every configured way to serve a model, and every other that was tried lately."""
    now_ns = services.storage.clock.wall_ns()
    found = services.reports.recent(
        now_ns - RECENT_SECONDS * NANO_PER_SECOND, RECENT_REQUESTS
    )
    tried: dict[Place, list[tuple[AttemptRecord, int]]] = defaultdict(list)
    for one in found:
        for attempt in attempts(one):
            place = one.model, attempt.provider, attempt.model
            tried[place].append((attempt, one.at_ns))
    known = configured(services.settings)
    places = [*known, *sorted(place for place in tried if place not in known)]
    since = min((one.at_ns for one in found), default=None)
    return Answer(
        data={
            "since": None if since is None else iso_time(since),
            "requests": len(found),
            "candidates": [
                candidate_shape(place, known.get(place), tried.get(place, []))
                for place in places
            ],
        }
    )


def spend(services: Services, visit: Visit) -> Answer:
    now_ns = services.storage.clock.wall_ns()
    first, last = read_days(visit.query, now_ns, SPEND_DAYS)
    sums = services.reports.usage(None, first, last, "day_model")
    return Answer(
        data={
            "from": day_text(first),
            "to": day_text(last),
            "days": [
                {"day": day_text(day), **margin(ones)}
                for day, ones in sorted(grouped(sums, "day").items())
            ],
            "models": [
                {"model": model, **margin(ones)}
                for model, ones in sorted(
                    grouped(sums, "model").items(),
                    key=lambda item: -sum(one.cost_nano for one in item[1]),
                )
            ],
            "total": margin(sums),
        }
    )


def acts(services: Services, visit: Visit) -> Answer:
    what = read_name(visit.query, "act")
    if what is not None and what not in WORDS:
        raise BadInput("bad_text", name="act")
    page = services.reports.acts(
        read_name(visit.query, "user_id"),
        what,
        read_id_cursor(visit.query.get("before")),
        read_limit(visit.query.get("limit")),
    )
    shapes = [act_shape(one) for one in page.entries]
    return Answer(data={"acts": shapes, "next": page.next})


def config(services: Services, visit: Visit) -> Answer:
    loaded = services.current.loaded
    return Answer(
        data={
            "config": shown_settings(loaded.settings),
            "loaded_at": iso_time(loaded.at_ns),
            "restart": list(loaded.restart),
            "refusal": loaded.refusal,
        }
    )


def running_shape(hold: OpenHold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "model": hold.model,
        "amount": dollars(hold.amount_nano),
        "since": iso_time(hold.opened_ns),
    }


def attempts(request: RecentRequest) -> Sequence[AttemptRecord]:
    """Those that its trail has, or the one that answered."""
    if request.trail or not request.provider:
        return request.trail
    outcome = ANSWERED if request.outcome == COMPLETE else request.outcome
    return (
        AttemptRecord(
            request.provider,
            request.upstream_model,
            outcome,
            request.status,
            0,
            request.total_ms,
        ),
    )


def configured(settings: Settings) -> dict[Place, bool]:
    """The candidates of every model in their order, and whether they have a
    credential."""
    return {
        (model.id, candidate.provider, candidate.model): settings.providers[
            candidate.provider
        ].ready
        for model in settings.models.values()
        for candidate in sorted(model.candidates, key=lambda one: one.priority)
    }


def candidate_shape(
    place: Place, ready: bool | None, tried: Sequence[tuple[AttemptRecord, int]]
) -> dict[str, Any]:
    model, provider, upstream_model = place
    good = [one for one, _ in tried if answered(one)]
    bad = [(one, at_ns) for one, at_ns in tried if not answered(one) and not left(one)]
    last = max((at_ns for _, at_ns in tried), default=None)
    return {
        "model": model,
        "provider": provider,
        "upstream_model": upstream_model,
        "configured": ready is not None,
        "credential": bool(ready),
        "attempts": len(tried),
        "ok": len(good),
        "failed": len(bad),
        "outcomes": dict(Counter(one.outcome for one, _ in tried)),
        "last_at": None if last is None else iso_time(last),
        "last_error": error_shape(*max(bad, key=lambda one: one[1])) if bad else None,
        "p50_ms": percentiles([one.total_ms for one in good])["p50"],
    }


def answered(attempt: AttemptRecord) -> bool:
    return attempt.outcome in (ANSWERED, COMPLETE)


def left(attempt: AttemptRecord) -> bool:
    """Whether its caller left first, which says nothing about the candidate."""
    return attempt.outcome == LEFT or attempt.outcome.startswith("client_left")


def error_shape(attempt: AttemptRecord, at_ns: int) -> dict[str, Any]:
    return {
        "outcome": attempt.outcome,
        "status": attempt.status or None,
        "at": iso_time(at_ns),
    }


def act_shape(record: ActRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "at": iso_time(record.at_ns),
        "act": record.what,
        "actor": person(record.actor_id, record.actor_email),
        "user": person(record.user_id, record.user_email),
        "target": record.target,
        "address": record.address,
        "details": record.details,
    }


def person(user_id: str | None, email: str | None) -> dict[str, Any] | None:
    return None if user_id is None else {"id": user_id, "email": email}


def margin(sums: Iterable[UsageSums]) -> dict[str, Any]:
    found = list(sums)
    sold = sum(one.cost_nano for one in found)
    paid = sum(one.paid_nano for one in found)
    bought = sum(one.buy_nano for one in found)
    return {
        "requests": sum(one.requests for one in found),
        "failed": sum(one.failed for one in found),
        "sold": dollars(sold),
        "paid": dollars(paid),
        "cost": dollars(bought),
        "margin": dollars(paid - bought),
        "shortfall": dollars(sold - paid),
    }


def grouped(sums: Iterable[UsageSums], name: str) -> dict[Any, list[UsageSums]]:
    groups: dict[Any, list[UsageSums]] = defaultdict(list)
    for one in sums:
        groups[getattr(one, name)].append(one)
    return groups


def percentiles(values: Sequence[int]) -> dict[str, int | None]:
    """The value that half of them, and 99 of a hundred, are not above."""
    if not values:
        return {"p50": None, "p99": None}
    ordered = sorted(values)
    return {
        f"p{percent}": ordered[-(-len(ordered) * percent // 100) - 1]
        for percent in (50, 99)
    }


def hundredths(number: int) -> str:
    return f"{number // 100}.{number % 100:02}"


# The configuration, with no secret in it.


def shown_settings(settings: Settings) -> dict[str, Any]:
    """What the three files say. Credentials are told by name; of the ledger's address
    neither the user nor the password is shown."""
    return {
        "storage": shown_storage(settings.storage),
        **{
            name: shown(getattr(settings, name))
            for name in SECTIONS
        },
        "providers": {
            name: {
                **shown(provider),
                "credentials": {
                    known: any(one.name == known for one in provider.credentials)
                    for known in provider.credential_names
                },
            }
            for name, provider in settings.providers.items()
        },
        "models": {name: shown(model) for name, model in settings.models.items()},
    }


def shown_storage(url: str) -> str:
    if not url:
        return "sqlite"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def shown(value: Any) -> Any:
    """A record as JSON has it, without what is a secret wherever it stands."""
    if isinstance(value, Credential):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        # What is kept out of a record's repr is kept out of here.
        names = [field.name for field in fields(value) if field.repr]
        return {name: shown(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {str(name): shown(one) for name, one in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [shown(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
