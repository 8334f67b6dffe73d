"""Current: one look is at one configuration."""

from pathlib import Path

from config import load
from config.current import Current, Loaded

CONFIG = Path(__file__).parents[2] / "config"


def test_what_is_loaded_is_replaced_as_a_whole() -> None:
    first, second = load(CONFIG, {}), load(CONFIG, {})
    current = Current.of(first)
    assert current.settings is first
    assert current.loaded == Loaded(first, 0, (), None)
    current.loaded = Loaded(second, 5)
    assert current.settings is second
