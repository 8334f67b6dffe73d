"""The tests' own visitor behaves like a person with one browser."""

from collections.abc import Callable

from tests.dashboard.visitor import EMAIL, Visitor


def test_a_visitor_keeps_its_cookies(visitor: Callable[[], Visitor]) -> None:
    someone = visitor()
    someone.register()
    assert someone.me().get_json()["data"]["user"]["email"] == EMAIL


def test_two_visitors_share_nothing(visitor: Callable[[], Visitor]) -> None:
    visitor().register()
    assert visitor().me().status_code == 401
