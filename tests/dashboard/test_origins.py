"""Origins: our pages and honest programs may change things, other sites may not."""

import pytest
from werkzeug.datastructures import Headers

from dashboard.origins import check_origin, check_token, origin_of, own_origins
from dashboard.refusals import ForeignOrigin

OWN = own_origins("http", "localhost:8000", "https://api.example.com")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000"},
        {"Origin": "https://api.example.com"},
        {"Origin": "https://API.example.com:443"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Referer": "http://localhost:8000/public/dashboard.html#keys"},
    ],
)
def test_ours_and_programs_pass(headers: dict[str, str]) -> None:
    check_origin(Headers(headers), OWN)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost:8000"},
        {"Origin": "http://localhost:8000.evil.example"},
        {"Origin": "http://localhost:8000@evil.example"},
        {"Origin": "http://localhost:99999999"},
        {"Origin": "http://[::1"},
        {"Origin": "//localhost:8000"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Referer": "http://localhost:8000/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Referer": "https://evil.example/http://localhost:8000/"},
        {"Referer": "about:blank"},
    ],
)
def test_other_sites_do_not(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignOrigin):
        check_origin(Headers(headers), OWN)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Localhost:8000/x?y#z", ("http", "localhost", 8000)),
        ("http://localhost", ("http", "localhost", 80)),
        ("https://[::1]/", ("https", "::1", 443)),
        ("ftp://localhost", None),
        ("localhost:8000", None),
        ("", None),
    ],
)
def test_an_origin_is_scheme_host_and_port(
    url: str, origin: tuple[str, str, int] | None
) -> None:
    assert origin_of(url) == origin


def test_a_host_that_is_none_owns_nothing() -> None:
    assert own_origins("http", "", None) == frozenset()
    assert own_origins("http", "[::1", None) == frozenset()


def test_a_token_is_optional_but_never_wrong() -> None:
    check_token(None, "abc")
    check_token("abc", "abc")
    for wrong in ("", "abd", "abcd", "密"):
        with pytest.raises(ForeignOrigin):
            check_token(wrong, "abc")
