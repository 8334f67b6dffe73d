"""Tls: a renewed certificate is for who connects from then on."""

import logging
import ssl
from pathlib import Path

import pytest

from addons.gateway.tls import Tls
from config.identity import Identity, read_identity
from tests.fakes.plans import settings
from tests.scenarios.fronts import CERTIFICATE, KEY, certificate


def identity(home: Path) -> Identity:
    home.mkdir()
    certificate(home)
    found = read_identity(home / CERTIFICATE, home / KEY)
    assert found is not None
    return found


def shown_by(context: ssl.SSLContext) -> str:
    """The certificate that a client is shown; the two talk in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(back, there)
    other = context.wrap_bio(there, back, server_side=True)
    done = set()
    while len(done) < 2:
        for end in (one, other):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    return ssl.DER_cert_to_PEM_cert(one.getpeercert(True) or b"")


def test_the_new_one_is_shown_by_the_same_context(tmp_path: Path) -> None:
    old, new = identity(tmp_path / "old"), identity(tmp_path / "new")
    tls = Tls(old)
    context = tls.context
    assert shown_by(context).encode() == old.chain
    tls.configured(settings(identity=new))
    assert (tls.context, tls.identity) == (context, new)
    assert shown_by(context).encode() == new.chain


def test_what_cannot_be_used_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = identity(tmp_path / "old")
    tls = Tls(old)
    for other in (None, old, Identity(b"no chain", b"no key")):
        with caplog.at_level(logging.ERROR):
            tls.configured(settings(identity=other))
    assert tls.identity is old
    assert shown_by(tls.context).encode() == old.chain
    assert len(caplog.records) == 1
