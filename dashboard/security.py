"""What keeps an account its owner's: password, sessions, and what was done to it."""

from collections.abc import Mapping
from typing import Any

from dashboard.auth import read_new_password
from dashboard.fields import text_field
from dashboard.keys import prove_again
from dashboard.listing import read_id_cursor, read_limit
from dashboard.messages import LANGUAGES
from dashboard.refusals import BadInput, UnknownPlace
from dashboard.services import Services
from dashboard.session import NewSession, replace
from dashboard.shapes import iso_time
from dashboard.visit import Answer, Visit
from storage.accounts import set_language as set_user_language
from storage.accounts import set_password
from storage.acts import acted
from storage.database import Ledgerbase
from storage.reports import ActRecord, SessionRecord
from storage.sessions import close_other_sessions, close_own_session, close_sessions

SESSION_ID_CHARS = 24


def change_password(services: Services, visit: Visit) -> Answer:
    """A new password ends every session, and this one goes on under a new cookie."""
    password = read_new_password(services, visit.fields, "new_password")
    prove_again(services, visit)
    session = services.sessions.prepare(visit.address, visit.agent)
    services.storage.writer.wait(
        acted,
        lambda _: visit.act("password_changed"),
        start_anew,
        visit.user.id,
        services.passwords.hash(password),
        session,
    )
    return Answer("password_changed", cookie=session.cookie)


def start_anew(
    db: Ledgerbase, user_id: str, password_hash: str, session: NewSession
) -> None:
    """Verb: all that was opened with the old password is closed."""
    set_password(db, user_id, password_hash)
    close_sessions(db, user_id)
    replace(db, user_id, None, session)


def sessions(services: Services, visit: Visit) -> Answer:
    found = services.reports.sessions(
        visit.user.id, services.storage.clock.wall_ns()
    )
    own = visit.signed.token_hash
    return Answer(data={"sessions": [session_shape(one, own) for one in found]})


def revoke_session(services: Services, visit: Visit) -> Answer:
    asked = text_field(visit.fields, "id")
    now_ns = services.storage.clock.wall_ns()
    for one in services.reports.sessions(visit.user.id, now_ns):
        if session_id(one.token_hash) == asked:
            services.storage.writer.wait(
                acted,
                lambda closed: visit.act("sessions_revoked", details={"count": 1})
                if closed
                else None,
                close_own_session,
                visit.user.id,
                one.token_hash,
            )
            mine = one.token_hash == visit.signed.token_hash
            return Answer("session_revoked", cookie="" if mine else None)
    raise UnknownPlace("unknown_session")


def revoke_sessions(services: Services, visit: Visit) -> Answer:
    count = services.storage.writer.wait(
        acted,
        lambda count: visit.act("sessions_revoked", details={"count": count}),
        close_other_sessions,
        visit.user.id,
        visit.signed.token_hash,
    )
    return Answer("sessions_revoked", {"revoked": count})


def set_language(services: Services, visit: Visit) -> Answer:
    language = text_field(visit.fields, "language")
    if language not in ("", *LANGUAGES):
        raise BadInput("bad_language")
    services.storage.writer.wait(set_user_language, visit.user.id, language)
    return Answer("saved", {"language": language})


def activity(services: Services, visit: Visit) -> Answer:
    page = services.reports.acts(
        user_id=visit.user.id,
        before=read_id_cursor(visit.query.get("before")),
        limit=read_limit(visit.query.get("limit")),
    )
    shapes = [own_act_shape(one, visit.user.id) for one in page.entries]
    return Answer(data={"acts": shapes, "next": page.next})


def session_shape(record: SessionRecord, own: bytes) -> dict[str, Any]:
    return {
        "id": session_id(record.token_hash),
        "current": record.token_hash == own,
        "address": record.address,
        "agent": record.agent,
        "created_at": iso_time(record.created_ns),
        "seen_at": iso_time(record.seen_ns),
        "expires_at": iso_time(record.expires_ns),
    }


def session_id(token_hash: bytes) -> str:
    """Names a session; whoever knows it knows nothing of its cookie."""
    return token_hash.hex()[:SESSION_ID_CHARS]


def own_act_shape(record: ActRecord, user_id: str) -> Mapping[str, Any]:
    """An act as its user sees it: which operator it was is the house's business."""
    by_operator = "operator" if record.actor_id else "command"
    own = record.actor_id == user_id or record.what in OWN
    return {
        "id": record.id,
        "at": iso_time(record.at_ns),
        "act": record.what,
        "actor": "self" if own else by_operator,
        "target": record.target,
        "address": record.address if own else "",
        "details": record.details if own else {},
    }


OWN = frozenset({"registered", "signed_in", "sign_in_failed"})
"""Acts of somebody who was not signed in yet."""
