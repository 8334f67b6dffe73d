"""Tls: the certificate that the gateway itself shows, if it shows one.

The key is whoever has it: others must not read it. And a certificate ends, which nobody
notices before its day.
"""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from addons.doctor.finding import Finding, Patient, fail, ok, warn
from config.document import ConfigError
from config.identity import Identity, read_identity

SOON = timedelta(days=14)
NANOSECONDS = 1_000_000_000


def certificate(patient: Patient) -> Iterator[Finding]:
    listen = patient.known.listen
    try:
        identity = read_identity(listen.tls_certificate, listen.tls_key)
    except ConfigError as error:
        yield fail(str(error), "mend that file")
        return
    if identity is None or listen.tls_key is None:
        yield ok("plain HTTP: TLS is for a server in front")
        return
    yield from of_key(listen.tls_key)
    yield of_dates(identity, patient.clock.wall_ns())


def of_key(path: Path) -> Iterator[Finding]:
    """A group may read it, that of whoever renews it, say."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP):
        yield fail(f"{path} has mode {mode:04o}", f"chmod 640 {path}")


def of_dates(identity: Identity, wall_ns: int) -> Finding:
    found = x509.load_pem_x509_certificate(identity.chain)
    now = datetime.fromtimestamp(wall_ns // NANOSECONDS, UTC)
    end = found.not_valid_after_utc
    renew = "renew it, then have the files read again (SIGHUP)"
    if now >= end:
        return fail(f"the certificate has ended on {end:%Y-%m-%d}", renew)
    if now < found.not_valid_before_utc:
        begin = f"{found.not_valid_before_utc:%Y-%m-%d}"
        return fail(f"the certificate begins on {begin}", "correct this clock, or it")
    if now >= end - SOON:
        return warn(f"the certificate ends on {end:%Y-%m-%d}", renew)
    return ok(f"the certificate is good until {end:%Y-%m-%d}")
