"""Veil: our credential does not come back by what a provider says of it.

Some providers name the key that they refuse, and what they say goes to callers, to the
log and into the ledger. Whatever form the key has, it is known here, so it is taken out
wherever it stands.
"""

from addons.exchange import Leg
from addons.wire.errors import ApiError

VEILED = "[…]"


def veil(error: ApiError, leg: Leg) -> None:
    """Take the leg's credential out of all that an error says."""
    if leg.credential is None:
        return
    secret = leg.credential.secret
    error.message = error.message.replace(secret, VEILED)
    error.detail = error.detail.replace(secret, VEILED)
    error.args = (error.message,)
    if error.code is not None and secret in error.code:
        error.code = type(error).code
    if error.param is not None and secret in error.param:
        error.param = type(error).param


def veiled(body: bytes, leg: Leg) -> bytes:
    """An answer without the leg's credential in it."""
    if leg.credential is None:
        return body
    return body.replace(leg.credential.secret.encode(), VEILED.encode())
