"""Replays: the name of a request, what makes it the same, and when it is forgotten."""

import asyncio

import pytest

from addons import endpoints
from addons.exchange import Exchange
from addons.replays import INLINE_BYTES, Replays
from addons.wire.errors import UnknownKey
from storage.errors import LedgerUnavailable
from storage.ledger import topup
from storage.replays import (
    PURGED_AT_ONCE_MAX,
    KeptAnswer,
    ReplayKey,
    fingerprint,
    once,
)
from tests.fakes import exchanges
from tests.fakes.writers import FailingWriter, ScriptedWriter

DAY = 24 * 3600


def addon() -> Replays:
    return Replays(ScriptedWriter([]))


async def read(
    headers: dict[str, str],
    record: Exchange | None = None,
    target: str = exchanges.CHAT,
    body: bytes = b"{}",
) -> Exchange:
    """A request on its way through both hooks."""
    record = record or exchanges.exchange()
    flow = exchanges.travelling(record, headers=headers, target=target, body=body)
    addon().requestheaders(flow)
    await addon().request(flow)
    return record


async def test_a_request_without_a_name_has_none() -> None:
    assert (await read({})).replay is None


@pytest.mark.parametrize("name", ["a", "a" * 255, "order 7: \"fr/3\"~"])
async def test_a_named_request_has_its_fingerprint(name: str) -> None:
    record = await read({"Idempotency-Key": name})
    made = fingerprint("POST", exchanges.CHAT, b"{}")
    assert (record.replay, record.refusal) == (ReplayKey(name, made), None)


@pytest.mark.parametrize("name", ["", "a" * 256, "clé", "密", "a\x7f", "a\tb"])
async def test_what_is_no_name_is_refused_by_the_headers_name(name: str) -> None:
    record = await read({"Idempotency-Key": name})
    assert (record.refusal.status, record.refusal.param) == (400, "Idempotency-Key")
    assert "Idempotency-Key" in record.refusal.message
    assert record.replay is None


async def test_two_names_are_none() -> None:
    record = exchanges.exchange()
    flow = exchanges.travelling(record)
    flow.request.headers.set_all("Idempotency-Key", ["a", "a"])
    addon().requestheaders(flow)
    assert record.refusal.status == 400


@pytest.mark.parametrize(
    "target", ["/v1/chat/completions", f"{exchanges.CHAT}/", f"{exchanges.CHAT}?x=1"]
)
async def test_the_same_endpoint_by_another_name_is_the_same(target: str) -> None:
    name = {"Idempotency-Key": "a"}
    assert (await read(name, target=target)).replay == (await read(name)).replay


async def test_another_body_is_another_request() -> None:
    name = {"Idempotency-Key": "a"}
    assert (await read(name, body=b"{ }")).replay != (await read(name)).replay


@pytest.mark.parametrize("size", [INLINE_BYTES, INLINE_BYTES + 1])
async def test_a_large_body_is_hashed_all_the_same(size: int) -> None:
    body = b"x" * size
    record = await read({"Idempotency-Key": "a"}, body=body)
    assert record.replay.fingerprint == fingerprint("POST", exchanges.CHAT, body)


@pytest.mark.parametrize(
    "record",
    [
        exchanges.exchange(endpoints.MODELS),
        exchanges.exchange(endpoints.WEB),
        exchanges.exchange(endpoints.PREFLIGHT),
    ],
)
async def test_what_is_not_paid_for_takes_no_name(record: Exchange) -> None:
    await read({"Idempotency-Key": "é" * 999}, record)
    assert (record.replay, record.refusal) == (None, None)


async def test_the_first_refusal_stands() -> None:
    record = exchanges.exchange(refusal=UnknownKey())
    await read({"Idempotency-Key": ""}, record)
    assert record.refusal.status == 401


# Forgetting.


def fill(storage, account_id: int, count: int) -> None:
    for number in range(count):
        storage.writer.wait(
            once,
            account_id,
            ReplayKey(f"name-{number}", b""),
            f"charge_{number}",
            lambda db: topup(db, account_id, 1, "test", str(number)),
            lambda made: KeptAnswer(200, "text/plain", b"content"),
        )


def kept(storage) -> int:
    rows = storage.writer.wait(lambda db: db.sql("SELECT count(*) FROM replay"))
    return rows[0][0]


async def test_all_that_is_old_goes(storage, caller, clock) -> None:
    fill(storage, caller.key.account_id, PURGED_AT_ONCE_MAX + 5)
    await Replays(storage.writer).forget()
    assert kept(storage) == PURGED_AT_ONCE_MAX + 5
    clock.advance(DAY)
    await Replays(storage.writer).forget()
    assert kept(storage) == 0


async def test_a_gateway_forgets_though_nobody_asks(storage, caller, clock) -> None:
    replays = Replays(storage.writer, interval_seconds=0)
    replays.running()
    fill(storage, caller.key.account_id, 2)
    clock.advance(DAY)
    while kept(storage):
        await asyncio.sleep(0)
    replays.done()
    await asyncio.gather(replays.task, return_exceptions=True)
    assert replays.task.cancelled()


@pytest.mark.parametrize("error", [LedgerUnavailable, ValueError])
async def test_a_ledger_that_cannot_be_written_is_asked_again(
    storage, caller, clock, caplog, error
) -> None:
    fill(storage, caller.key.account_id, 2)
    clock.advance(DAY)
    replays = Replays(FailingWriter(storage.writer, 1, error=error))
    await replays.forget()
    assert "could not be deleted" in caplog.text
    await replays.forget()
    assert kept(storage) == 0
