"""Tls: what the connections of clients are encrypted with, where they are.

One context lasts as long as the process. A certificate that was renewed is loaded into
it when the files are read again: who connects from then on is shown the new one.
"""

import logging
import ssl

from config.identity import Identity, server_context
from config.settings import Settings

logger = logging.getLogger(__name__)


class Tls:
    """The context of a gateway that serves https."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.context = server_context(identity)

    def configured(self, settings: Settings) -> None:
        identity = settings.identity
        if identity is None or identity == self.identity:
            return
        try:
            identity.load_into(self.context)
        except ssl.SSLError as error:
            # Whoever read the files has tried it; a fault of ours changes nothing.
            logger.error("the certificate cannot be used: %s", error.reason)
            return
        self.identity = identity
