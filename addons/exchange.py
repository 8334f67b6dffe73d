"""Exchange: the one typed record that travels with a flow.

Each addon reads what the ones before it found out and adds its own part: caller,
ask, quote, route, answer or file, charge. The record is the only key we put into
`flow.metadata`, so what an addon needs and gives is visible in one place.

Nothing here is a permission by default. A request may go upstream only when
`admitted` is true, and that takes a granted hold and a route: a bug that skips an
addon leaves the record incomplete and the request unserved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from addons.endpoints import Endpoint
from addons.files import FileAnswer
from addons.paging import PageAnswer
from addons.providers.base import Answer, Dialect
from addons.traces import Trace
from addons.wire.chat_stream import ChatStream
from addons.wire.errors import ApiError, InternalError
from addons.wire.images import ImageAnswer, ImageAsk
from addons.wire.openai import ChatAsk
from addons.wire.videos import VideoAsk
from config import Price
from config.prices import PLAIN, Situation, worst_quantities
from config.settings import Candidate, Clocks, Credential, Model, Provider
from storage.jobs import NewJob
from storage.keys import KeyRecord
from storage.ledger import RateState, UsageRecord
from storage.replays import KeptAnswer, Replayed, ReplayKey

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from addons.plan import Plan
    from addons.upstream.call import Call
    from addons.upstream.tape import Tape

KEY = "exchange"


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may use; 0 is no limit."""

    rpm: int
    tpm: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The worst case of an ask: what is held before anything is sent.

    `output_tokens` is the limit for one choice as it is sent upstream; `lowered`
    says that it is below what the caller asked for, because of the balance or a cap.
    `situation` is what the rates depend on besides, the same for hold and charge.
    """

    price: Price
    input_tokens: int
    output_tokens: int
    choices: int
    amount_nano: int
    lowered: bool = False
    situation: Situation = PLAIN

    @property
    def quantities(self) -> dict[str, int]:
        """The tokens it was made for, under the meters that cost most."""
        return worst_quantities(
            self.price, self.situation, self.input_tokens, self.output_tokens_all
        )

    @property
    def output_tokens_all(self) -> int:
        """The output limit over all choices."""
        return self.output_tokens * self.choices

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens_all

    @property
    def lowered_to(self) -> int | None:
        """The output limit, if it is not the caller's own."""
        return self.output_tokens if self.lowered else None


@dataclass(frozen=True, slots=True)
class PieceQuote:
    """What pieces cost that were asked for by number: known before, and never lowered.

    They are no tokens, so they use up none of a key's tokens a minute.
    """

    price: Price
    quantities: Mapping[str, int]
    amount_nano: int
    situation: Situation

    tokens: ClassVar[int] = 0
    lowered_to: ClassVar[int | None] = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to serve an ask: a candidate with all it needs to be tried."""

    candidate: Candidate
    provider: Provider
    credential: Credential | None
    dialect: Dialect
    clocks: Clocks

    @property
    def name(self) -> tuple[str, str, str]:
        """What a refusal is about: an account with a provider, and a model there."""
        credential = self.credential.name if self.credential is not None else ""
        return self.provider.name, credential, self.candidate.model


@dataclass(slots=True, eq=False)
class Attempt:
    """One leg while it is tried. Times are monotonic nanoseconds.

    Whoever breaks it off need not say so: until it ends in another way it was
    cancelled. `status` is the provider's, 0 before there is one. `begun` says that the
    provider may have made what it bills: then no other leg may follow.
    """

    leg: Leg
    started_ns: int
    ended_ns: int | None = None
    outcome: str = "cancelled"
    status: int = 0
    upstream_id: str = ""
    begun: bool = False

    def end(self, now_ns: int, outcome: str) -> None:
        """The first end stands."""
        if self.ended_ns is None:
            self.ended_ns, self.outcome = now_ns, outcome


@dataclass(frozen=True, slots=True)
class Charge:
    """What an exchange costs and why: the input of settle, or a void at cost 0.

    `buy` is what it costs us.
    """

    cost_nano: int
    cost_pico: int
    quantities: Mapping[str, int]
    outcome: str
    record: UsageRecord
    buy_nano: int = 0
    buy_pico: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A job that is to be made with the hold for it, priced by that moment. `answer` is
    what its request gets at once; None where it waits for the job."""

    job: NewJob
    moment_ns: int
    answer: KeptAnswer | None


@dataclass(frozen=True, slots=True)
class Told:
    """An answer about a job, with the headers that are its own."""

    answer: KeptAnswer
    fields: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Exchange:
    """A request's life, stage by stage. Times are monotonic nanoseconds.

    `plan` is the configuration that it began under, and ends under. `trace` is what
    the caller's own traces and its provider's are joined by.
    `address` is the client's and `secure` whether it came over TLS, both as trusted
    proxies tell them. `page` is the answer of the web side that is sent in pieces.
    `held` is true while money is reserved and not yet settled or voided. A job owns the
    hold that is made with it, so that of an `ordered` one is none of the exchange.
    `committed` means that a leg's answer was chosen and no other may follow;
    `began` that the client has the head of a streamed answer. `replay` is the name
    under which the request runs once, `replayed` that it ran before. There is a `tape`
    where somebody looks at the traffic.
    """

    id: str
    endpoint: Endpoint
    started_ns: int
    address: str = ""
    secure: bool = False
    plan: "Plan | None" = None
    trace: Trace | None = None
    caller: KeyRecord | None = None
    limits: KeyLimits | None = None
    ask: ChatAsk | ImageAsk | VideoAsk | None = None
    model: Model | None = None
    replay: ReplayKey | None = None
    replayed: Replayed | None = None
    order: Order | None = None
    ordered: bool = False
    told: Told | None = None
    quote: Quote | PieceQuote | None = None
    rate: RateState | None = None
    route: tuple[Leg, ...] = ()
    call: "Call | None" = None
    tape: "Tape | None" = None
    attempts: int = 0
    trail: list[Attempt] = field(default_factory=list)
    leg: Leg | None = None
    contacted_ns: int | None = None
    first_byte_ns: int | None = None
    upstream_ns: int = 0
    upstream_since_ns: int | None = None
    answer: Answer | ImageAnswer | None = None
    stream: ChatStream | None = None
    file: FileAnswer | None = None
    page: PageAnswer | None = None
    held: bool = False
    committed: bool = False
    began: bool = False
    dropped: tuple[str, ...] = ()
    refusal: ApiError | None = None
    broken: ApiError | None = None
    charge: Charge | None = None
    paid_nano: int | None = None
    available_nano: int | None = None
    tail: bytes = b""

    @classmethod
    def of(cls, flow: "HTTPFlow") -> "Exchange":
        """The record of a flow; KeyError before admission made one."""
        found: Exchange = flow.metadata[KEY]
        return found

    @classmethod
    def find(cls, flow: "HTTPFlow") -> "Exchange | None":
        return flow.metadata.get(KEY)

    def travel_with(self, flow: "HTTPFlow") -> None:
        metadata: dict[str, Any] = flow.metadata
        metadata[KEY] = self

    def refuse(self, error: ApiError) -> None:
        """Say no; the first reason stands.

        Where a provider may have begun what it bills, the caller's program must not
        try again by itself, whatever went wrong: we would pay for the same twice.
        """
        if self.refusal is not None:
            return
        self.refusal = error
        # Of a video it is the job that knows; but a fault of ours knows nothing.
        lost = self.ordered and isinstance(error, InternalError)
        if self.drawn or lost:
            error.should_retry = False

    def ask_upstream(self, now_ns: int) -> None:
        """From now on we wait for a provider."""
        self.upstream_since_ns = now_ns

    def contact(self, now_ns: int) -> None:
        """A provider is being told: from now on it may work, and cost us."""
        if self.contacted_ns is None:
            self.contacted_ns = now_ns

    def turned_away(self) -> None:
        """The provider will not serve this: what it was told costs nobody anything."""
        self.contacted_ns = None

    def heard_upstream(self, now_ns: int) -> None:
        """The provider has said all, or given up; may be called again."""
        if self.upstream_since_ns is not None:
            self.upstream_ns += now_ns - self.upstream_since_ns
            self.upstream_since_ns = None

    def overhead_ns(self, now_ns: int) -> int:
        """Our own share of the time so far."""
        waited_ns = self.upstream_ns
        if self.upstream_since_ns is not None:
            waited_ns += now_ns - self.upstream_since_ns
        return max(0, now_ns - self.started_ns - waited_ns)

    @property
    def drawn(self) -> bool:
        """Whether a provider may be making images. One that said that it would not was
        turned away from."""
        return isinstance(self.ask, ImageAsk) and self.contacted_ns is not None

    @property
    def is_kept(self) -> bool:
        """Whether the answer is kept for its caller, who named the request and may ask
        for it again. A stream is not."""
        return self.replay is not None and self.ask is not None and not self.ask.stream

    @property
    def goes_on(self) -> bool:
        """Whether the answer is finished though nobody waits for it: because it is
        kept, or because its provider makes it, and bills it, in any case. A video is
        made by a job, which needs no request to go on."""
        if isinstance(self.ask, VideoAsk):
            return False
        return self.is_kept or isinstance(self.ask, ImageAsk)

    @property
    def admitted(self) -> bool:
        """Whether the request may be sent upstream."""
        return self.held and bool(self.route) and self.refusal is None
