"""Who is signed in.

The cookie holds a random token and a signature over it. The signature only saves the
database from garbage; what counts is the row, kept under the token's hash, so that a
stolen database opens nobody's session and a session can be ended from our side.
A new token is made at every login, which leaves no use for a token planted before.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from itsdangerous import BadSignature, Signer

from dashboard.origins import origin_of
from storage import Storage
from storage.accounts import UserRecord
from storage.sessions import close_session, open_session, see_session
from storage.database import Ledgerbase

COOKIE = "autolist_session"
TOKEN_BYTES = 32
COOKIE_CHARS_MAX = 256
NANO_PER_SECOND = 10**9
SEEN_NS = 600 * NANO_PER_SECOND


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: UserRecord
    token_hash: bytes
    csrf_token: str
    seen_ns: int = 0


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session about to be opened: what the row and the cookie need."""

    token_hash: bytes
    cookie: str
    expires_ns: int
    address: str
    agent: str


class Sessions:
    def __init__(self, storage: Storage, seconds: float) -> None:
        self.seconds = int(seconds)
        self._storage = storage
        self._signer = Signer(
            storage.secrets.signing("session"), digest_method=hashlib.sha256
        )
        self._csrf_key = storage.secrets.signing("csrf").encode()

    def find(self, cookie: str | None) -> SignedIn | None:
        token_hash = self.read(cookie)
        if token_hash is None:
            return None
        now_ns = self._storage.clock.wall_ns()
        found = self._storage.reader.session_user(token_hash, now_ns)
        if found is None:
            return None
        user, seen_ns = found
        return SignedIn(user, token_hash, self.csrf_token(token_hash), seen_ns)

    def see(self, signed_in: SignedIn) -> None:
        """Note now and then that the user is here."""
        now_ns = self._storage.clock.wall_ns()
        if now_ns - signed_in.seen_ns >= SEEN_NS:
            self._storage.writer.wait(see_session, signed_in.token_hash)

    def read(self, cookie: str | None) -> bytes | None:
        """The hash of the token in a cookie we signed; None for any other."""
        if cookie is None or len(cookie) > COOKIE_CHARS_MAX:
            return None
        try:
            return hash_token(self._signer.unsign(cookie.encode("utf-8")))
        except (BadSignature, UnicodeEncodeError):
            return None

    def prepare(self, address: str, agent: str) -> NewSession:
        token = secrets.token_urlsafe(TOKEN_BYTES).encode("ascii")
        return NewSession(
            token_hash=hash_token(token),
            cookie=self._signer.sign(token).decode("ascii"),
            expires_ns=self._storage.clock.wall_ns() + self.seconds * NANO_PER_SECOND,
            address=address,
            agent=agent,
        )

    def csrf_token(self, token_hash: bytes) -> str:
        return hmac.new(self._csrf_key, token_hash, hashlib.sha256).hexdigest()


def start(db: Ledgerbase, user_id: str, new: NewSession) -> None:
    """Verb: open the row of a prepared session."""
    open_session(
        db, user_id, new.token_hash, new.expires_ns, new.address, new.agent
    )


def replace(
    db: Ledgerbase, user_id: str, old_hash: bytes | None, new: NewSession
) -> None:
    """Verb: the old session ends in the transaction that opens the new one."""
    if old_hash is not None:
        close_session(db, old_hash)
    start(db, user_id, new)


def hash_token(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def needs_tls(scheme: str, host: str, public_url: str | None) -> bool:
    """Whether the visitor came over TLS, perhaps ended by a proxy before us."""
    if scheme == "https":
        return True
    if public_url is None or urlsplit(public_url).scheme != "https":
        return False
    return origin_of(f"https://{host}") == origin_of(public_url)
