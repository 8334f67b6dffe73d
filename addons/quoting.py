"""Quoting: the worst case of an ask, and how it is made to fit.

The worst case is an upper bound of the input (every token is at least one byte of
text) and the output limit that goes upstream, at the dearest rate that can apply:
nobody knows yet what is cached or thought, or which tier the input will reach. The
hold and the quote that a caller asks for are made by the same functions, so they
cannot differ.

Images and videos are paid for by the piece: what they cost is known before, and where
less is available they are refused.

Where less than a chat can cost is available, or a key may use fewer tokens a minute
than it can take (`tpm`, 0 is none), its input is really counted and the output limit
is lowered to what fits. Both are monotone in the limit, so the largest one is found by
bisection, without a division of money.
"""

from addons.exchange import PieceQuote, Quote
from addons.wire.errors import PriceUnknown
from addons.wire.images import ImageAsk
from addons.wire.openai import ChatAsk
from addons.wire.videos import VideoAsk
from config import Price, PriceBook
from config.meters import Kind
from config.prices import PLAIN, Situation, cost_nano, worst_quantities
from config.settings import Model

type Pieces = ImageAsk | VideoAsk

# Counted input is exact for one vocabulary only; other models split text otherwise.
COUNT_MARGIN_PERCENT = 30
# Hardly any text has longer tokens on average.
BYTES_A_TOKEN_MAX = 16


def price_in_force(book: PriceBook, model: str, kind: Kind, now_ns: int) -> Price:
    """What a model costs now; PriceUnknown if nothing, or something of another kind."""
    price = book.at(model, now_ns)
    if price is None or price.kind is not kind:
        raise PriceUnknown(model)
    return price


def situation_of(now_ns: int) -> Situation:
    """What the rates of a chat depend on: the moment it is admitted, and no thinking,
    for every dialect whose models think at another rate switches that off in words."""
    return Situation(moment_ns=now_ns, thinking=False)


def worst_case(
    ask: ChatAsk, model: Model, price: Price, situation: Situation = PLAIN
) -> Quote:
    """The hard upper bound of what an ask can cost."""
    input_tokens = ask.input_tokens_max + ask.images * model.image_tokens
    output_tokens = model.output_tokens
    if ask.output_limit is not None:
        output_tokens = ask.output_limit
    return quote_of(
        price,
        min(input_tokens, model.context_tokens),
        output_tokens,
        ask.n,
        situation=situation,
    )


def piece_quote(ask: Pieces, price: Price, now_ns: int) -> PieceQuote:
    """What images or a video cost: so many, of the sort that is sent upstream."""
    situation = Situation(now_ns, False, ask.parameters)
    # A hold is never empty, here as for a chat.
    amount_nano = max(1, cost_nano(price, ask.quantities, situation))
    return PieceQuote(price, ask.quantities, amount_nano, situation)


def quote_of(
    price: Price,
    input_tokens: int,
    output_tokens: int,
    choices: int,
    lowered: bool = False,
    situation: Situation = PLAIN,
) -> Quote:
    quantities = worst_quantities(
        price, situation, input_tokens, output_tokens * choices
    )
    # A hold is never empty, even for a model that is given away.
    amount_nano = max(1, cost_nano(price, quantities, situation))
    return Quote(
        price, input_tokens, output_tokens, choices, amount_nano, lowered, situation
    )


def counted_bound(first: Quote, counted_tokens: int) -> int:
    """The input as counted, with a margin: other vocabularies split text otherwise."""
    return min(first.input_tokens, with_margin(counted_tokens))


def least_input(ask: ChatAsk) -> int:
    """Fewer tokens than this the text does not have; found without counting."""
    return ask.input_tokens_max // BYTES_A_TOKEN_MAX + 1


def fills(ask: ChatAsk, first: Quote) -> bool:
    """Whether the text alone has all the tokens that are held for: then counting it
    would be work for nothing. It is where a text is longer than the model's context."""
    return least_input(ask) >= first.input_tokens


def affordable(
    first: Quote,
    input_tokens: int,
    output_tokens: int,
    available_nano: int,
    tpm: int = 0,
) -> bool:
    quote = quote_of(
        first.price,
        input_tokens,
        output_tokens,
        first.choices,
        situation=first.situation,
    )
    return quote.amount_nano <= available_nano and within(quote, tpm)


def within(quote: Quote, tpm: int) -> bool:
    """Whether it fits into a minute in which nothing else is asked."""
    return not tpm or quote.tokens <= tpm


def lowered(
    first: Quote, input_tokens: int, available_nano: int, tpm: int = 0
) -> Quote | None:
    """The quote with the largest output limit that is affordable."""
    if not affordable(first, input_tokens, 1, available_nano, tpm):
        return None
    low, high = 1, first.output_tokens
    while low < high:
        middle = (low + high + 1) // 2
        if affordable(first, input_tokens, middle, available_nano, tpm):
            low = middle
        else:
            high = middle - 1
    return quote_of(
        first.price,
        input_tokens,
        low,
        first.choices,
        lowered=low < first.output_tokens,
        situation=first.situation,
    )


def fitted(
    first: Quote,
    input_tokens: int,
    available_nano: int,
    floor_tokens: int,
    tpm: int = 0,
) -> Quote | None:
    """What an ask is lowered to by the balance, a cap or the tokens a minute; None if
    that is so little output that the ask is better refused."""
    quote = lowered(first, input_tokens, available_nano, tpm)
    if quote is None or quote.output_tokens < min(floor_tokens, first.output_tokens):
        return None
    return quote


def never_fits(
    first: Quote, input_tokens: int, floor_tokens: int, tpm: int
) -> bool:
    """Whether no money would help: the tokens a minute alone leave too little."""
    return fitted(first, input_tokens, first.amount_nano, floor_tokens, tpm) is None


def with_margin(counted: int) -> int:
    return counted + counted * COUNT_MARGIN_PERCENT // 100
