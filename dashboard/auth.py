"""Coming in and going out: register, login, logout, me.

An unknown e-mail and a wrong password get the same answer after the same work.
Registration is one transaction: user, key, welcome money and first session exist
together or not at all, so an answer that got lost can only be repeated as a login.
"""

from dashboard.fields import Fields, text_field
from dashboard.refusals import (
    AccountDisabled,
    BadInput,
    Conflict,
    WrongCredentials,
)
from dashboard.services import Services
from dashboard.session import NewSession, replace, start
from dashboard.shapes import user_shape
from dashboard.throttle import neighbourhood
from dashboard.visit import Answer, Visit
from storage.accounts import (
    EmailTaken,
    NewUser,
    Registered,
    UserRecord,
    normalise_email,
)
from storage.accounts import register as register_user
from storage.acts import Act, acted
from storage.keys import NewKey, mint
from storage.sessions import close_session
from storage.database import Ledgerbase


def register(services: Services, visit: Visit) -> Answer:
    email = read_email(text_field(visit.fields, "email"))
    password = read_new_password(services, visit.fields)
    services.registrations.take(neighbourhood(visit.address))
    storage = services.storage
    key = mint(storage.secrets)
    user = NewUser(
        user_id=storage.ids.uuid(),
        email=email,
        password_hash=services.passwords.hash(password),
    )
    session = services.sessions.prepare(visit.address, visit.agent)
    welcome_nano = services.settings.accounts.welcome_nano
    joined = storage.writer.wait(
        acted,
        lambda joined: Act(
            "registered", user.user_id, user.user_id, address=visit.address
        )
        if isinstance(joined, Registered)
        else None,
        join,
        user,
        key,
        welcome_nano,
        session,
    )
    if isinstance(joined, EmailTaken):
        raise Conflict("email_taken")
    shape = user_shape(joined.user, welcome_nano, key.plain)
    return Answer("registered", {"user": shape}, cookie=session.cookie)


def join(
    db: Ledgerbase, user: NewUser, key: NewKey, welcome_nano: int, session: NewSession
) -> Registered | EmailTaken:
    """Verb: a new user, signed in."""
    registered = register_user(db, user, key, welcome_nano)
    if isinstance(registered, Registered):
        start(db, registered.user.id, session)
    return registered


def login(services: Services, visit: Visit) -> Answer:
    email = text_field(visit.fields, "email")
    password = text_field(visit.fields, "password", single_line=False)
    if not email or not password:
        raise BadInput("missing_credentials")
    user = prove(services, visit, email, password)
    if user.status != "active":
        raise AccountDisabled()
    session = services.sessions.prepare(visit.address, visit.agent)
    old_hash = visit.signed_in.token_hash if visit.signed_in else None
    services.storage.writer.wait(
        acted,
        lambda _: Act("signed_in", user.id, user.id, address=visit.address),
        replace,
        user.id,
        old_hash,
        session,
    )
    return Answer(
        "signed_in", {"user": show_user(services, user)}, cookie=session.cookie
    )


def prove(services: Services, visit: Visit, email: str, password: str) -> UserRecord:
    """The user this e-mail and password belong to; WrongCredentials otherwise."""
    try:
        account = normalise_email(email)
    except ValueError:
        # Nobody can have it; the work and the count are those of any wrong guess.
        account = ""
    services.logins.take(visit.address, account)
    user = services.storage.reader.user_by_email(account) if account else None
    known = user.password_hash if user else None
    if not services.passwords.matches(password, known) or user is None:
        # For nobody's address too, so that the time it takes says nothing; but what
        # was typed there is not kept: it may be a password.
        subject = user.id if user else None
        services.log(Act("sign_in_failed", None, subject, address=visit.address))
        raise WrongCredentials()
    services.logins.give_back(visit.address, account)
    return user


def logout(services: Services, visit: Visit) -> Answer:
    if visit.signed_in is not None:
        services.storage.writer.wait(
            acted,
            lambda _: visit.act("signed_out"),
            close_session,
            visit.signed_in.token_hash,
        )
    return Answer("signed_out", cookie="")


def me(services: Services, visit: Visit) -> Answer:
    user = show_user(services, visit.user)
    return Answer(
        data={
            "user": user,
            "csrf_token": visit.signed.csrf_token,
            "role": visit.user.role,
            "language": visit.user.language,
        }
    )


def show_user(services: Services, user: UserRecord) -> dict[str, object]:
    """A user with the balance of now and the key masked."""
    reader = services.storage.reader
    balance = reader.balance(user.account_id)
    default = reader.default_key(user.account_id)
    mask = default[0].mask if default else None
    return user_shape(user, balance.available_nano, mask)


def read_email(text: str) -> str:
    try:
        return normalise_email(text)
    except ValueError:
        raise BadInput("bad_email") from None


def read_new_password(
    services: Services, fields: Fields, name: str = "password"
) -> str:
    accounts = services.settings.accounts
    password = text_field(fields, name, single_line=False)
    if len(password) < accounts.password_min:
        raise BadInput("short_password", minimum=accounts.password_min)
    if len(password.encode("utf-8")) > accounts.password_bytes_max:
        raise BadInput("long_password", maximum=accounts.password_bytes_max)
    return password
