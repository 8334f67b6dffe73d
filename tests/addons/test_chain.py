"""The chain: its order is the architecture."""

from pathlib import Path

import addons
from config import load

CONFIG = Path(addons.__file__).parents[1] / "config"


def app(environ, start_response):
    return []


async def test_a_request_meets_the_addons_in_this_order(storage) -> None:
    chain = addons.chain(load(CONFIG, {}), storage, {}, app)
    assert [type(addon).__name__.lower() for addon in chain] == [
        "admission",
        "keys",
        "limits",
        "asking",
        "holds",
        "routing",
        "upstream",
        "metering",
        "receipts",
        "portal",
    ]
