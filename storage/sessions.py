"""Sessions: who is signed in on the web.

A row for each, so that signing out and changing the password end them at once. Only a
hash of the cookie's token is stored: the table alone lets nobody in.
"""

from storage import statements as sql
from storage.database import Ledgerbase

_AGENT_LENGTH_MAX = 200


def open_session(
    db: Ledgerbase,
    user_id: str,
    token_hash: bytes,
    expires_ns: int,
    address: str,
    agent: str,
) -> None:
    """Begins a session, and forgets the user's expired ones."""
    db.sql(sql.DELETE_EXPIRED_SESSIONS, (user_id, db.now_ns))
    agent = agent[:_AGENT_LENGTH_MAX]
    db.sql(
        sql.INSERT_SESSION,
        (token_hash, user_id, db.now_ns, expires_ns, address, agent),
    )


def close_session(db: Ledgerbase, token_hash: bytes) -> None:
    db.sql(sql.DELETE_SESSION, (token_hash,))


def close_own_session(db: Ledgerbase, user_id: str, token_hash: bytes) -> bool:
    """Whether the user had this session."""
    return bool(db.sql(sql.DELETE_USERS_SESSION, (user_id, token_hash)))


def close_other_sessions(db: Ledgerbase, user_id: str, token_hash: bytes) -> int:
    """All but this one; how many."""
    return len(db.sql(sql.DELETE_OTHER_SESSIONS, (user_id, token_hash)))


def see_session(db: Ledgerbase, token_hash: bytes) -> None:
    """Its user was here just now."""
    db.sql(sql.SEE_SESSION, (token_hash, db.now_ns))


def close_sessions(db: Ledgerbase, user_id: str) -> None:
    """Everywhere: after a new password, or when an operator says so."""
    db.sql(sql.DELETE_SESSIONS, (user_id,))
