"""Records: whose receipt it is, in both shapes, and that the key is everybody's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from addons import endpoints
from addons.exchange import Exchange
from addons.records import Records, asked_id, generation
from addons.wire.errors import BadParameter, NotFound, UnknownKey
from config import PriceBook
from config.gateway import MediaSettings
from storage import Storage, jobs, ledger
from storage.errors import LedgerBroken, LedgerUnavailable
from storage.jobs import Job
from storage.ledger import Admission, Settlement, UsageRecord
from storage.media import MediaStore
from storage.reader import ReceiptRecord
from storage.recovery import register_prices
from storage.receipt_check import check
from storage.signing import Signer
from tests.addons.conftest import Caller
from tests.fakes import exchanges
from tests.fakes.studio import Studio
from tests.storage.charged import REQUEST, charged, voided

USED = UsageRecord(
    model="gpt-4o",
    provider="openai",
    upstream_model="gpt-4o-2024",
    evidence="reported",
    quantities={"cache_write": 1000},
    outcome="complete",
    status=200,
    attempts=1,
    first_byte_ms=5,
    total_ms=9,
    tokens=1000,
    stream=True,
)


@pytest.fixture
def signer(storage: Storage) -> Signer:
    return Signer.of(storage.secrets)


@pytest.fixture
def records(storage: Storage, signer: Signer) -> Records:
    return Records(storage.reader, signer)


@pytest.fixture
def other(caller_with: Callable[[int], Caller]) -> Caller:
    return caller_with(10**9)


def admit(storage: Storage, caller: Caller, request_id: str, **fields: Any) -> None:
    known = {
        "amount_nano": 2000, "price_id": exchanges.PRICE.id, "model": "gpt-4o",
        "tokens": 0, "rpm": 0, "tpm": 0, "concurrency": 0,
    }
    key = caller.key
    ask = Admission(request_id, key.account_id, key.id, **{**known, **fields})
    storage.writer.wait(ledger.admit, ask)


@pytest.fixture
def served(storage: Storage, caller: Caller) -> Caller:
    """Somebody with a charge (req_1) and a request that runs (req_2)."""
    admit(storage, caller, "req_1")
    charge = Settlement("req_1", 1000, 10**6, USED, 1000, 10**6)
    storage.writer.wait(ledger.settle, charge)
    admit(storage, caller, "req_2")
    return caller


@pytest.fixture
def studio(storage: Storage, clock, tmp_path: Path) -> Studio:
    prices = PriceBook([exchanges.VIDEO_PRICE])
    storage.writer.wait(register_prices, list(prices))
    store = MediaStore(tmp_path / "media", storage.secrets, clock, MediaSettings())
    return Studio(storage, store, prices)


@pytest.fixture
def video(studio: Studio, served: Caller) -> Job:
    return studio.finish(studio.order(served.key, exchanges.video_ask()))


async def ask(records: Records, caller: Caller | None, target: str) -> Any:
    """What is answered: the JSON, or the error."""
    exchange = exchanges.exchange(
        endpoints.find("GET", target), caller=None if caller is None else caller.key
    )
    flow = exchanges.travelling(exchange, method="GET", target=target)
    await records.request(flow)
    if exchange.refusal is not None:
        assert flow.response is None
        return exchange.refusal
    assert flow.response is not None and flow.response.status_code == 200
    return orjson.loads(flow.response.content)


async def test_the_owner_gets_a_signed_receipt(records, served, signer) -> None:
    receipt = await ask(records, served, "/v1/receipts/req_1")
    assert (receipt["id"], receipt["charge_nano"]) == ("req_1", "1000")
    assert check(receipt, signer.key) == []


async def test_the_owner_gets_it_in_openrouters_words(records, served) -> None:
    answer = await ask(records, served, "/v1/generation?id=req_1")
    assert (answer["data"]["id"], answer["data"]["total_cost"]) == ("req_1", 0.000001)


async def test_a_video_leads_to_the_receipt_of_its_request(
    records, served, video: Job
) -> None:
    by_video = await ask(records, served, f"/v1/receipts/{video.id}")
    assert by_video["id"] == video.request_id
    assert by_video == await ask(records, served, f"/v1/receipts/{video.request_id}")
    told = await ask(records, served, f"/v1/generation?id={video.id}")
    assert (told["data"]["id"], told["data"]["api_type"]) == (by_video["id"], "videos")


async def test_a_video_that_was_deleted_cost_what_it_cost(
    records, served, video: Job, storage: Storage
) -> None:
    now_ns = storage.clock.wall_ns()
    storage.writer.wait(jobs.delete, video.id, served.key.account_id, now_ns)
    receipt = await ask(records, served, f"/v1/receipts/{video.id}")
    assert receipt["id"] == video.request_id


@pytest.mark.parametrize("address", ["/v1/receipts/", "/v1/generation?id="])
async def test_somebody_elses_video_leads_nowhere(
    records, other, video: Job, address: str
) -> None:
    mine = await ask(records, other, address + video.id)
    none = await ask(records, other, f"{address}video_9")
    assert isinstance(mine, NotFound)
    assert (mine.message, mine.code) == (none.message, none.code)


async def test_a_video_that_is_not_made_has_no_receipt_yet(
    records, served, studio: Studio
) -> None:
    job = studio.order(served.key, exchanges.video_ask())
    assert isinstance(await ask(records, served, f"/v1/receipts/{job.id}"), NotFound)
    studio.fail(job, "upstream_error", "The test is over.", 502)
    receipt = await ask(records, served, f"/v1/receipts/{job.id}")
    assert (receipt["id"], receipt["state"]) == (job.request_id, "voided")


@pytest.mark.parametrize("address", ["/v1/receipts/", "/v1/generation?id="])
@pytest.mark.parametrize(
    "request_id",
    ["req_2", "req_3", "req_", "x", "req_1x", "REQ_1", "req_1%20", "..", "req_" * 99]
    + ["video_1", "video_", "video_1%20", "VIDEO_1", "video_" * 99],
)
async def test_what_is_not_there_is_not_found(
    records, served, address: str, request_id: str
) -> None:
    error = await ask(records, served, address + request_id)
    assert isinstance(error, NotFound)


@pytest.mark.parametrize("address", ["/v1/receipts/", "/v1/generation?id="])
async def test_somebody_elses_is_not_found_either(
    records, served, other, address: str
) -> None:
    mine = await ask(records, other, f"{address}req_1")
    none = await ask(records, other, f"{address}req_9")
    assert isinstance(mine, NotFound)
    assert (mine.message, mine.code) == (none.message, none.code)


async def test_the_key_is_everybodys(records, signer) -> None:
    assert await ask(records, None, "/v1/receipts/key") == signer.key.shown()


async def test_a_generation_without_an_id_names_the_parameter(records, served) -> None:
    for target in ("/v1/generation", "/v1/generation?id=", "/v1/generation?x=req_1"):
        error = await ask(records, served, target)
        assert isinstance(error, BadParameter) and error.message.startswith(
            "Parameter 'id'"
        )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/v1/generation?id=req_1", "req_1"),
        ("/v1/generation?x=1&id=req_1&id=req_2", "req_1"),
        ("/v1/generation?id=a%20b", "a b"),
    ],
)
def test_an_id_is_read_from_the_query(target: str, found: str) -> None:
    assert asked_id(target) == found


@pytest.mark.parametrize("query", ["&".join(["id=a"] * 99), "a=b" + ";" * 9])
def test_a_query_that_is_none_is_the_callers_fault(query: str) -> None:
    with pytest.raises(BadParameter):
        asked_id(f"/v1/generation?{query}")


async def test_what_was_refused_before_is_left_alone(records, served) -> None:
    exchange = exchanges.exchange(endpoints.find("GET", "/v1/receipts/req_1"))
    exchange.refuse(UnknownKey())
    flow = exchanges.travelling(exchange, method="GET")
    await records.request(flow)
    assert isinstance(exchange.refusal, UnknownKey) and flow.response is None


async def test_other_requests_are_left_alone(records) -> None:
    flow = exchanges.travelling(exchanges.held())
    await records.request(flow)
    assert flow.response is None and Exchange.of(flow).refusal is None


async def test_a_receipt_without_a_caller_is_a_bug_and_no_receipt(records) -> None:
    error = await ask(records, None, "/v1/receipts/req_1")
    assert error.code == "internal_error"


class DownReader:
    def receipt(self, request_id: str) -> ReceiptRecord | None:
        raise LedgerUnavailable("the ledger cannot be read")


async def test_a_ledger_that_cannot_be_read_says_so(signer, served) -> None:
    error = await ask(Records(DownReader(), signer), served, "/v1/receipts/req_1")
    assert (error.status, error.code) == (503, "ledger_unavailable")


class BrokenReader:
    """Of a ledger whose charges do not follow from its prices."""

    def receipt(self, request_id: str) -> ReceiptRecord | None:
        raise LedgerBroken("its price is not what it is named after")


async def test_what_cannot_be_explained_is_not_signed(signer, caller, caplog) -> None:
    error = await ask(Records(BrokenReader(), signer), caller, "/v1/receipts/req_5")
    assert error.code == "internal_error"
    assert "no receipt of req_5: its price is not" in caplog.text


# OpenRouter's shape.


def told(found: ReceiptRecord) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(generation(found)))["data"]


def test_a_generation_has_what_openrouters_clients_read() -> None:
    quantities = {"input": 10, "cache_read": 3, "output": 20, "reasoning": 5}
    data = told(charged(quantities=quantities, short_nano=70))
    assert {name: value for name, value in data.items() if value is not None} == {
        "id": REQUEST,
        "upstream_id": "req_theirs",
        "total_cost": 0.000278681,
        "total_cost_exact": "0.000278681",
        "usage": 0.000278681,
        "created_at": "2026-01-01T00:00:00.123456789Z",
        "model": "gpt-4o",
        "provider_name": "openai",
        "streamed": True,
        "cancelled": False,
        "latency": 5,
        "generation_time": 4,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "tokens_prompt": 13,
        "tokens_completion": 25,
        "native_tokens_prompt": 13,
        "native_tokens_completion": 25,
        "native_tokens_reasoning": 5,
        "native_tokens_cached": 3,
        "api_type": "completions",
        "data_region": "global",
        "is_byok": False,
        "origin": "",
        "provider_responses": [
            {"provider_name": "openai", "status": None, "latency": 20},
            {"provider_name": "backup", "status": 200, "latency": 300},
        ],
    }


def test_money_is_written_digit_by_digit() -> None:
    found = charged()
    report = replace(found.report, paid_nano=123_456_789_012_345_678)
    body = orjson.dumps(generation(replace(found, report=report)))
    assert b'"total_cost":123456789.012345678,' in body


def test_a_request_that_got_no_answer() -> None:
    found = voided("client_left_before_contact", first_byte_ms=None, stream=False)
    data = told(found)
    assert (data["cancelled"], data["total_cost"]) == (True, 0.0)
    assert (data["latency"], data["generation_time"]) == (9, 9)
