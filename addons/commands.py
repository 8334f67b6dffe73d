"""`quote`: what a request would cost, from the files alone.

Nothing is asked of a gateway or of a ledger, so prices can be tried out before they
are put in force. The figures are made by the functions that the gateway holds by.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import click
import orjson

from addons.catalogue import model_of, ruled
from addons.counting import count_input_here
from addons.estimate import (
    Bill,
    Estimate,
    chat_estimate,
    estimate_shape,
    pieces_estimate,
)
from addons.quoting import Pieces, price_in_force, quote_of, situation_of, worst_case
from addons.wire import quotes
from addons.wire.chat_schema import CHOICES_MAX
from addons.wire.errors import ApiError, PriceUnknown, UnknownModel
from addons.wire.images import image_of
from addons.wire.openai import ChatAsk
from addons.wire.videos import video_of
from config import Price
from config.commands import BadConfig, directory_option, read_settings, table
from config.epilog import epilog
from config.meters import IMAGES, TOKENS, VIDEOS, rate_text
from config.money import dollars, dollars_a_unit
from config.prices import moment_ns, moment_text
from config.settings import Settings

type Fields = dict[str, str | int]

BODY_BYTES_MAX = 20 * 1024 * 1024
TOKENS_MAX = 10**9
# A prompt changes no price, but a request without one would be refused.
NO_PROMPT = "-"


class Refused(BadConfig):
    """What the gateway would say to the request; one line, and exit code 2."""


def moment(ctx: click.Context, param: click.Parameter, text: str | None) -> int:
    """An option's moment, or the present."""
    if text is None:
        # Time is injected everywhere else; a command's own run is the present.
        return time.time_ns()
    try:
        return moment_ns(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error


OPTIONS: Mapping[str, frozenset[str]] = {
    TOKENS.name: frozenset({"input_tokens", "output_tokens", "n"}),
    IMAGES.name: frozenset({"n", "size", "quality"}),
    VIDEOS.name: frozenset({"duration", "aspect_ratio", "resolution"}),
}
"""What can be said of a model, by what it is paid for."""

tokens_range = click.IntRange(0, TOKENS_MAX)
choices_range = click.IntRange(1, CHOICES_MAX)


@click.command(
    "quote",
    epilog=epilog(
        "quote --model gpt-4o --input-tokens 1200 --output-tokens 300",
        "quote --model dall-e-3 --n 2 --size 1792x1024 --quality hd",
        "quote --model pika-1.0 --duration 5 --at 2026-12-01",
        "quote request.json --json",
    ),
)
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--model", help="What is priced, where no FILE says it.")
@click.option("--input-tokens", type=tokens_range, help="Chat: tokens of input.")
@click.option("--output-tokens", type=tokens_range, help="Chat: tokens of output.")
@click.option("--n", type=choices_range, help="Chat: choices. Images: how many.")
@click.option("--size", help="Images: such as 1792x1024.")
@click.option("--quality", help="Images: standard or hd.")
@click.option("--duration", type=int, help="Videos: seconds.")
@click.option("--aspect-ratio", help="Videos: such as 16:9.")
@click.option("--resolution", help="Videos: 720p or 1080p.")
@click.option("--at", "now_ns", callback=moment, help="2026-12-01 or …T08:00Z; UTC.")
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def quote(
    file: IO[bytes] | None,
    now_ns: int,
    directory: Path,
    as_json: bool,
    **fields: str | int | None,
) -> None:
    """Say what a request costs at most and most likely, by the files alone.

    FILE is the body of a request, or of `POST /api/v1/quote`; - is standard input. The
    input of a chat is bounded and counted as the gateway does it. Without a FILE the
    options say what is asked; what is left out has the API's defaults.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    settings = read_settings(directory)
    try:
        if file is not None:
            if given:
                raise click.UsageError("a FILE says all: give no options beside it")
            endpoint, estimate = estimate_of_body(file, settings, now_ns)
        else:
            endpoint, estimate = estimate_of_options(given, settings, now_ns)
    except ApiError as error:
        raise Refused(error.message) from None
    if as_json:
        shown = {
            "object": "quote",
            "endpoint": endpoint,
            "at": moment_text(now_ns),
            **estimate_shape(estimate),
        }
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(lines_of(estimate, now_ns)))


def estimate_of_body(
    file: IO[bytes], settings: Settings, now_ns: int
) -> tuple[str, Estimate]:
    """Of a request as it would be sent."""
    raw = file.read(BODY_BYTES_MAX + 1)
    if len(raw) > BODY_BYTES_MAX:
        raise click.UsageError(f"a body has at most {BODY_BYTES_MAX} bytes")
    ask = quotes.read_quote(raw)
    if not isinstance(ask, ChatAsk):
        ask = ruled(ask, settings.models)
        return quotes.endpoint_of(ask), pieces_estimate(ask, settings.prices, now_ns)
    model = model_of(ask, settings.models)
    price = price_in_force(settings.prices, model.id, TOKENS, now_ns)
    first = worst_case(ask, model, price, situation_of(now_ns))
    counted = count_input_here(ask, model)
    return quotes.CHAT, chat_estimate(first, counted, ask.output_limit is not None)


def estimate_of_options(
    given: Fields, settings: Settings, now_ns: int
) -> tuple[str, Estimate]:
    """Of what the options say; the model's price says which of them make sense."""
    model = str(given.pop("model", "")) or None
    if model is None:
        raise click.UsageError("give a FILE or a --model")
    if model not in settings.prices.models:
        raise UnknownModel(model)
    price = settings.prices.at(model, now_ns)
    if price is None:
        raise PriceUnknown(model)
    kind = price.kind.name
    for name in given:
        if name not in OPTIONS[kind]:
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option}: {model} is paid for by {kind}")
    if price.kind is TOKENS:
        return quotes.CHAT, estimate_of_tokens(given, price, settings, now_ns)
    body = {"prompt": NO_PROMPT, "model": model, **given}
    ask: Pieces = image_of(body) if price.kind is IMAGES else video_of(body)
    ask = ruled(ask, settings.models)
    return quotes.endpoint_of(ask), pieces_estimate(ask, settings.prices, now_ns)


def estimate_of_tokens(
    given: Fields, price: Price, settings: Settings, now_ns: int
) -> Estimate:
    """Of a chat by its numbers; without a limit it is the model's own."""
    if "input_tokens" not in given:
        raise click.UsageError("give --input-tokens, or the request as a FILE")
    if "output_tokens" not in given and price.model not in settings.models:
        raise click.UsageError(f"give --output-tokens: {price.model} has no limit")
    output_tokens = given.get("output_tokens")
    if output_tokens is None:
        output_tokens = settings.models[price.model].output_tokens
    input_tokens = int(given["input_tokens"])
    first = quote_of(
        price,
        input_tokens,
        int(output_tokens),
        int(given.get("n", 1)),
        situation=situation_of(now_ns),
    )
    limited = "output_tokens" in given
    return chat_estimate(first, input_tokens, limited, "as given")


def lines_of(estimate: Estimate, now_ns: int) -> list[str]:
    """For people: which price, the two bills under each other, and what is supposed."""
    price = estimate.price
    since = moment_text(price.effective_from_ns)
    return [
        f"{price.model} at {moment_text(now_ns)}: price {price.id[:12]} since {since},"
        f" {price.kind.unit}",
        "",
        *bill_lines("at most", estimate.worst),
        "",
        *bill_lines("expected", estimate.expected),
        f"  supposing {estimate.assumption}",
    ]


def bill_lines(title: str, bill: Bill) -> list[str]:
    rows = [
        (
            f"  {line.meter}",
            f"{line.quantity}",
            f"× {rate_text(line.meter, line.rate_pico)}",
            f"= {dollars_a_unit(line.cost_pico)}",
        )
        for line in bill.lines
    ]
    return [f"{title} {dollars(bill.cost_nano)}", *table(list(rows)).splitlines()]
