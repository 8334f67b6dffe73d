"""The account's API keys: make, limit, replace, revoke and show them.

A new key is in the answer that makes it. After that only the default one is shown, and
only to somebody who gives the password again, so that a browser left open gives nothing
away. Every change is in the audit log, by the key's mask.
"""

from collections.abc import Mapping
from typing import Any

from config.money import dollars, parse_nano
from dashboard.auth import prove
from dashboard.fields import Fields, amount_field, id_field, text_field, texts_field
from dashboard.listing import day_text, moment_ns
from dashboard.refusals import (
    BadInput,
    Conflict,
    UnknownPlace,
    WrongCredentials,
    WrongPassword,
)
from dashboard.services import Services
from dashboard.shapes import iso_time
from dashboard.visit import Answer, Visit
from storage.accounts import UserRecord
from storage.acts import acted
from storage.keys import (
    KEYS_MAX,
    LABEL_LENGTH_MAX,
    MODELS_MAX,
    NETWORKS_MAX,
    KeyRecord,
    Network,
    Terms,
    TooManyKeys,
    change_key,
    create_key,
    mint,
    networks_of,
    revoke_own_key,
)
from storage.keys import regenerate_key as replace_key
from storage.reports import Traffic
from storage.standing import Spending
from storage.statements import DAY_NS

RATE_MAX = 2**31 - 1
SHOWN_MAX = 200
TRAFFIC_DAYS = 31
RATES = ("rpm", "tpm", "concurrency")
CAPS = {"limit": "total_nano", "limit_day": "day_nano", "limit_month": "month_nano"}


def keys(services: Services, visit: Visit) -> Answer:
    shapes = key_shapes(services, visit.user)
    return Answer(data={"keys": shapes, "keys_max": KEYS_MAX})


def create(services: Services, visit: Visit) -> Answer:
    changes = read_changes(services, visit.fields)
    label = str(changes.pop("label", ""))
    storage = services.storage
    key = mint(storage.secrets)
    made = storage.writer.wait(
        acted,
        lambda made: visit.act("key_created", key.mask, {"label": label})
        if isinstance(made, KeyRecord)
        else None,
        create_key,
        visit.user.account_id,
        key,
        label,
        Terms(**changes),
    )
    if isinstance(made, TooManyKeys):
        raise Conflict("too_many_keys", maximum=made.keys_max)
    shape = shape_of(services, visit.user, made.id)
    return Answer("key_created", {"key": shape, "api_key": key.plain})


def update(services: Services, visit: Visit) -> Answer:
    key_id = id_field(visit.fields, "id")
    changes = read_changes(services, visit.fields)
    changed = services.storage.writer.wait(
        acted,
        lambda record: record
        and visit.act("key_changed", record.mask, {"changed": sorted(changes)}),
        change_key,
        visit.user.account_id,
        key_id,
        changes,
    )
    if changed is None:
        raise UnknownPlace("unknown_key")
    services.storage.directory.changed()
    shape = shape_of(services, visit.user, key_id)
    return Answer("key_changed", {"key": shape})


def revoke(services: Services, visit: Visit) -> Answer:
    key_id = id_field(visit.fields, "id")
    before = find_key(services, visit.user, key_id)
    if before.is_default:
        raise Conflict("default_key")
    revoked = services.storage.writer.wait(
        acted,
        lambda done: visit.act("key_revoked", before.mask) if done else None,
        revoke_own_key,
        visit.user.account_id,
        key_id,
    )
    if not revoked:
        raise UnknownPlace("unknown_key")
    services.storage.directory.changed()
    return Answer("key_revoked", {"key": shape_of(services, visit.user, key_id)})


def regenerate_key(services: Services, visit: Visit) -> Answer:
    storage = services.storage
    key = mint(storage.secrets)
    storage.writer.wait(
        acted,
        lambda _: visit.act("key_regenerated", key.mask),
        replace_key,
        visit.user.account_id,
        key,
    )
    storage.directory.changed()
    return Answer("key_regenerated", {"api_key": key.plain, "masked": key.mask})


def reveal_key(services: Services, visit: Visit) -> Answer:
    prove_again(services, visit)
    default = services.storage.reader.default_key(visit.user.account_id)
    if default is None:
        raise Conflict("no_key")
    record, sealed = default
    plain = services.storage.secrets.open(sealed)
    services.log(visit.act("key_revealed", record.mask))
    return Answer(data={"api_key": plain, "masked": record.mask})


def prove_again(services: Services, visit: Visit) -> None:
    """The password of whoever is signed in, given once more."""
    password = text_field(visit.fields, "password", single_line=False)
    if not password:
        raise BadInput("missing_password")
    try:
        prove(services, visit, visit.user.email, password)
    except WrongCredentials:
        # Not 401: the session is good, only this proof failed.
        raise WrongPassword() from None


def find_key(services: Services, user: UserRecord, key_id: int) -> KeyRecord:
    """A key of the user's that is not revoked; UnknownPlace for any other."""
    for key in services.storage.reader.keys(user.account_id):
        if key.id == key_id and key.status != "revoked":
            return key
    raise UnknownPlace("unknown_key")


# What is sent.


def read_changes(services: Services, fields: Fields) -> dict[str, Any]:
    """The label and the limits that are named, by the names of storage.keys.Terms."""
    changes: dict[str, Any] = {}
    if "label" in fields:
        changes["label"] = read_label(fields)
    for name in RATES:
        if name in fields:
            changes[name] = read_rate(fields, name)
    for name, term in CAPS.items():
        if name in fields:
            changes[term] = read_cap(fields, name)
    if "expires_at" in fields:
        changes["expires_ns"] = read_expiry(fields, services.storage.clock.wall_ns())
    if "models" in fields:
        changes["models"] = read_models(fields, services.settings.models)
    if "cidrs" in fields:
        changes["networks"] = read_networks(fields)
    return changes


def read_label(fields: Fields) -> str:
    label = text_field(fields, "label").strip()
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise BadInput("bad_label", maximum=LABEL_LENGTH_MAX)
    return label


def read_rate(fields: Fields, name: str) -> int | None:
    """A whole number; None and nothing at all are the gateway's own limit."""
    value = fields[name]
    if value is None or value == "":
        return None
    rate = id_field(fields, name, least=0)
    if rate > RATE_MAX:
        raise BadInput("bad_number", name=name)
    return rate


def read_cap(fields: Fields, name: str) -> int | None:
    if fields[name] is None or fields[name] == "":
        return None
    try:
        nano = parse_nano(amount_field(fields, name))
    except ValueError:
        nano = -1
    if nano < 0:
        raise BadInput("bad_cap", name=name)
    return nano


def read_expiry(fields: Fields, now_ns: int) -> int | None:
    text = text_field(fields, "expires_at").strip()
    if not text:
        return None
    at_ns = moment_ns(text)
    if at_ns is None or at_ns <= now_ns:
        raise BadInput("bad_expiry")
    return at_ns


def read_models(fields: Fields, known: Mapping[str, object]) -> list[str] | None:
    models = texts_field(fields, "models", MODELS_MAX)
    for model in models or ():
        if model not in known:
            raise BadInput("bad_model")
    return models


def read_networks(fields: Fields) -> tuple[Network, ...] | None:
    texts = texts_field(fields, "cidrs", NETWORKS_MAX)
    if texts is None:
        return None
    try:
        return networks_of(texts)
    except ValueError:
        raise BadInput("bad_network", maximum=NETWORKS_MAX) from None


# What is shown.


def shape_of(services: Services, user: UserRecord, key_id: int) -> dict[str, Any]:
    (shape,) = (one for one in key_shapes(services, user) if one["id"] == key_id)
    return shape


def key_shapes(services: Services, user: UserRecord) -> list[dict[str, Any]]:
    """The newest first, revoked ones after all others."""
    reader, now_ns = services.storage.reader, services.storage.clock.wall_ns()
    today = now_ns // DAY_NS
    records = sorted(
        reader.keys(user.account_id), key=lambda key: key.status == "revoked"
    )[:SHOWN_MAX]
    spending = {one.key_id: one for one in reader.spending(user.account_id, now_ns)}
    traffic = {
        one.key_id: one
        for one in services.reports.traffic(
            user.account_id, today - TRAFFIC_DAYS + 1, today - 1
        )
    }
    # A key that was made between the looks is in the next list.
    return [
        key_shape(key, spending[key.id], traffic.get(key.id), now_ns)
        for key in records
        if key.id in spending
    ]


def key_shape(
    key: KeyRecord, spending: Spending, traffic: Traffic | None, now_ns: int
) -> dict[str, Any]:
    expired = key.status == "active" and key.expired(now_ns)
    return {
        "id": key.id,
        "mask": key.mask,
        "label": key.label,
        "status": "expired" if expired else key.status,
        "default": key.is_default,
        "created_at": iso_time(key.created_ns),
        "revoked_at": time_or_none(key.revoked_ns),
        "expires_at": time_or_none(key.expires_ns),
        "used_on": day_text(traffic.day) if traffic else None,
        "models": None if key.models is None else sorted(key.models),
        "cidrs": None if key.networks is None else [str(one) for one in key.networks],
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
        "limit": dollars_or_none(spending.total.limit_nano),
        "limit_month": dollars_or_none(spending.month.limit_nano),
        "limit_day": dollars_or_none(spending.day.limit_nano),
        "spent": dollars(spending.total.spent_nano),
        "spent_month": dollars(spending.month.spent_nano),
        "spent_day": dollars(spending.day.spent_nano),
        "held": dollars(spending.held_nano),
        "requests_day": traffic.requests if traffic else 0,
    }


def time_or_none(at_ns: int | None) -> str | None:
    return None if at_ns is None else iso_time(at_ns)


def dollars_or_none(nano: int | None) -> str | None:
    return None if nano is None else dollars(nano)
