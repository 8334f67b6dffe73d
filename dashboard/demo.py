"""Demo: the account that exists while the gateway runs with --demo.

Made at the first start and found again at the next ones, so that the printed key
keeps working. What a visitor needs is in `demo.json` beside the database, readable by
its owner only.
"""

import base64
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from config import Settings
from dashboard.passwords import Passwords
from storage import Storage
from storage.accounts import EmailTaken, NewUser, register, set_password
from storage.keys import mint

EMAIL = "demo@example.com"
FILE = "demo.json"
PASSWORD_BYTES = 9


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo is and how to get in."""

    address: str
    email: str
    password: str
    api_key: str


def open_demo(
    storage: Storage, settings: Settings, data: Path, address: str
) -> Demo:
    """The demo account, made if it is not there; writes `demo.json`."""
    password = known_password(data) or new_password()
    password_hash = Passwords().hash(password)
    user = storage.reader.user_by_email(EMAIL)
    if user is None:
        new = NewUser(storage.ids.uuid(), EMAIL, password_hash)
        key = mint(storage.secrets)
        welcome_nano = settings.accounts.welcome_nano
        made = storage.writer.wait(register, new, key, welcome_nano)
        if isinstance(made, EmailTaken):
            raise RuntimeError("the demo account appeared while it was made")
        user = made.user
    else:
        storage.writer.wait(set_password, user.id, password_hash)
    found = storage.reader.default_key(user.account_id)
    if found is None:
        raise RuntimeError("the demo account has no key")
    demo = Demo(address, EMAIL, password, storage.secrets.open(found[1]))
    write_private(data / FILE, json.dumps(asdict(demo), indent=2) + "\n")
    return demo


def known_password(data: Path) -> str | None:
    """The password of an earlier start, if its file is still there and whole."""
    try:
        known = json.loads((data / FILE).read_text("utf-8"))["password"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if isinstance(known, str) and known else None


def new_password() -> str:
    return base64.urlsafe_b64encode(os.urandom(PASSWORD_BYTES)).decode("ascii")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; nobody but the owner can read it at any time."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
