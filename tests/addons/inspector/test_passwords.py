"""A password is kept as a hash that the settings take."""

from addons.inspector.passwords import hashed
from addons.inspector.web.door import Door
from config.inspector import _ARGON2


def test_a_hash_is_what_the_settings_want_and_the_door_opens_for() -> None:
    made = hashed("correct horse")
    assert _ARGON2.fullmatch(made)
    assert Door(made, lambda: 0.0).opens("correct horse")
    assert hashed("correct horse") != made, "salted"
