"""A bug in any hook of any addon: it must never serve, send, hold or charge anything.

One gateway with a switch in front of every hook of its chain. A test throws one switch,
and that hook raises: before it did its work, or after, when the damage could be larger.
"""

from collections.abc import Callable, Iterator
from inspect import isawaitable
from typing import Any

import pytest
from mitmproxy import hooks

from addons.jobs import Jobs
from addons.media import Media
from storage.withdrawals import withdraw
from tests.fakes.openai_script import Answer, End, Gate, Silence, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.dial import CHAT, Dial, Reply, chat, events, request, said
from tests.scenarios.harness import Caller, Gateway, environ_of

TEN_DOLLARS = 10 * 10**9
WAIT_SECONDS = 10
LIFE = frozenset({"running", "done", "load", "configure"})

# What runs before a provider is asked.
EARLY = [
    ("Admission", "requestheaders"),
    ("Keys", "requestheaders"),
    ("Limits", "requestheaders"),
    ("Replays", "requestheaders"),
    ("Metrics", "requestheaders"),
    ("Tracing", "requestheaders"),
    ("Asking", "request"),
    ("Quotes", "request"),
    ("Standing", "request"),
    ("Records", "request"),
    ("Library", "request"),
    ("Replays", "request"),
    ("Videos", "request"),
    ("Holds", "request"),
    ("Routing", "request"),
    ("Media", "request"),
    ("Metrics", "request"),
    ("Portal", "request"),
]
# They have a call first, in case that it is for a video, a file or a page.
WAITING = ("Videos", "upstream_exchange")
BEFORE_ASKING = [(name, "upstream_exchange") for name in ("Media", "Portal")]
FILE_SENDER = BEFORE_ASKING[0]
ASKING = ("Upstream", "upstream_exchange")
HEAD = ("Receipts", "responseheaders")
LATE = [(name, "response") for name in ("Pictures", "Metering", "Receipts")]
LEAVING = [
    (name, "error") for name in ("Upstream", "Pictures", "Metering", "Receipts")
]
ALL = [*EARLY, WAITING, *BEFORE_ASKING, ASKING, HEAD, *LATE, *LEAVING]


class Bug(Exception):
    """What any mistake raises."""


class Panic(BaseException):
    """What a native library raises when it gives up: no Exception at all."""


Hook = tuple[str, str]
each = pytest.mark.parametrize
names = ".".join
whole_or_stream = each("stream", [False, True], ids=["whole", "stream"])
bug_or_panic = each("kind", [Bug, Panic])


class Switches:
    """Stands in front of every hook of a chain."""

    def __init__(self) -> None:
        self.found: set[Hook] = set()
        self.broken: Hook | None = None
        self.before = True
        self.kind: type[BaseException] = Bug
        self.raised = 0

    def wrap(self, chain: tuple[object, ...]) -> None:
        for addon in chain:
            for name in hooks.all_hooks.keys() - LIFE:
                if hasattr(addon, name):
                    place = (type(addon).__name__, name)
                    self.found.add(place)
                    setattr(addon, name, self.guard(place, getattr(addon, name)))

    def guard(self, place: Hook, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def run(data: Any) -> None:
            self.pass_or_raise(place, before=True)
            result = work(data)
            if isawaitable(result):
                await result
            self.pass_or_raise(place, before=False)

        return run

    def pass_or_raise(self, place: Hook, before: bool) -> None:
        if (place, before) == (self.broken, self.before):
            self.raised += 1
            raise self.kind("on purpose")

    def throw(
        self, place: Hook, kind: type[BaseException] = Bug, before: bool = True
    ) -> None:
        self.broken, self.kind, self.before = place, kind, before
        self.raised = 0


@pytest.fixture(scope="module")
def box() -> Switches:
    return Switches()


@pytest.fixture(scope="module")
def shared(
    provider: FakeOpenAI, box: Switches, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    data = tmp_path_factory.mktemp("data")

    def wrap(chain: tuple[object, ...]) -> None:
        box.wrap(chain)
        (jobs,) = (addon for addon in chain if isinstance(addon, Jobs))
        # What is ordered here stays with the gateway.
        jobs.leads = lambda: False

    with Gateway(data, environ_of(provider), wrap=wrap) as gateway:
        yield gateway


@pytest.fixture
def switches(gateway: Gateway, box: Switches) -> Iterator[Switches]:
    """All is mended afterwards, and then the gateway serves as if nothing had been."""
    yield box
    assert box.raised > 0, "the hook was never called"
    box.broken = None
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key)).status == 200


def internal_error(reply: Reply) -> None:
    assert reply.status == 500
    assert reply.error["code"] == "internal_error"
    assert reply.error.keys() >= {"message", "type", "param", "code"}
    assert reply.headers["x-request-id"]
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert "purpose" not in reply.body.decode()


def nothing_charged(gateway: Gateway, caller: Caller) -> None:
    gateway.prove()
    assert gateway.available_nano(caller) == TEN_DOLLARS
    assert all(one.cost_nano == 0 for one in gateway.charges(caller))


def test_no_hook_is_forgotten_here(gateway: Gateway, box: Switches) -> None:
    assert box.found == set(ALL)


@whole_or_stream
@each("before", [True, False], ids=["before", "after"])
@bug_or_panic
@each("place", EARLY, ids=names)
def test_a_bug_before_the_provider_is_asked_asks_nobody(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
    before: bool,
    stream: bool,
) -> None:
    switches.throw(place, kind, before)
    with Dial(gateway.port) as dial:
        internal_error(dial.ask(chat(caller.key, stream=stream)))
    assert fake.requests == []
    nothing_charged(gateway, caller)


@each("place", EARLY[:2] + [("Portal", "request")], ids=names)
@each("target", ["/healthz", "/public/dashboard.html", "/api/v1/models"])
def test_a_bug_before_any_other_answer_is_an_error_too(
    gateway: Gateway, caller: Caller, switches: Switches, place: Hook, target: str
) -> None:
    switches.throw(place)
    key = {"Authorization": f"Bearer {caller.key}"}
    with Dial(gateway.port) as dial:
        reply = dial.ask(request("GET", target, headers=key))
    assert reply.status == 500
    assert reply.json
    assert reply.headers["x-request-id"]


@whole_or_stream
@bug_or_panic
@each(
    ("place", "before"),
    [
        (WAITING, True),
        (WAITING, False),
        *((place, before) for place in BEFORE_ASKING for before in (True, False)),
        (ASKING, True),
    ],
)
def test_a_bug_on_the_way_to_the_provider_asks_nobody(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    place: Hook,
    before: bool,
    kind: type[BaseException],
    stream: bool,
) -> None:
    switches.throw(place, kind, before)
    with Dial(gateway.port) as dial:
        internal_error(dial.ask(chat(caller.key, stream=stream)))
    assert fake.requests == []
    nothing_charged(gateway, caller)


@whole_or_stream
@bug_or_panic
def test_a_bug_after_the_answer_was_passed_on_harms_nobody(
    gateway: Gateway,
    caller: Caller,
    switches: Switches,
    kind: type[BaseException],
    stream: bool,
) -> None:
    switches.throw(ASKING, kind, before=False)
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key, stream=stream)).status == 200
        assert dial.ask(chat(caller.key, stream=stream)).status == 200
    assert len(gateway.charges(caller)) == 2


@whole_or_stream
@bug_or_panic
def test_a_bug_at_the_head_of_an_answer_keeps_it_back(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    kind: type[BaseException],
    stream: bool,
) -> None:
    switches.throw(HEAD, kind)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    internal_error(reply)
    assert b"You said" not in reply.body
    assert len(fake.requests) == 1
    nothing_charged(gateway, caller)


def broken_off(reply: Reply) -> None:
    """A stream that began well and says that it did not end so."""
    assert reply.status == 200
    assert reply.events[-1]["error"]["code"] == "internal_error"
    assert b"[DONE]" not in reply.body
    assert b"purpose" not in reply.body


@bug_or_panic
def test_a_bug_once_a_stream_has_begun_ends_it_with_an_error(
    gateway: Gateway,
    caller: Caller,
    switches: Switches,
    kind: type[BaseException],
) -> None:
    switches.throw(HEAD, kind, before=False)
    with Dial(gateway.port) as dial:
        broken_off(dial.ask(chat(caller.key, stream=True)))
    nothing_charged(gateway, caller)


LATE_TIMES = [
    (LATE[0], True),
    (LATE[0], False),
    # After a receipt there is nothing left that could fail: the charge is committed.
    (LATE[1], True),
]


@bug_or_panic
@each(("place", "before"), LATE_TIMES)
def test_a_bug_while_an_answer_is_metered_keeps_it_back(
    gateway: Gateway,
    caller: Caller,
    switches: Switches,
    place: Hook,
    before: bool,
    kind: type[BaseException],
) -> None:
    switches.throw(place, kind, before)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
    internal_error(reply)
    assert b"You said" not in reply.body
    nothing_charged(gateway, caller)


@bug_or_panic
@each(("place", "before"), LATE_TIMES)
def test_a_bug_while_a_stream_is_metered_breaks_it_off(
    gateway: Gateway,
    caller: Caller,
    switches: Switches,
    place: Hook,
    before: bool,
    kind: type[BaseException],
) -> None:
    switches.throw(place, kind, before)
    with Dial(gateway.port) as dial:
        broken_off(dial.ask(chat(caller.key, stream=True)))
    nothing_charged(gateway, caller)


@whole_or_stream
@bug_or_panic
@each("place", [HEAD, *LATE], ids=names)
def test_a_bug_while_a_failure_is_reported_leaves_it_a_failure(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
    stream: bool,
) -> None:
    fake.script(Silence(End.FIN))
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    assert reply.status in (500, 502)
    assert reply.error["code"] in ("internal_error", "upstream_error")
    nothing_charged(gateway, caller)


@bug_or_panic
@each("place", [LATE[0], LATE[1]], ids=names)
def test_a_bug_after_a_cut_still_ends_the_stream_with_an_error(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
) -> None:
    fake.script(Answer(edits=[after(3, End.FIN)]))
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        broken_off(dial.ask(chat(caller.key, stream=True)))
    nothing_charged(gateway, caller)


@bug_or_panic
@each("place", LEAVING, ids=names)
@whole_or_stream
def test_a_bug_when_a_client_leaves_early_gives_its_money_back(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
    stream: bool,
) -> None:
    fake.script(Silence())
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=stream))
        (received,) = fake.wait_for(1)
    nothing_charged(gateway, caller)
    assert received.disconnected.wait(WAIT_SECONDS), "the provider works for nobody"


@bug_or_panic
@each("place", LEAVING, ids=names)
def test_a_bug_when_a_client_leaves_a_stream_gives_its_money_back(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
) -> None:
    gate = Gate()
    fake.script(Answer(edits=[after(3, gate)]))
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        dial.head()
        heard = b""
        while said(events(heard)) != "You said: ":
            heard += dial.piece()
    nothing_charged(gateway, caller)
    (received,) = fake.requests
    assert received.disconnected.wait(WAIT_SECONDS), "the provider works for nobody"
    gate.open()


FILE_EARLY = [EARLY[0], EARLY[1], ("Media", "request")]


@pytest.fixture
def kept(gateway: Gateway) -> str:
    """The address of a file."""
    (media,) = (one for one in gateway.master.senders if isinstance(one, Media))
    return media.store.address(media.store.keep(bytes(100_000), "image/png"))


@bug_or_panic
@each(
    ("place", "method"),
    [
        *((place, "GET") for place in FILE_EARLY),
        *((place, "HEAD") for place in FILE_EARLY),
        # A head has no body, and needs nobody to send it.
        (FILE_SENDER, "GET"),
    ],
)
def test_a_bug_before_a_file_is_sent_keeps_it_back(
    gateway: Gateway,
    switches: Switches,
    kept: str,
    place: Hook,
    kind: type[BaseException],
    method: str,
) -> None:
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        reply = dial.ask(request(method, kept), method=method)
        assert reply.status == 500
        assert len(reply.body) < 1000
        switches.broken = None
        assert dial.ask(request(method, "/healthz"), method=method).status == 200


@bug_or_panic
@each("before", [True, False], ids=["before", "after"])
def test_a_bug_at_the_head_of_a_file_keeps_it_back(
    gateway: Gateway,
    switches: Switches,
    kept: str,
    kind: type[BaseException],
    before: bool,
) -> None:
    switches.throw(HEAD, kind, before)
    with Dial(gateway.port) as dial:
        internal_error(dial.ask(request("GET", kept)))
        switches.broken = None
        assert dial.ask(request("GET", kept)).body == bytes(100_000)


@bug_or_panic
@each("place", [FILE_SENDER, *LATE], ids=names)
def test_a_bug_after_a_file_was_sent_adds_nothing_to_it(
    gateway: Gateway,
    switches: Switches,
    kept: str,
    place: Hook,
    kind: type[BaseException],
) -> None:
    switches.throw(place, kind, before=False)
    with Dial(gateway.port) as dial:
        for _ in range(2):
            assert dial.ask(request("GET", kept)).body == bytes(100_000)


VIDEO_EARLY = [*EARLY, WAITING]


def video(key: str) -> bytes:
    body = b'{"prompt": "waves", "async": true}'
    headers = {"Authorization": f"Bearer {key}"}
    return request("POST", "/v1/videos/generations", body, headers)


@bug_or_panic
@each("before", [True, False], ids=["before", "after"])
@each("place", VIDEO_EARLY, ids=names)
def test_a_bug_before_a_video_is_answered_orders_none(
    gateway: Gateway,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
    before: bool,
) -> None:
    switches.throw(place, kind, before)
    with Dial(gateway.port) as dial:
        reply = dial.ask(video(caller.key))
    found = gateway.storage.reader.jobs.jobs_of(caller.account_id)
    if (place, before) == (WAITING, False):
        # The answer was on its way, and the video is its caller's.
        assert (reply.status, len(found)) == (202, 1)
        gateway.storage.writer.wait(withdraw, found[0].id, caller.account_id, 0)
    else:
        internal_error(reply)
        assert found == []
    nothing_charged(gateway, caller)


@bug_or_panic
@each("place", [HEAD, *LATE], ids=names)
def test_a_bug_while_a_video_is_answered_orders_none(
    gateway: Gateway,
    caller: Caller,
    switches: Switches,
    place: Hook,
    kind: type[BaseException],
) -> None:
    switches.throw(place, kind)
    with Dial(gateway.port) as dial:
        internal_error(dial.ask(video(caller.key)))
    assert gateway.storage.reader.jobs.jobs_of(caller.account_id) == []
    nothing_charged(gateway, caller)


def test_a_bug_answers_before_a_body_is_sent(
    gateway: Gateway, caller: Caller, switches: Switches
) -> None:
    switches.throw(("Keys", "requestheaders"))
    head = {"Authorization": f"Bearer {caller.key}", "Content-Length": "10000000"}
    with Dial(gateway.port) as dial:
        internal_error(dial.ask(request("POST", CHAT, headers=head)))
    nothing_charged(gateway, caller)
