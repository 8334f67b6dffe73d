"""The fake plans are real ones."""

from tests.fakes import exchanges, plans


def test_a_plan_says_what_it_was_made_of() -> None:
    leg = exchanges.leg()
    made = plans.plans({"gpt-4o": exchanges.MODEL}, {"gpt-4o": (leg,)})
    assert made.plan.turn("gpt-4o") == (leg,)
    assert made.current.settings.models == {"gpt-4o": exchanges.MODEL}
