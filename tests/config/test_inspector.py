"""What is shown of whose traffic: levels by key, and a hash that nobody reads back."""

import pytest

from config.document import ConfigError
from config.inspector import INSPECTOR, InspectorSettings
from config.values import record

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaA"

read = record(InspectorSettings, INSPECTOR)


@pytest.mark.parametrize(
    ("level", "key_id", "shown"),
    [
        (None, 7, "headers"),
        (None, None, "headers"),
        ("full", 7, "full"),
        ("full", None, "headers"),
        ("off", 7, "off"),
        ("off", None, "off"),
        ("full", 1, "off"),
        ("off", 2, "full"),
    ],
)
def test_a_key_has_its_own_level_or_the_usual_one(level, key_id, shown) -> None:
    settings = InspectorSettings(level=level, keys={1: "off", 2: "full"})
    assert settings.level_of(key_id) == shown


def test_the_keys_of_a_level_are_a_list(document) -> None:
    found = read(document('keys: {full: [7, 9], headers: [], "off": [3]}'))
    assert found.keys == {7: "full", 9: "full", 3: "off"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("keys: {full: [1], headers: [1]}", "keys.full"),
        ("keys: {full: [0]}", "keys.full[0]"),
        ("keys: {full: [mine]}", "keys.full[0]"),
        ("keys: {some: [1]}", "keys.some"),
        ("level: all", "level"),
        ("prompts: maybe", "prompts"),
        ("body_size: 17MiB", "body_size"),
        ("port: 65536", "port"),
    ],
)
def test_a_mistake_is_named(document, mistake, text: str, place: str) -> None:
    assert f": {place}: " in mistake(read, document(text))


def test_the_largest_body_is_allowed(document) -> None:
    assert read(document("body_size: 16MiB")).body_bytes == 16 * 1024 * 1024


def test_a_hash_comes_from_the_environment(document) -> None:
    node = document('password: "${WEB}"', {"WEB": HASH})
    found = read(node)
    assert found.password == HASH
    assert HASH not in repr(found)


@pytest.mark.parametrize("password", ["hunter22", "[hunter22]", "$argon2id$short"])
def test_a_password_itself_is_refused_and_not_repeated(document, password) -> None:
    with pytest.raises(ConfigError) as caught:
        read(document(f"password: {password}"))
    assert "hunter22" not in str(caught.value)
    assert caught.value.key == "password"
