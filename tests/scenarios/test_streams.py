"""Streams: what arrives when, what holds it up, how it breaks off, what it costs.

Gates stand in the provider's answer, so the order of things is decided by the test
and not by the machine. Prices are gpt-4o's: 2,500 nano-dollars an input token, 10,000
an output token, 1,250 for input that the provider had cached.
"""

import gc
import resource
from collections.abc import Iterator
from dataclasses import replace

import apsw
import pytest

from config.settings import Settings
from storage.reader import UsageReport
from tests.fakes.openai_script import (
    COMMENT,
    MALFORMED,
    Answer,
    Behaviour,
    Edit,
    End,
    Endless,
    Gate,
    Silence,
    after,
    error,
    frame,
    in_pieces,
    with_line_ends,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.dial import Dial, chat, events, said
from tests.scenarios.harness import (
    Caller,
    Gateway,
    environ_of,
    with_clocks,
    with_listen,
)

TEN_DOLLARS = 10 * 10**9
WAIT_SECONDS = 10
# A receive buffer may grow to 32 MiB where the machine is set up for long distances.
KERNEL_BYTES = 48 * 2**20
ECHO = "You said: 你好 there"
DONE = b"data: [DONE]"


def content(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return frame({"id": "x", "object": "chat.completion.chunk", "choices": [choice]})


def bulky(text: str) -> bytes:
    """An event of 60 KB that takes no time to count."""
    padding = {"pad": "x" * 60_000}
    choice = {"index": 0, "delta": {"content": text}, "logprobs": padding}
    return frame({"choices": [choice]})


def begin(dial: Dial, key: str, **parameters) -> dict[str, str]:
    """Ask for a stream and read its head."""
    dial.send(chat(key, stream=True, **parameters))
    status, headers = dial.head()
    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    return headers


def only_charge(gateway: Gateway, caller: Caller) -> UsageReport:
    gateway.settled()
    (charge,) = gateway.charges(caller)
    assert gateway.available_nano(caller) == TEN_DOLLARS - charge.paid_nano
    return charge


# The good case.


def test_the_first_event_arrives_before_the_provider_sends_the_second(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    gates = [Gate(), Gate(), Gate()]
    pieces = [after(2 + 2 * place, gate) for place, gate in enumerate(gates)]
    fake.always(Answer("one two three ", edits=pieces))
    heard = b""
    with Dial(gateway.port) as dial:
        begin(dial, caller.key)
        for gate, word in zip(gates, ("one ", "two ", "three ")):
            while word.encode() not in heard:
                heard += dial.piece()
            assert gate.reached.wait(WAIT_SECONDS)
            assert not fake.requests[0].finished.is_set()
            gate.open()
        heard += dial.pieces()
    assert said(events(heard)) == "one two three "
    assert heard.endswith(DONE + b"\n\n")


def test_whoever_has_done_has_been_charged(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    before = TEN_DOLLARS
    with Dial(gateway.port) as dial:
        for _ in range(20):
            headers = begin(dial, caller.key)
            heard = b""
            while DONE not in heard:
                heard += dial.piece()
            # No waiting for anything: it is in the database by now.
            charge = gateway.storage.reader.usage(headers["x-request-id"])
            now = gateway.available_nano(caller)
            assert charge is not None and charge.paid_nano == before - now > 0
            assert f'"cost":0.{charge.paid_nano:09}'.rstrip("0").encode() in heard
            before = now
            assert dial.piece() == b""


def test_whoever_has_an_answer_has_been_charged(
    gateway: Gateway, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
        available = gateway.available_nano(caller)
    assert TEN_DOLLARS - available == 6 * 2500 + 5 * 10_000
    assert reply.headers["x-autolist-cost"] == "0.000065"
    assert reply.headers["x-autolist-balance"] == "9.999935"


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize(
    "edits",
    [
        (),
        (in_pieces(1),),
        (in_pieces(7),),
        (with_line_ends(b"\r\n"),),
        (with_line_ends(b"\r"),),
        (with_line_ends(b"\r\n"), in_pieces(1)),
        (after(2, COMMENT, COMMENT),),
        (after(3, MALFORMED),),
    ],
    ids=["plain", "bytes", "sevens", "CRLF", "CR", "CRLF bytes", "comments", "junk"],
)
def test_the_stream_is_the_same_however_it_was_cut(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    edits: tuple[Edit, ...],
    include_usage: bool,
) -> None:
    fake.always(Answer(edits=edits))
    options = {"stream_options": {"include_usage": include_usage}}
    with Dial(gateway.port) as dial:
        headers = begin(dial, caller.key, **options)
        *chunks, done = events(dial.pieces())
    assert done == "[DONE]"
    assert said(chunks) == ECHO
    heads = {(one["id"], one["created"], one["model"]) for one in chunks}
    assert heads == {(headers["x-request-id"], 1_767_225_600, "gpt-4o")}
    last = chunks[-1]
    assert (last["choices"] == []) is include_usage
    assert last["usage"]["prompt_tokens"] == 6
    assert last["usage"]["completion_tokens"] == 5
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "reported"
    assert charge.paid_nano == 6 * 2500 + 5 * 10_000


def test_cached_input_is_cheaper(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Answer(cached_tokens=4))
    with Dial(gateway.port) as dial:
        begin(dial, caller.key)
        (*_, last, _) = events(dial.pieces())
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
    charge = only_charge(gateway, caller)
    assert charge.record.quantities == {"input": 2, "cache_read": 4, "output": 5}
    assert charge.paid_nano == 2 * 2500 + 4 * 1250 + 5 * 10_000


def test_a_finished_stream_without_done_gets_ours(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Answer(done=False))
    with Dial(gateway.port) as dial:
        begin(dial, caller.key)
        heard = events(dial.pieces())
    assert (said(heard), heard[-1]) == (ECHO, "[DONE]")
    assert only_charge(gateway, caller).record.evidence == "reported"


def test_two_choices_come_and_are_paid(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        begin(dial, caller.key, n=2)
        *chunks, done = events(dial.pieces())
    told = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in (0, 1):
        mine = [choice for choice in told if choice["index"] == index]
        assert "".join(one["delta"].get("content") or "" for one in mine) == ECHO
        assert mine[-1]["finish_reason"] == "stop"
    assert done == "[DONE]"
    assert only_charge(gateway, caller).record.quantities["output"] == 10


# What the provider says about usage, and what we make of it.


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_usage_is_counted(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, stream: bool
) -> None:
    fake.always(Answer(report_usage=False))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    usage = reply.events[-2]["usage"] if stream else reply.json["usage"]
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "counted"
    counted = charge.record.quantities
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (
        counted["input"],
        counted["output"],
    )
    assert charge.paid_nano == counted["input"] * 2500 + counted["output"] * 10_000
    assert 4 <= counted["output"] <= 8


ABSURD = [
    {"prompt_tokens": -1, "completion_tokens": 5, "total_tokens": 4},
    {"prompt_tokens": 1.5, "completion_tokens": 5, "total_tokens": 6},
    {"prompt_tokens": "6", "completion_tokens": 5, "total_tokens": 11},
    {"prompt_tokens": 6, "completion_tokens": 10**18, "total_tokens": 10**18},
    {"prompt_tokens": True, "completion_tokens": None, "total_tokens": []},
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("usage", ABSURD)
def test_absurd_usage_is_not_believed(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, usage: dict, stream: bool
) -> None:
    fake.always(Answer(usage=usage))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    assert reply.status == 200
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "invalid"
    assert 0 < charge.paid_nano < 200_000


@pytest.mark.parametrize("stream", [False, True])
def test_usage_above_the_balance_is_the_houses_loss(
    gateway: Gateway, fake: FakeOpenAI, stream: bool
) -> None:
    # Enough for the hold to the last nano-dollar, and a provider that added a prompt
    # of its own: more than was held, not more than is believed.
    caller = gateway.caller("0.0033")
    usage = {"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300}
    fake.always(Answer(usage=usage))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream, max_tokens=300))
    assert reply.status == 200
    gateway.settled()
    (charge,) = gateway.charges(caller)
    assert charge.cost_nano == 1000 * 2500 + 300 * 10_000
    assert charge.paid_nano == 3_300_000
    assert charge.paid_nano + charge.shortfall_nano == charge.cost_nano
    assert gateway.available_nano(caller) == 0


# A client that is slow.


def test_a_client_that_stops_reading_stops_the_provider(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Endless(bulky("x ")))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        begin(dial, caller.key)
        (received,) = fake.wait_for(1)
        assert received.blocked.wait(WAIT_SECONDS)
        held = received.sent_bytes
        assert held < KERNEL_BYTES, "more than the kernel keeps on two connections"
        received.blocked.clear()
        # It goes on as soon as the client does.
        read = 0
        while received.sent_bytes < held + 2**20:
            read += len(dial.piece())
        assert read > 2**20
    assert received.disconnected.wait(WAIT_SECONDS)
    assert only_charge(gateway, caller).record.evidence == "partial"


def test_a_slow_client_is_no_fault_of_the_provider(
    start, fake: FakeOpenAI
) -> None:
    """The idle clock stands still while the client is not reading."""
    gateway = start(change=with_clocks(idle_seconds=0.2))
    caller, other = gateway.caller(), gateway.caller()
    many = [bulky("x ")] * 400
    fake.script(Answer("a", edits=[after(2, *many)]))
    with Dial(gateway.port, receive_bytes=64 * 1024) as dial:
        begin(dial, caller.key)
        (received,) = fake.wait_for(1)
        assert received.blocked.wait(WAIT_SECONDS)
        # Another stream's idle clock runs out meanwhile: time enough has passed.
        fake.script(Answer(edits=[after(2, End.SILENCE)]))
        with Dial(gateway.port) as second:
            begin(second, other.key)
            assert events(second.pieces())[-1]["error"]["code"] == "upstream_timeout"
        heard = dial.pieces()
    assert heard.endswith(DONE + b"\n\n")
    assert only_charge(gateway, caller).record.evidence == "reported"


# A client that leaves.


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_midstream_pays_what_it_got(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, leave: str
) -> None:
    gate = Gate()
    words = "one two three four five "
    fake.always(Answer(words, edits=[after(4, gate)]))
    with Dial(gateway.port) as dial:
        begin(dial, caller.key)
        heard = b""
        while b"three" not in heard:
            heard += dial.piece()
        if leave == "reset":
            dial.reset()
    (received,) = fake.requests
    assert received.disconnected.wait(WAIT_SECONDS), "the provider works on for nobody"
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "partial"
    assert charge.record.outcome == "client_left_midstream"
    assert charge.record.quantities["output"] == 4  # "one two three " as tokens
    assert charge.record.quantities["input"] > 0
    assert charge.paid_nano > 0


WAITING: dict[str, Behaviour] = {
    "no status": Silence(),
    "no body": Answer(edits=[after(0, End.SILENCE)]),
    "no content": Answer(edits=[after(1, End.SILENCE)]),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", WAITING)
def test_a_client_that_leaves_before_the_answer_pays_the_input(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, name: str, stream: bool
) -> None:
    fake.always(WAITING[name])
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        (received,) = fake.wait_for(1)
    assert received.disconnected.wait(WAIT_SECONDS)
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "estimated"
    assert charge.record.outcome == "client_left_before_headers"
    (input_tokens,) = charge.record.quantities.values()
    assert charge.record.quantities == {"input": input_tokens}
    assert charge.paid_nano == input_tokens * 2500 > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_may_be_let_off(
    start, fake: FakeOpenAI, stream: bool
) -> None:
    def change(settings: Settings) -> Settings:
        policies = replace(
            settings.policies,
            client_left_before_headers="nothing",
            client_left_midstream="nothing",
        )
        return replace(settings, policies=policies)

    gateway = start(change=change)
    caller = gateway.caller()
    fake.always(Answer(edits=[after(3 if stream else 1, End.SILENCE)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        (received,) = fake.wait_for(1)
        if stream:
            dial.head()
    assert received.disconnected.wait(WAIT_SECONDS)
    charge = only_charge(gateway, caller)
    assert (charge.paid_nano, charge.record.evidence) == (0, "none")


def test_a_client_that_leaves_during_the_hold_pays_nothing(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    locker = apsw.Connection(str(gateway.storage.engine.path))
    locker.execute("BEGIN IMMEDIATE")
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key))
        gateway.arrived()
    locker.execute("ROLLBACK")
    locker.close()
    gateway.settled()
    assert gateway.available_nano(caller) == TEN_DOLLARS
    assert fake.requests == []


# A provider that breaks off.


@pytest.mark.parametrize("end", [End.FIN, End.RST])
@pytest.mark.parametrize("include_usage", [False, True])
def test_a_stream_that_is_cut_never_looks_like_success(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, end: End, include_usage: bool
) -> None:
    gate = Gate()
    fake.always(Answer("one two three four ", edits=[after(3, gate, end)]))
    options = {"stream_options": {"include_usage": include_usage}}
    with Dial(gateway.port) as dial:
        begin(dial, caller.key, **options)
        heard = b""
        while b"two" not in heard:
            heard += dial.piece()
        gate.open()
        heard += dial.pieces()
    *chunks, last = events(heard)
    assert said(chunks) == "one two "
    assert last["error"]["code"] == "upstream_error"
    assert last["error"].keys() >= {"message", "type", "param", "code"}
    assert DONE not in heard
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "partial"
    assert charge.record.outcome == "upstream_died"
    assert charge.record.quantities["output"] == 3  # "one two " as tokens


def test_an_error_inside_a_stream_ends_it(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    broken = frame(error("It broke at https://api.openai.com/v1.", code="oops"))
    fake.always(Answer("one two ", edits=[after(2, broken, End.SILENCE)]))
    with Dial(gateway.port) as dial:
        begin(dial, caller.key)
        heard = dial.pieces()
    assert events(heard)[-1]["error"]["type"] == "server_error"
    assert b"api.openai.com" not in heard
    assert DONE not in heard
    assert only_charge(gateway, caller).record.evidence == "partial"


@pytest.fixture(scope="module")
def impatient(
    provider: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    change = with_clocks(idle_seconds=0.3, total_seconds=0.9)
    data = tmp_path_factory.mktemp("impatient")
    with Gateway(data, environ_of(provider), change) as gateway:
        yield gateway


def test_a_stream_that_falls_silent_is_given_up(
    impatient: Gateway, fake: FakeOpenAI
) -> None:
    caller = impatient.caller()
    fake.always(Answer("one two ", edits=[after(2, End.SILENCE)]))
    with Dial(impatient.port) as dial:
        begin(dial, caller.key)
        heard = dial.pieces()
    *chunks, last = events(heard)
    assert said(chunks) == "one "
    assert last["error"]["code"] == "upstream_timeout"
    assert DONE not in heard
    (received,) = fake.requests
    assert received.disconnected.wait(WAIT_SECONDS)
    assert only_charge(impatient, caller).record.evidence == "partial"
    impatient.prove()


def test_an_endless_stream_ends(impatient: Gateway, fake: FakeOpenAI) -> None:
    caller = impatient.caller()
    fake.always(Endless(content("la ")))
    with Dial(impatient.port) as dial:
        begin(dial, caller.key)
        last = b""
        while piece := dial.piece():
            last = piece
    assert events(last)[-1]["error"]["code"] == "upstream_timeout"
    (received,) = fake.requests
    assert received.disconnected.wait(WAIT_SECONDS)
    charge = only_charge(impatient, caller)
    assert charge.record.evidence == "partial"
    impatient.prove()


def test_the_connection_serves_on_after_a_broken_stream(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.script(Answer(edits=[after(3, End.FIN)]))
    with Dial(gateway.port) as dial:
        begin(dial, caller.key)
        assert DONE not in dial.pieces()
        begin(dial, caller.key)
        assert DONE in dial.pieces()


# Many events.


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.slow
def test_ten_thousand_events_leave_memory_flat(start, fake: FakeOpenAI) -> None:
    gateway = start(change=with_listen(idle_seconds=600.0))
    caller = gateway.caller()
    fake.always(Answer(pieces=["x "] * 10_000))
    peaks = []
    with Dial(gateway.port) as dial:
        for _ in range(6):
            begin(dial, caller.key)
            count = 0
            last = b""
            while piece := dial.piece():
                count += piece.count(b'"content":"x "')
                last = piece
            assert (count, DONE in last) == (10_000, True)
            gc.collect()
            peaks.append(peak_bytes())
    # The first two fill caches; 1 MiB is a tenth of what one stream's bytes are.
    assert peaks[-1] - peaks[1] < 2**20
