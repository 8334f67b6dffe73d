"""Demo: one account that survives restarts, and a file only its owner can read."""

import json
import stat
from dataclasses import asdict
from pathlib import Path

from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.demo import EMAIL, FILE, Demo, known_password, open_demo
from storage import Storage
from tests.dashboard.visitor import Visitor

ADDRESS = "http://127.0.0.1:8000"


def start(storage: Storage, settings: Settings, data: Path) -> Demo:
    return open_demo(storage, settings, data, ADDRESS)


def test_what_is_written_lets_one_in(
    storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    demo = start(storage, settings, tmp_path)
    written = json.loads((tmp_path / FILE).read_text("utf-8"))
    assert written == asdict(demo)
    assert set(written) == {"address", "email", "password", "api_key"}
    # As in production: the demo's hash has the full rounds.
    app = create_app(storage, Current.of(settings), demo=True)
    visitor = Visitor(app.test_client())
    assert visitor.login(demo.email, demo.password).status_code == 200
    key_hash = storage.secrets.key_hash(demo.api_key)
    found = storage.reader.key_by_hash(key_hash)
    assert found is not None and found.status == "active"


def test_the_file_is_its_owners(
    storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    start(storage, settings, tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert list(tmp_path.glob("*.new")) == []


def test_the_next_start_finds_the_same_account(
    storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    first = start(storage, settings, tmp_path)
    assert start(storage, settings, tmp_path) == first
    assert [user.email for user in storage.reader.users()] == [EMAIL]


def test_a_lost_file_makes_a_new_password_and_keeps_the_key(
    storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    first = start(storage, settings, tmp_path)
    (tmp_path / FILE).write_text("{")
    assert known_password(tmp_path) is None
    second = start(storage, settings, tmp_path)
    assert second.password != first.password
    assert second.api_key == first.api_key
