"""Pictures: the images that a provider made, as their caller gets them.

Asked for as addresses, they become files of ours behind addresses that are signed and
expire; else they are written into the answer. What cannot be kept was not delivered and
is not charged. This comes before the charge is made, so that it is for what is there.
"""

import asyncio
import base64
import logging
from typing import Protocol

from mitmproxy.http import HTTPFlow

from addons.exchange import Exchange
from addons.files import own_address
from addons.wire.errors import MediaDown
from addons.wire.images import BASE64, URL, ImageAnswer, ImageAsk, Made
from storage.errors import StorageError

logger = logging.getLogger(__name__)


class Shelf(Protocol):
    """Where files are kept. `keep` blocks; it raises a StorageError, or the OSError of
    the disk, and gives a name. `address` is the path of an address of that name."""

    def keep(self, data: bytes, media_type: str) -> str: ...

    def address(self, name: str) -> str: ...


class Pictures:
    """Gives the images of an answer the form that was asked for."""

    def __init__(self, shelf: Shelf, public_url: str | None) -> None:
        self.shelf = shelf
        self.public_url = public_url

    async def response(self, flow: HTTPFlow) -> None:
        await self.show(flow)

    async def error(self, flow: HTTPFlow) -> None:
        """The client left. What is kept for it needs its images all the same."""
        await self.show(flow)

    async def show(self, flow: HTTPFlow) -> None:
        exchange = Exchange.find(flow)
        if exchange is None or exchange.refusal is not None:
            return
        answer, ask = exchange.answer, exchange.ask
        if not isinstance(answer, ImageAnswer) or not isinstance(ask, ImageAsk):
            return
        base = self.public_url or own_address(flow.request, exchange.secure)
        found = [await self.shown(made, ask, base) for made in answer.made]
        shown = tuple(one for one in found if one is not None)
        if not shown:
            exchange.refuse(MediaDown())
        exchange.answer = ImageAnswer((), shown)

    async def shown(
        self, made: Made, ask: ImageAsk, base: str
    ) -> dict[str, str] | None:
        """One image as the caller gets it; None if it cannot be kept."""
        if made.data is None:
            return None
        if ask.response_format == BASE64:
            encoded = await asyncio.to_thread(base64.b64encode, made.data)
            shown = {BASE64: encoded.decode()}
        else:
            try:
                name = await asyncio.to_thread(
                    self.shelf.keep, made.data, made.media_type
                )
            except (StorageError, OSError) as error:
                logger.warning("an image is not kept: %s", error)
                return None
            shown = {URL: base + self.shelf.address(name)}
        if made.revised_prompt is not None:
            shown["revised_prompt"] = made.revised_prompt
        return shown
