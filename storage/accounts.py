"""Accounts: who holds money here, and the verbs that change that.

A user is a row to sign in with and an account to hold money; its status lives on the
account alone, where every admission checks it.
"""

import re
import unicodedata
from dataclasses import dataclass

from storage import statements as sql
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.keys import NewKey, add_key
from storage.ledger import promo

EMAIL_LENGTH_MAX = 254
ROLES = ("user", "operator")
LANGUAGES = ("", "zh", "en")
_LOCAL_LENGTH_MAX = 64
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"]+")
_DOMAIN = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))+")


@dataclass(frozen=True, slots=True)
class NewUser:
    user_id: str
    email: str
    password_hash: str
    role: str = "user"

    def __repr__(self) -> str:
        return f"NewUser({self.user_id}, {self.email}, {self.role})"


@dataclass(frozen=True, slots=True)
class UserRecord:
    """Status is "active" or "disabled", as the web shows it."""

    id: str
    email: str
    account_id: int
    role: str
    password_hash: str
    status: str
    created_ns: int
    language: str = ""

    def __repr__(self) -> str:
        return f"UserRecord({self.id}, {self.email}, {self.status})"


@dataclass(frozen=True, slots=True)
class Registered:
    user: UserRecord


@dataclass(frozen=True, slots=True)
class EmailTaken:
    email: str


def register(
    db: Ledgerbase, user: NewUser, key: NewKey, welcome_nano: int
) -> Registered | EmailTaken:
    """A user, an account, a default key and the welcome money, all or nothing."""
    email = normalise_email(user.email)
    found = db.sql(sql.FIND_USER_BY_EMAIL, (email,))
    if found:
        record = user_record(found[0])
        return Registered(record) if record.id == user.user_id else EmailTaken(email)
    owner = f"user:{user.user_id}"
    ((account_id,),) = db.sql(sql.INSERT_ACCOUNT, (owner, db.now_ns))
    db.sql(
        sql.INSERT_USER,
        (user.user_id, email, user.password_hash, user.role, account_id, db.now_ns),
    )
    add_key(db, account_id, key, "", True)
    if welcome_nano:
        promo(db, account_id, welcome_nano, f"welcome:{user.user_id}")
    return Registered(user_record(db.sql(sql.FIND_USER, (user.user_id,))[0]))


def set_account_status(db: Ledgerbase, account_id: int, status: str) -> None:
    """"open" or "blocked"; requests that run go on, new ones are refused."""
    if not db.sql(sql.SET_ACCOUNT_STATUS, (account_id, status)):
        raise IllegalMove(f"account {account_id} is no user's")
    db.keys_changed()


def set_password(db: Ledgerbase, user_id: str, password_hash: str) -> None:
    if not db.sql(sql.SET_PASSWORD, (user_id, password_hash)):
        raise IllegalMove(f"there is no user {user_id}")


def set_language(db: Ledgerbase, user_id: str, language: str) -> None:
    """One of LANGUAGES; empty is whatever the browser asks for."""
    if not db.sql(sql.SET_LANGUAGE, (user_id, language)):
        raise IllegalMove(f"there is no user {user_id}")


def set_role(db: Ledgerbase, user_id: str, role: str) -> None:
    """One of ROLES."""
    if not db.sql(sql.SET_ROLE, (user_id, role)):
        raise IllegalMove(f"there is no user {user_id}")


def user_record(row: Row) -> UserRecord:
    user_id, email, account_id, role, password_hash, account_status, *others = row
    status = "active" if account_status == "open" else "disabled"
    return UserRecord(
        user_id, email, account_id, role, password_hash, status, *others
    )


def normalise_email(text: str) -> str:
    """One spelling for each address, so that it can be unique; ValueError if none.

    Not a proof that mail arrives: only that this is an address and not a sentence.
    """
    email = unicodedata.normalize("NFC", text.strip()).lower()
    local, _, domain = email.rpartition("@")
    if (
        len(email) > EMAIL_LENGTH_MAX
        or len(local) > _LOCAL_LENGTH_MAX
        or not email.isprintable()
        or not _LOCAL.fullmatch(local)
        or not _DOMAIN.fullmatch(domain)
    ):
        raise ValueError("this is not an e-mail address")
    return email
