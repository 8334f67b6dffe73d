"""Recomputing: the usage and the charge of a captured request, once more.

Nothing is taken from the capture but what passed and what was fixed when the request
was admitted: the price, the bounds of the hold, the situation, the policies, and how it
ended. The provider's answer is read by its dialect and measured by the metering addon
itself, so that this is the gateway's own arithmetic and no copy of it.

A charge that depends on texts which are not in the capture (cut, redacted, or switched
off for the key) cannot be computed; usage that a provider reported can be, wherever its
figures are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from addons.endpoints import CHAT
from addons.exchange import Exchange, PieceQuote, Quote
from addons.inspector.capture import Captured, Story
from addons.metering import End, Metering, rules_of
from addons.providers import REGISTRY
from addons.providers.base import Dialect
from addons.wire.errors import ApiError, InternalError
from addons.wire.images import ImageAnswer
from addons.wire.openai import ChatAsk, read_chat
from config import Price, PriceBook
from config.meters import IMAGES, VIDEOS
from config.money import parse_nano
from config.price_text import price_of_terms
from config.prices import cost_nano
from config.settings import Model, Policies
from config.situations import Situation
from storage.clock import Clock

OK = 200
COMPLETE = "complete"
REPORTED = "reported"
COST_HEADER = "x-autolist-cost"
# Evidence that the pieces themselves are.
COUNTED = "counted"


class Verdict(Enum):
    """What came of it; the value is what is printed."""

    SAME = "same"
    DIFFERENT = "DIFFERENT"
    IMPOSSIBLE = "cannot be computed"
    FREE = "not paid for"


@dataclass(frozen=True, slots=True)
class Result:
    """One request: what was charged by its capture and what is computed, in nano-
    dollars; None where there is none, and `reason` says why."""

    id: str
    model: str
    verdict: Verdict
    evidence: str = ""
    quantities: Mapping[str, int] | None = None
    charged_nano: int | None = None
    computed_nano: int | None = None
    reason: str = ""


class Impossible(ValueError):
    """The capture has too little; says what is missing."""


class Recomputing:
    """Computes charges, by the captures' own prices or by those of a book."""

    def __init__(self, clock: Clock, book: PriceBook | None = None) -> None:
        self.clock = clock
        self.book = book

    async def result(self, story: Story) -> Result:
        facts, known = story.request.facts, story.request.known
        id, model = story.request.id, str(facts.get("model", ""))
        state, charged = facts.get("state"), facts.get("paid_nano")
        if "terms" not in known or state in ("replayed", "refused", "answered"):
            return Result(id, model, Verdict.FREE, reason=str(state))
        try:
            if "pieces" in known and "end" not in facts:
                return self.of_video(story.request, id, model)
            if type(charged) is not int:
                raise Impossible("it had not ended")
            return await self.of_request(story, id, model, charged)
        except Impossible as error:
            return Result(id, model, Verdict.IMPOSSIBLE, reason=str(error))
        except (LookupError, TypeError, ValueError) as error:
            reason = f"the capture is damaged: {type(error).__name__}"
            return Result(id, model, Verdict.IMPOSSIBLE, reason=reason)

    async def of_request(
        self, story: Story, id: str, model: str, charged_nano: int
    ) -> Result:
        known = story.request.known
        end = end_of(str(story.request.facts.get("end", "")))
        policies = Policies(**known["policies"])
        metering = Metering(lambda _: policies, self.clock)
        exchange = exchange_of(story, self.price_of(known, model), end)
        rule = rules_of(policies)[end]
        try:
            evidence, quantities = await metering.measure(exchange, rule)
        except InternalError:
            raise Impossible("what was asked is not in the capture") from None
        needs_text = evidence not in (REPORTED, "none")
        if needs_text and not all(is_whole(story, exchange)):
            raise Impossible("texts that were counted are not all in the capture")
        charge = metering.rate(exchange, end, evidence, quantities)
        short_nano = story.request.facts.get("cost_nano", charged_nano) - charged_nano
        agreed = charge.cost_nano - short_nano == charged_nano
        return Result(
            id,
            model,
            Verdict.SAME if agreed else Verdict.DIFFERENT,
            evidence,
            charge.quantities,
            charged_nano,
            charge.cost_nano,
            "the balance ended first" if short_nano else "",
        )

    def of_video(self, request: Captured, id: str, model: str) -> Result:
        """A video is charged with its job, by what was fixed when it was ordered; here
        if its request was told that it is made."""
        cost = request.answer_headers.get(COST_HEADER)
        if request.status != OK or cost is None:
            raise Impossible("its video was not made yet")
        price = self.price_of(request.known, model)
        quantities = request.known["pieces"]
        situation = Situation.of_facts(request.known["situation"])
        computed_nano = cost_nano(price, quantities, situation)
        charged_nano = parse_nano(cost)
        agreed = computed_nano == charged_nano
        verdict = Verdict.SAME if agreed else Verdict.DIFFERENT
        return Result(
            id, model, verdict, COUNTED, quantities, charged_nano, computed_nano
        )

    def price_of(self, known: Mapping[str, Any], model: str) -> Price:
        if self.book is None:
            return price_of_terms(known["terms"])
        price = self.book.at(model, known["situation"]["moment_ns"])
        if price is None:
            raise Impossible("the prices given have none for its model and moment")
        return price


def end_of(outcome: str) -> End:
    """How it ended; what is no such word is the code of a refusal."""
    try:
        return End(outcome)
    except ValueError:
        return End.REFUSED


def exchange_of(story: Story, price: Price, end: End) -> Exchange:
    """The exchange as it was when its charge was decided, as far as that matters."""
    known = story.request.known
    situation = Situation.of_facts(known["situation"])
    exchange = Exchange(story.request.id, CHAT, 0)
    if price.kind in (IMAGES, VIDEOS):
        exchange.quote = PieceQuote(price, known["pieces"], 0, situation)
        exchange.answer = images_of(story.request)
        return exchange
    exchange.quote = Quote(
        price,
        known["input_tokens"],
        known["output_tokens"],
        known["choices"],
        0,
        situation=situation,
    )
    exchange.ask = ask_of(story.request)
    exchange.model = Model(
        price.model, "chat", "", "", (), image_tokens=known["image_tokens"]
    )
    if end is not End.REFUSED and story.calls:
        read_call(exchange, story, story.calls[-1], end)
    return exchange


def read_call(exchange: Exchange, story: Story, call: Captured, end: End) -> None:
    """The provider's answer, in the words of its dialect."""
    dialect = dialect_of(call)
    if call.status != OK:
        return
    if story.request.facts.get("stream") is True:
        choices = story.request.known["choices"]
        stream = dialect.open_stream(exchange.id, exchange.id, choices=choices)
        stream.feed(call.answer)
        if call.facts.get("outcome") == COMPLETE:
            stream.flush()
        exchange.stream = stream
        exchange.committed = end is not End.LEFT_WAITING
        return
    try:
        exchange.answer = dialect.read_answer(call.answer)
    except ApiError:
        if end is End.COMPLETE:
            raise Impossible("the provider's answer is not in the capture") from None


def dialect_of(call: Captured) -> Dialect:
    name = call.facts.get("dialect")
    if name not in REGISTRY:
        raise Impossible(f"nobody speaks the dialect {name} any more")
    return REGISTRY[name]


def ask_of(request: Captured) -> ChatAsk | None:
    """What was asked; None if it cannot be read any more."""
    try:
        return read_chat(request.request)
    except ApiError:
        return None


def images_of(request: Captured) -> ImageAnswer | None:
    """As many as the client got."""
    if request.status != OK:
        return None
    try:
        shown = orjson.loads(request.answer)["data"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise Impossible("the answer is not in the capture") from None
    return ImageAnswer((), tuple(shown))


def is_whole(story: Story, exchange: Exchange) -> tuple[bool, bool]:
    """Whether all texts that may have been counted are there. Pieces have none."""
    if isinstance(exchange.quote, PieceQuote):
        return True, True
    asked, _ = story.request.is_whole
    answered = not story.calls or story.calls[-1].is_whole[1]
    return asked, answered
