"""Identity: the certificate that the gateway shows, and the key that proves it.

Both files are read with the settings and carried in them, so that all workers show the
same certificate whatever becomes of the files. The key is never in a repr.
"""

import os
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from config.document import ConfigError

FILE_BYTES_MAX = 1024 * 1024
# Nobody is there who could be asked for one.
NO_PASSWORD = b""


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain of certificates, the gateway's own first, and its key; both PEM."""

    chain: bytes
    key: bytes = field(repr=False)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Show it from now on; connections that are open go on. SSLError if the chain
        is none, or the key is another's."""
        # OpenSSL reads files; this one is in memory, and nobody else's.
        descriptor = os.memfd_create("identity")
        with closing(os.fdopen(descriptor, "wb")) as file:
            file.write(self.key + b"\n" + self.chain)
            file.flush()
            path = f"/proc/self/fd/{descriptor}"
            context.load_cert_chain(path, password=lambda: NO_PASSWORD)


def server_context(identity: Identity) -> ssl.SSLContext:
    """For connections of clients: TLS 1.2 or newer, HTTP/1.1 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    identity.load_into(context)
    return context


def read_identity(certificate: Path | None, key: Path | None) -> Identity | None:
    """What the files hold; None where none are named. ConfigError if one is missing or
    cannot be read, or they do not belong together."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        name = "tls_certificate" if certificate is None else "tls_key"
        raise complaint(name, "", "a file, because the other one is named")
    identity = Identity(
        _read("tls_certificate", certificate), _read("tls_key", key)
    )
    try:
        server_context(identity)
    except ssl.SSLError as error:
        expected = "the key, without a password, of the first certificate in "
        reason = (error.reason or "no PEM").lower().replace("_", " ")
        raise complaint(
            "tls_key", f"{key} ({reason})", f"{expected}{certificate}"
        ) from None
    return identity


def complaint(name: str, found: str, expected: str) -> ConfigError:
    return ConfigError("gateway.yaml", None, f"listen.{name}", found, expected)


def _read(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise complaint(name, f"{path} ({reason})", "a file to read") from None
    if len(content) > FILE_BYTES_MAX:
        raise complaint(name, str(path), "a file of one mebibyte at most")
    return content
