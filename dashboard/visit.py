"""One request as the endpoints see it: who, from where, asking what.

Endpoints take a Visit and give an Answer. Neither knows Flask, so that reading a
request and writing a response each happen in one place only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dashboard.fields import Fields
from dashboard.refusals import NotSignedIn
from dashboard.session import SignedIn
from storage.accounts import UserRecord
from storage.acts import Act
from storage.replays import KeptAnswer, ReplayKey


@dataclass(frozen=True, slots=True)
class Visit:
    """`replay` is the name under which what is asked is to happen once."""

    address: str
    agent: str
    language: str
    query: Mapping[str, str]
    fields: Fields
    signed_in: SignedIn | None
    replay: ReplayKey | None = None

    @property
    def signed(self) -> SignedIn:
        if self.signed_in is None:
            raise NotSignedIn()
        return self.signed_in

    @property
    def user(self) -> UserRecord:
        return self.signed.user

    def act(
        self,
        what: str,
        target: str = "",
        details: Mapping[str, object] | None = None,
        on: UserRecord | None = None,
    ) -> Act:
        """What the visitor does, to somebody else if it says so, for the audit log."""
        user = on or self.user
        return Act(what, self.user.id, user.id, target, self.address, details or {})


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file to be saved, sent as it is made."""

    name: str
    media: str
    pieces: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `cookie` None leaves the cookie alone, empty text removes it.

    `kept` is the answer that this request got before: it is sent as it was. A `file`
    is sent instead of data.
    """

    word: str = "done"
    data: Mapping[str, object] | None = None
    cookie: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    kept: KeptAnswer | None = None
    file: FileBody | None = None
