"""Acts: the audit log of what users and operators did.

An act is written in the transaction of what it tells, so that there is no change
without its entry and no entry without its change. It says who did what to whom, from
which address and when. Its details are for people and never hold a key, a code or a
password.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Concatenate

from storage import statements as sql
from storage.database import Ledgerbase
from storage.errors import IllegalMove

WORDS = frozenset(
    {
        "registered",
        "signed_in",
        "sign_in_failed",
        "signed_out",
        "password_changed",
        "sessions_revoked",
        "key_created",
        "key_changed",
        "key_revoked",
        "key_regenerated",
        "key_revealed",
        "user_created",
        "user_disabled",
        "user_enabled",
        "role_changed",
        "granted",
        "adjusted",
        "vouchers_created",
        "problem_resolved",
    }
)
"""All that is logged."""
TARGET_CHARS_MAX = 255
ADDRESS_CHARS_MAX = 64
DETAILS_CHARS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be logged. `actor_id` is None for who is not signed in, such as a
    command's user; `user_id` is whose account it is about."""

    what: str
    actor_id: str | None
    user_id: str | None
    target: str = ""
    address: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def log_act(db: Ledgerbase, act: Act) -> None:
    """Part of other verbs, or a verb of its own where nothing else changes."""
    if act.what not in WORDS:
        raise IllegalMove(f"{act.what!r} is no act")
    details = json.dumps(dict(act.details), ensure_ascii=False)
    if len(details) > DETAILS_CHARS_MAX:
        details = json.dumps({"cut": True})
    db.sql(
        sql.INSERT_ACT,
        (
            db.ids.make("act"),
            db.now_ns,
            act.what,
            act.actor_id,
            act.user_id,
            act.target[:TARGET_CHARS_MAX],
            act.address[:ADDRESS_CHARS_MAX],
            details,
        ),
    )


def acted[**P, R](
    db: Ledgerbase,
    act_of: Callable[[R], Act | None],
    verb: Callable[Concatenate[Ledgerbase, P], R],
    *args: P.args,
    **options: P.kwargs,
) -> R:
    """Carry a verb out, and log what its result says was done, if anything was."""
    result = verb(db, *args, **options)
    act = act_of(result)
    if act is not None:
        log_act(db, act)
    return result
