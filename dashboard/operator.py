"""What an operator does: users, their money and keys, and vouchers.

Every act says why, and is in the audit log with who did it; an act on money is in the
ledger with the same words. What moves money takes a name (`ref`), so that a repeated
request moves it once.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from config.money import MOVED_NANO_MAX, dollars, parse_nano
from dashboard.fields import Fields, amount_field, id_field, text_field
from dashboard.keys import find_key, key_shapes
from dashboard.listing import NAME_CHARS_MAX, read_limit, read_name
from dashboard.refusals import BadInput, Conflict, UnknownPlace
from dashboard.services import Services
from dashboard.shapes import balance_shape, iso_time, transaction_shape
from dashboard.visit import Answer, Visit
from storage.accounts import EMAIL_LENGTH_MAX, UserRecord, set_account_status
from storage.acts import acted
from storage.caps import days_of
from storage.database import Ledgerbase
from storage.errors import IllegalMove
from storage.keys import revoke_key
from storage.ledger import Adjusted, Created, Decision, Exists, adjust, promo
from storage.reader import transaction_of
from storage.sessions import close_sessions
from storage.statements import DAY_NS
from storage.vouchers import BATCH_MAX, create_vouchers, new_code

REASON_CHARS_MAX = 200
REF_CHARS_MAX = 100
BATCH_CHARS_MAX = 64
STATUSES = ("active", "disabled")
RECENT = 10
USER_ID_CHARS_MAX = 64


def users(services: Services, visit: Visit) -> Answer:
    status = visit.query.get("status") or None
    if status is not None and status not in STATUSES:
        raise BadInput("bad_status", statuses=", ".join(STATUSES))
    page = services.reports.users(
        read_name(visit.query, "search") or "",
        status,
        read_after(visit.query.get("after", "")),
        read_limit(visit.query.get("limit")),
    )
    month = first_of_month(services)
    spent = services.reports.spent_since(
        [one.user.account_id for one in page.entries], month
    )
    shapes = [
        user_entry(
            one.user,
            one.available_nano,
            one.held_nano,
            spent.get(one.user.account_id, 0),
        )
        for one in page.entries
    ]
    return Answer(data={"users": shapes, "next": page.next})


def user(services: Services, visit: Visit) -> Answer:
    found = find_user(services, visit.query.get("id", ""))
    reports, now_ns = services.reports, services.storage.clock.wall_ns()
    rows, _ = reports.transactions(found.account_id, limit=RECENT)
    records = [transaction_of(found.account_id, row) for row in rows]
    limits = services.settings.limits
    return Answer(
        data={
            "user": shape_of(services, found),
            "keys": key_shapes(services, found),
            "limits": {
                "rpm": limits.rpm or None,
                "tpm": limits.tpm or None,
                "concurrency": limits.concurrency or None,
            },
            "sessions": len(reports.sessions(found.id, now_ns)),
            "transactions": [
                transaction_shape(one, visit.language) for one in records
            ],
        }
    )


def vouchers(services: Services, visit: Visit) -> Answer:
    page, next_ = services.reports.batches(
        read_batch_cursor(visit.query.get("before", "")),
        read_limit(visit.query.get("limit")),
    )
    shapes = [
        {
            "batch": one.batch,
            "amount": dollars(one.amount_nano),
            "count": one.count,
            "spent": one.spent,
            "left": one.count - one.spent,
            "created_at": iso_time(one.created_ns),
        }
        for one in page
    ]
    cursor = None if next_ is None else f"{next_[0]}:{next_[1]}"
    return Answer(data={"batches": shapes, "next": cursor})


def disable_user(services: Services, visit: Visit) -> Answer:
    found = find_user(services, text_field(visit.fields, "user_id"))
    if found.id == visit.user.id:
        raise Conflict("oneself")
    return set_status(services, visit, found, "blocked", "user_disabled")


def enable_user(services: Services, visit: Visit) -> Answer:
    found = find_user(services, text_field(visit.fields, "user_id"))
    return set_status(services, visit, found, "open", "user_enabled")


def set_status(
    services: Services, visit: Visit, found: UserRecord, status: str, what: str
) -> Answer:
    reason = read_reason(visit.fields)
    services.storage.writer.wait(
        acted,
        lambda _: visit.act(what, found.email, {"reason": reason}, on=found),
        change_status,
        found,
        status,
    )
    services.storage.directory.changed()
    return Answer("saved", {"user": shape_of(services, find_user(services, found.id))})


def change_status(db: Ledgerbase, found: UserRecord, status: str) -> None:
    """Verb: who is blocked is signed out everywhere."""
    set_account_status(db, found.account_id, status)
    if status == "blocked":
        close_sessions(db, found.id)


def adjust_user(services: Services, visit: Visit) -> Answer:
    found = find_user(services, text_field(visit.fields, "user_id"))
    amount_nano = read_amount(visit.fields, negative=True)
    reason = read_reason(visit.fields)
    ref = read_ref(services, visit.fields, "adjust")
    decision = Decision(ref, reason, visit.user.email)
    details = {"amount": dollars(amount_nano), "reason": reason}
    done = move(
        services,
        visit,
        "adjusted",
        found,
        details,
        partial(
            adjust,
            account_id=found.account_id,
            amount_nano=amount_nano,
            decision=decision,
        ),
    )
    moved, short = amount_nano, 0
    if isinstance(done, Adjusted):
        moved, short = done.amount_nano, done.shortfall_nano
    return Answer(
        "saved",
        {
            "user": shape_of(services, found),
            "transaction_id": done.transfer_id,
            "amount": dollars(moved),
            "shortfall": dollars(short),
            "again": isinstance(done, Exists),
        },
    )


def grant(services: Services, visit: Visit) -> Answer:
    found = find_user(services, text_field(visit.fields, "user_id"))
    amount_nano = read_amount(visit.fields)
    reason = read_reason(visit.fields)
    ref = read_ref(services, visit.fields, "grant")
    details = {"amount": dollars(amount_nano), "reason": reason}
    done = move(
        services,
        visit,
        "granted",
        found,
        details,
        partial(
            promo,
            account_id=found.account_id,
            amount_nano=amount_nano,
            ref=f"grant:{ref}",
        ),
    )
    return Answer(
        "saved",
        {
            "user": shape_of(services, found),
            "transaction_id": done.transfer_id,
            "amount": dollars(amount_nano),
            "again": isinstance(done, Exists),
        },
    )


def move(
    services: Services,
    visit: Visit,
    what: str,
    found: UserRecord,
    details: Mapping[str, object],
    verb: Any,
) -> Adjusted | Created | Exists:
    """Move money once; Conflict if the name moved something else before."""
    try:
        done: Adjusted | Created | Exists = services.storage.writer.wait(
            acted,
            lambda done: None
            if isinstance(done, Exists)
            else visit.act(what, found.email, details, on=found),
            verb,
        )
    except IllegalMove:
        raise Conflict("ref_used") from None
    return done


def revoke_user_key(services: Services, visit: Visit) -> Answer:
    found = find_user(services, text_field(visit.fields, "user_id"))
    key = find_key(services, found, id_field(visit.fields, "key_id"))
    reason = read_reason(visit.fields)
    services.storage.writer.wait(
        acted,
        lambda done: visit.act("key_revoked", key.mask, {"reason": reason}, on=found)
        if done
        else None,
        revoke_key,
        key.id,
    )
    services.storage.directory.changed()
    return Answer("key_revoked")


def create_batch(services: Services, visit: Visit) -> Answer:
    amount_nano = read_amount(visit.fields)
    count = id_field(visit.fields, "count")
    if count > BATCH_MAX:
        raise BadInput("bad_count", maximum=BATCH_MAX)
    batch = text_field(visit.fields, "batch").strip()
    if len(batch) > BATCH_CHARS_MAX or not batch.isprintable():
        raise BadInput("bad_text", name="batch")
    batch = batch or services.storage.ids.make("batch")
    codes = [new_code() for _ in range(count)]
    details = {"amount": dollars(amount_nano), "count": count}
    services.storage.writer.wait(
        acted,
        lambda _: visit.act("vouchers_created", batch, details),
        create_vouchers,
        codes,
        amount_nano,
        batch,
    )
    return Answer(
        "saved", {"batch": batch, "amount": dollars(amount_nano), "codes": codes}
    )


# What is sent.


def find_user(services: Services, user_id: str) -> UserRecord:
    found = None
    if 0 < len(user_id) <= USER_ID_CHARS_MAX and user_id.isascii():
        found = services.storage.reader.user(user_id)
    if found is None:
        raise UnknownPlace("unknown_user")
    return found


def read_reason(fields: Fields) -> str:
    reason = text_field(fields, "reason").strip()
    if not 0 < len(reason) <= REASON_CHARS_MAX or not reason.isprintable():
        raise BadInput("bad_reason", maximum=REASON_CHARS_MAX)
    return reason


def read_ref(services: Services, fields: Fields, prefix: str) -> str:
    """The name of an act on money, or a new one."""
    ref = text_field(fields, "ref").strip()
    if len(ref) > REF_CHARS_MAX or not ref.isprintable():
        raise BadInput("bad_text", name="ref")
    return ref or services.storage.ids.make(prefix)


def read_amount(fields: Fields, *, negative: bool = False) -> int:
    try:
        nano = parse_nano(amount_field(fields, "amount"))
    except ValueError:
        nano = 0
    least = -MOVED_NANO_MAX if negative else 1
    if nano == 0 or not least <= nano <= MOVED_NANO_MAX:
        raise BadInput("bad_money", maximum=dollars(MOVED_NANO_MAX))
    return nano


def read_after(text: str) -> str:
    if len(text) > EMAIL_LENGTH_MAX or not text.isprintable():
        raise BadInput("bad_cursor")
    return text


def read_batch_cursor(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    digits, _, batch = text.partition(":")
    good = digits.isascii() and digits.isdigit() and len(digits) <= 19
    if not good or int(digits) >= 2**63 or len(batch) > NAME_CHARS_MAX:
        raise BadInput("bad_cursor")
    if not batch.isprintable():
        raise BadInput("bad_cursor")
    return int(digits), batch


# What is shown.


def shape_of(services: Services, found: UserRecord) -> dict[str, Any]:
    balance = services.storage.reader.balance(found.account_id)
    spent = services.reports.spent_since(
        [found.account_id], first_of_month(services)
    )
    return user_entry(
        found,
        balance.available_nano,
        balance.pending_nano,
        spent.get(found.account_id, 0),
    )


def user_entry(
    found: UserRecord, available_nano: int, held_nano: int, spent_nano: int
) -> dict[str, Any]:
    return {
        "id": found.id,
        "email": found.email,
        "role": found.role,
        "status": found.status,
        "created_at": iso_time(found.created_ns),
        **balance_shape(available_nano),
        "held": dollars(held_nano),
        "spent_month": dollars(spent_nano),
    }


def first_of_month(services: Services) -> int:
    return days_of(services.storage.clock.wall_ns() // DAY_NS)[1]
