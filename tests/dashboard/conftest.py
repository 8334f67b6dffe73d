"""A whole web side on a real database, with a clock that stands still."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import config
from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage, open_storage
from tests.dashboard.spending import MODEL
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock

CONFIG = Path(config.__file__).parent


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def settings() -> Settings:
    return config.load(CONFIG, {})


@pytest.fixture
def storage(tmp_path: Path, settings: Settings, clock: FakeClock) -> Iterator[Storage]:
    opened = open_storage(
        tmp_path, settings.ledger, clock=clock, gateway=True, prices=settings.prices
    )
    yield opened
    opened.close()


@pytest.fixture
def passwords() -> Passwords:
    """The cheapest rounds bcrypt knows: tests are not attacked."""
    return Passwords(rounds=4)


@pytest.fixture
def current(settings: Settings) -> Current:
    return Current.of(settings)


@pytest.fixture
def app(storage: Storage, current: Current, passwords: Passwords) -> Flask:
    return create_app(storage, current, demo=True, passwords=passwords)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def visitor(app: Flask) -> Callable[[], Visitor]:
    """A new browser each time."""
    return lambda: Visitor(app.test_client())


@pytest.fixture
def user(visitor: Callable[[], Visitor]) -> Visitor:
    """Somebody registered and signed in as user@example.com."""
    someone = visitor()
    someone.register()
    return someone


@pytest.fixture
def price_id(settings: Settings, clock: FakeClock) -> str:
    price = settings.prices.at(MODEL, clock.wall_ns())
    assert price is not None
    return price.id
