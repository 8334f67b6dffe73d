"""Which models are alike."""

import pytest

from addons.providers.anthropic_models import FAMILIES, NEWEST, family_of

OLDEST, CAREFUL, ADAPTIVE = FAMILIES


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-3-5-sonnet-20241022", OLDEST),
        ("claude-3-7-sonnet-latest", OLDEST),
        ("claude-sonnet-4-20250514", OLDEST),
        ("claude-sonnet-4-0", OLDEST),
        ("claude-opus-4-1-20250805", CAREFUL),
        ("claude-sonnet-4-5", CAREFUL),
        ("claude-haiku-4-5-20251001", CAREFUL),
        ("claude-sonnet-4-6", ADAPTIVE),
        ("claude-opus-4-6", ADAPTIVE),
        ("claude-opus-4-7", NEWEST),
        ("claude-sonnet-5-5", NEWEST),
        ("claude-anything", NEWEST),
    ],
)
def test_a_model_s_family(model: str, family: object) -> None:
    assert family_of(model) is family


def test_no_model_is_asked_for_an_effort_it_does_not_have() -> None:
    assert "xhigh" not in ADAPTIVE.efforts.values()
    assert NEWEST.efforts["xhigh"] == "xhigh"
    assert not OLDEST.efforts and not CAREFUL.efforts
