"""Keys: where a key is looked for, who it belongs to, and that it goes no further."""

from dataclasses import replace

import pytest
from mitmproxy.http import Headers

from addons import endpoints
from addons.exchange import Exchange
from addons.keys import KEY_LENGTH_MAX, Keys, objection, presented_key
from addons.wire.errors import Draining
from storage.errors import LedgerUnavailable
from storage.clock import SystemClock
from storage.keys import mint, networks_of, revoke_key
from tests.fakes import exchanges

KEY = "tk_" + "a" * 32
OTHER = "tk_" + "b" * 32


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        (bearer(KEY), KEY),
        ({"authorization": f"bearer   {KEY}  "}, KEY),
        ({"Authorization": f"BEARER {KEY}"}, KEY),
        ({"x-api-key": KEY}, KEY),
        ({"X-API-Key": f" {KEY} "}, KEY),
        ({**bearer(KEY), "x-api-key": KEY}, KEY),
        ({**bearer(KEY), "x-api-key": OTHER}, None),
        ({"authorization": KEY}, None),
        ({"authorization": f"Basic {KEY}"}, None),
        ({"authorization": "Bearer "}, None),
        ({"x-api-key": ""}, None),
        (bearer("x" * KEY_LENGTH_MAX), "x" * KEY_LENGTH_MAX),
        (bearer("x" * (KEY_LENGTH_MAX + 1)), None),
    ],
)
def test_a_key_is_found_in_either_header(headers, found) -> None:
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert presented_key(Headers(fields)) == found


def test_a_header_sent_twice_is_no_key() -> None:
    name = b"authorization"
    headers = Headers([(name, b"Bearer " + key.encode()) for key in (KEY, OTHER)])
    assert presented_key(headers) not in (KEY, OTHER)


@pytest.mark.parametrize(
    ("status", "account_status", "refusal"),
    [
        ("active", "open", None),
        ("revoked", "open", 401),
        ("active", "blocked", 403),
        ("revoked", "blocked", 401),
    ],
)
def test_a_key_speaks_for_its_account(status, account_status, refusal) -> None:
    key = replace(exchanges.CALLER, status=status, account_status=account_status)
    error = objection(key, "192.0.2.1", 0)
    assert (error.status if error else None) == refusal


@pytest.mark.parametrize(
    ("now_ns", "code"), [(99, None), (100, "key_expired"), (101, "key_expired")]
)
def test_a_key_ends_at_its_time(now_ns, code) -> None:
    key = replace(exchanges.CALLER, expires_ns=100)
    error = objection(key, "192.0.2.1", now_ns)
    assert (error.code if error else None) == code
    assert error is None or error.status == 401


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("10.1.2.3", None),
        ("192.0.2.7", None),
        ("::ffff:10.1.2.3", None),
        ("2001:db8::1%eth0", None),
        ("11.0.0.1", "address_not_allowed"),
        ("192.0.2.8", "address_not_allowed"),
        ("2001:db9::1", "address_not_allowed"),
        ("", "address_not_allowed"),
        ("unix", "address_not_allowed"),
    ],
)
def test_a_key_may_be_for_some_networks_only(address, code) -> None:
    networks = networks_of(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])
    error = objection(replace(exchanges.CALLER, networks=networks), address, 0)
    assert (error.code if error else None) == code
    assert error is None or error.status == 403


@pytest.fixture
def keys(storage) -> Keys:
    return Keys(storage.directory, SystemClock())


async def ask(keys: Keys, record: Exchange, **request) -> Headers:
    """The headers that are left when the caller was looked for."""
    flow = exchanges.travelling(record, **request)
    await keys.requestheaders(flow)
    return flow.request.headers


async def test_a_known_key_is_the_caller(keys: Keys, caller) -> None:
    record = exchanges.exchange()
    await ask(keys, record, headers=bearer(caller.plain))
    assert record.caller == caller.key
    assert record.refusal is None


@pytest.mark.parametrize(
    "headers", [{}, bearer(OTHER), bearer("tk_nonsense"), bearer("\udcff" * 40)]
)
async def test_no_key_and_a_wrong_one_get_the_same_answer(keys: Keys, headers) -> None:
    record, nobody = exchanges.exchange(), exchanges.exchange()
    await ask(keys, record, headers=headers)
    await ask(keys, nobody)
    assert record.caller is None
    assert record.refusal.status == 401
    assert record.refusal.message == nobody.refusal.message


async def test_a_revoked_key_is_an_unknown_one(keys: Keys, caller, storage) -> None:
    await storage.writer.run(revoke_key, caller.key.id)
    record = exchanges.exchange()
    await ask(keys, record, headers=bearer(caller.plain))
    assert record.refusal.code == "invalid_api_key"


async def test_a_well_formed_key_that_nobody_has_is_unknown(keys, storage) -> None:
    record = exchanges.exchange()
    await ask(keys, record, headers=bearer(mint(storage.secrets).plain))
    assert record.refusal.code == "invalid_api_key"


class Unreadable:
    """A directory whose file cannot be read."""

    async def find(self, plain: str) -> None:
        raise LedgerUnavailable("the disk is gone")


async def test_a_directory_that_cannot_be_read_says_nothing_about_the_key() -> None:
    record = exchanges.exchange()
    await ask(Keys(Unreadable(), SystemClock()), record, headers=bearer(KEY))
    assert (record.refusal.status, record.caller) == (503, None)


@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "Cookie"])
async def test_secrets_are_taken_off_the_request(keys: Keys, header: str) -> None:
    headers = await ask(
        keys, exchanges.exchange(), headers={header: "secret", "x-kept": "1"}
    )
    assert header not in headers
    assert headers["x-kept"] == "1"


async def test_secrets_are_taken_off_a_refused_request_too(keys: Keys) -> None:
    record = exchanges.exchange()
    record.refuse(Draining())
    headers = await ask(keys, record, headers=bearer(KEY))
    assert "authorization" not in headers
    assert record.refusal.code == "draining"


async def test_the_web_side_keeps_its_cookie_and_needs_no_key(keys: Keys) -> None:
    record = exchanges.exchange(endpoints.WEB)
    headers = await ask(keys, record, target="/", headers={"cookie": "a=b"})
    assert headers["cookie"] == "a=b"
    assert record.refusal is None


async def test_a_preflight_needs_no_key(keys: Keys) -> None:
    record = exchanges.exchange(endpoints.PREFLIGHT)
    await ask(keys, record, method="OPTIONS")
    assert record.refusal is None
