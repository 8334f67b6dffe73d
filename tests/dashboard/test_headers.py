"""Headers: every answer carries them, and the pages live within them."""

import re

import pytest
from flask.testing import FlaskClient

from dashboard.headers import CONTENT_POLICY, SECURITY_HEADERS
from dashboard.pages import read_pages

PLACES = [
    ("/", 302),
    ("/public/dashboard.html", 200),
    ("/public/style.css", 200),
    ("/public/nothing", 404),
    ("/nowhere", 404),
    ("/api/auth.php", 400),
    ("/api/auth.php?action=me", 401),
    ("/api/user.php?action=nothing", 404),
    ("/api/auth.php?action=login", 405),
]


@pytest.mark.parametrize(("path", "status"), PLACES)
def test_every_answer_is_protected(
    client: FlaskClient, path: str, status: int
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize(("path", "status"), PLACES)
def test_every_answer_names_its_charset(
    client: FlaskClient, path: str, status: int
) -> None:
    answer = client.get(path)
    assert answer.content_type.endswith("; charset=utf-8")


def test_api_answers_are_kept_by_nobody(client: FlaskClient) -> None:
    answer = client.get("/api/auth.php?action=me")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("risk", ["unsafe-inline", "unsafe-eval", "*", "data:", "http"])
def test_the_policy_allows_nothing_risky(risk: str) -> None:
    assert risk not in CONTENT_POLICY
    assert "frame-ancestors 'none'" in CONTENT_POLICY


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (name, page.body.decode())
        for name, page in read_pages().items()
        if name.endswith((".html", ".svg"))
    ],
)
def test_pages_need_nothing_the_policy_forbids(name: str, text: str) -> None:
    assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|<style", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r'(?<![-\w])(?:src|href|action)="(?!/public/|/api/|#)', text)
