"""One person with a cookie jar, talking to the web endpoints."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

EMAIL = "user@example.com"
PASSWORD = "correct horse"
OURS = {"Origin": "http://localhost"}
"""What a browser says by itself of our own pages."""


class Visitor:
    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.id = ""
        self.api_key = ""

    def get(self, place: str, action: str, **query: str) -> TestResponse:
        return self.client.get(
            f"/api/{place}.php", query_string={"action": action, **query}
        )

    def post(
        self,
        place: str,
        action: str,
        fields: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        return self.client.post(
            f"/api/{place}.php",
            query_string={"action": action},
            json=fields or {},
            headers=OURS if headers is None else headers,
        )

    def register(self, email: str = EMAIL, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.post("auth", "register", {"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        user: dict[str, Any] = answer.get_json()["data"]["user"]
        self.id, self.api_key = user["id"], user["api_key"]
        return user

    def login(
        self, email: str = EMAIL, password: str = PASSWORD
    ) -> TestResponse:
        return self.post("auth", "login", {"email": email, "password": password})

    def me(self) -> TestResponse:
        return self.get("auth", "me")

    def balance(self) -> str:
        exact: str = self.me().get_json()["data"]["user"]["balance_exact"]
        return exact
