"""The address table: what exists, who answers there, and under which rules."""

import pytest

from addons.endpoints import Endpoint, Kind, find
from config.settings import Listen

POSTED = (
    "/v1/chat/completions",
    "/v1/images/generations",
    "/v1/quote",
    "/v1/videos",
    "/v1/videos/generations",
)


@pytest.mark.parametrize(
    ("method", "target", "kind"),
    [
        ("POST", "/api/v1/chat/completions", Kind.CHAT),
        ("POST", "/v1/chat/completions", Kind.CHAT),
        ("POST", "/v1/chat/completions/", Kind.CHAT),
        ("POST", "/api/v1/chat/completions?x=/healthz", Kind.CHAT),
        ("POST", "/api/v1/images/generations", Kind.IMAGES),
        ("POST", "/v1/images/generations/", Kind.IMAGES),
        ("GET", "/v1/images/generations", Kind.WRONG_METHOD),
        ("POST", "/v1/images/edits", Kind.NOTHING),
        ("POST", "/api/v1/videos/generations", Kind.VIDEO_GENERATION),
        ("GET", "/v1/videos/generations", Kind.WRONG_METHOD),
        ("POST", "/api/v1/videos", Kind.VIDEO_CREATION),
        ("POST", "/v1/videos/", Kind.VIDEO_CREATION),
        ("GET", "/v1/videos?limit=1", Kind.VIDEO_LIST),
        ("HEAD", "/v1/videos", Kind.VIDEO_LIST),
        ("DELETE", "/v1/videos", Kind.WRONG_METHOD),
        ("OPTIONS", "/v1/videos", Kind.PREFLIGHT),
        ("GET", "/api/v1/videos/video_1", Kind.VIDEO),
        ("DELETE", "/v1/videos/video_1/", Kind.VIDEO),
        ("POST", "/v1/videos/video_1", Kind.WRONG_METHOD),
        ("GET", "/v1/videos/video_1/content?variant=video", Kind.VIDEO_CONTENT),
        ("HEAD", "/v1/videos/video_1/content", Kind.VIDEO_CONTENT),
        ("DELETE", "/v1/videos/video_1/content", Kind.WRONG_METHOD),
        ("POST", "/v1/videos/video_1/remix", Kind.WRONG_METHOD),
        ("GET", "/v1/video", Kind.NOTHING),
        ("GET", "/api/v1/models", Kind.MODELS),
        ("HEAD", "/v1/models", Kind.MODELS),
        ("GET", "/v1/models/", Kind.MODELS),
        ("GET", "/api/v1/models/gpt-4o", Kind.MODEL),
        ("POST", "/api/v1/quote", Kind.QUOTE),
        ("GET", "/api/v1/quote", Kind.WRONG_METHOD),
        ("GET", "/api/v1/key", Kind.KEY),
        ("GET", "/v1/auth/key", Kind.KEY),
        ("HEAD", "/v1/credits", Kind.CREDITS),
        ("POST", "/v1/credits", Kind.WRONG_METHOD),
        ("GET", "/api/v1/receipts/req_1", Kind.RECEIPT),
        ("HEAD", "/v1/receipts/req_1/", Kind.RECEIPT),
        ("GET", "/v1/receipts/key", Kind.RECEIPT_KEY),
        ("GET", "/v1/generation?id=req_1", Kind.GENERATION),
        ("GET", "/v1/generation/", Kind.GENERATION),
        ("GET", "/healthz", Kind.HEALTH),
        ("GET", "/readyz", Kind.READY),
        ("HEAD", "/metrics", Kind.METRICS),
        ("POST", "/metrics", Kind.WRONG_METHOD),
        ("GET", "/media/a.png?expires=1&signature=b", Kind.MEDIA),
        ("HEAD", "/media/", Kind.MEDIA),
        ("GET", "/media", Kind.WEB),
        ("GET", "/v1/media/a.png", Kind.NOTHING),
        ("POST", "/media/a.png", Kind.WRONG_METHOD),
        ("OPTIONS", "/media/a.png", Kind.PREFLIGHT),
        ("GET", "/", Kind.WEB),
        ("POST", "/api/auth.php?action=login", Kind.WEB),
        ("GET", "/public/dashboard.html", Kind.WEB),
        ("OPTIONS", "/api/auth.php", Kind.WEB),
        ("GET", "/apiv1/models", Kind.WEB),
        ("GET", "/healthz/", Kind.WEB),
        ("GET", "/api/v1", Kind.NOTHING),
        ("GET", "/v1", Kind.NOTHING),
        ("GET", "/v1/", Kind.NOTHING),
        ("GET", "/v1/receipts", Kind.NOTHING),
        ("GET", "/v1/generation/req_1", Kind.NOTHING),
        ("POST", "/v1/embeddings", Kind.NOTHING),
        ("POST", "/v1/../healthz", Kind.NOTHING),
        ("POST", "/v1/chat/completions//", Kind.NOTHING),
        ("POST", "/v1//chat/completions", Kind.NOTHING),
        ("POST", "/v1/CHAT/completions", Kind.NOTHING),
        ("GET", "/api/v1/chat/completions", Kind.WRONG_METHOD),
        ("POST", "/v1/models", Kind.WRONG_METHOD),
        ("DELETE", "/v1/models/gpt-4o", Kind.WRONG_METHOD),
        ("POST", "/v1/receipts/req_1", Kind.WRONG_METHOD),
        ("DELETE", "/v1/receipts/key", Kind.WRONG_METHOD),
        ("POST", "/v1/generation?id=req_1", Kind.WRONG_METHOD),
        ("POST", "/healthz", Kind.WRONG_METHOD),
        ("OPTIONS", "/v1/chat/completions", Kind.PREFLIGHT),
        ("OPTIONS", "/v1/nothing", Kind.PREFLIGHT),
    ],
)
def test_an_address_is_one_kind_of_thing(method: str, target: str, kind: Kind) -> None:
    assert find(method, target).kind is kind


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        ("/v1/chat/completions", {"api", "keyed", "paid"}),
        ("/v1/images/generations", {"api", "keyed", "paid"}),
        ("/v1/videos", {"api", "keyed", "paid"}),
        ("/v1/videos/generations", {"api", "keyed", "paid"}),
        ("/v1/videos/video_1", {"api", "keyed"}),
        ("/v1/videos/video_1/content", {"api", "keyed"}),
        ("/v1/models", {"api", "keyed"}),
        ("/v1/models/x", {"api", "keyed"}),
        ("/v1/quote", {"api", "keyed"}),
        ("/v1/key", {"api", "keyed"}),
        ("/v1/credits", {"api", "keyed"}),
        ("/v1/receipts/x", {"api", "keyed"}),
        ("/v1/receipts/key", {"api"}),
        ("/v1/generation", {"api", "keyed"}),
        ("/v1/nothing", {"api"}),
        ("/media/x", {"api"}),
        ("/healthz", set()),
        ("/api/user.php", set()),
    ],
)
def test_only_the_programs_api_wants_keys_and_what_is_made_wants_money(
    target: str, rules: set[str]
) -> None:
    endpoint = find("POST" if target in POSTED else "GET", target)
    assert {name for name in ("api", "keyed", "paid") if getattr(endpoint, name)} == (
        rules
    )


@pytest.mark.parametrize(
    ("method", "target", "methods"),
    [
        ("PUT", "/v1/chat/completions", ("POST",)),
        ("PUT", "/v1/models", ("GET", "HEAD")),
        ("PUT", "/v1/models/x", ("GET", "HEAD")),
        ("PUT", "/v1/videos", ("POST", "GET", "HEAD")),
        ("PUT", "/v1/videos/x", ("GET", "HEAD", "DELETE")),
    ],
)
def test_a_wrong_method_learns_the_right_ones(
    method: str, target: str, methods: tuple[str, ...]
) -> None:
    assert find(method, target).methods == methods


@pytest.mark.parametrize("name", ["a.png", "a%2Fb.png", "../a", "a/", ""])
def test_a_file_is_asked_for_by_name_as_it_is_written(name: str) -> None:
    assert find("GET", f"/media/{name}?x=y").name == name


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/v1/videos/video_1", "video_1"),
        ("/v1/videos/video_1/content", "video_1"),
        ("/v1/videos/video_1/content/?variant=video", "video_1"),
        ("/v1/videos/a/b", "a/b"),
        ("/v1/videos//content", ""),
    ],
)
def test_a_video_is_named_by_its_address(target: str, name: str) -> None:
    assert find("GET", target).name == name


def test_a_list_of_videos_is_not_paid_for() -> None:
    listed = find("GET", "/v1/videos")
    assert (listed.paid, listed.keyed) == (False, True)


@pytest.mark.parametrize("target", ["/v1/chat/completions", "/healthz"])
def test_a_wrong_method_is_answered_in_the_dialect_of_its_address(target: str) -> None:
    assert find("DELETE", target).api is target.startswith("/v1/")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/v1/models/gpt-4o", "gpt-4o"),
        ("/v1/models/claude-3.5-sonnet/", "claude-3.5-sonnet"),
        ("/api/v1/models/a/b?c=d", "a/b"),
    ],
)
def test_a_model_is_named_by_its_address(target: str, name: str) -> None:
    assert find("GET", target).name == name


@pytest.mark.parametrize(
    ("target", "limit"),
    [
        ("/v1/chat/completions", 1000),
        ("/v1/quote", 1000),
        ("/v1/models", 10),
        ("/v1/key", 10),
        ("/v1/nothing", 10),
        ("/healthz", 10),
        ("/api/user.php", 10),
    ],
)
def test_only_what_is_paid_for_or_quoted_may_be_large(target: str, limit: int) -> None:
    endpoint = find("POST" if target in POSTED else "GET", target)
    assert endpoint.body_bytes_max(Listen(body_bytes=1000, form_bytes=10)) == limit


def test_an_endpoint_promises_nothing_by_itself() -> None:
    bare = Endpoint(Kind.WEB, api=False)
    assert not (bare.keyed or bare.paid or bare.methods or bare.name)
