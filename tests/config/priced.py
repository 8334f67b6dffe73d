"""Prices of every sort, and asks for them, for the properties that all must keep."""

from hypothesis import strategies as st

from config.meters import TOKEN_METERS
from config.prices import Case, Price
from config.situations import Situation, When, Window

HOURS = ("Mon-Fri 01:00-04:00", "Sat 00:00-24:00", "Mon-Sun 09:00-17:30")
WEEK_NS = 7 * 86_400 * 10**9

rate = st.integers(0, 10**12)
few_tokens = st.integers(0, 2_000)
situations = st.builds(Situation, st.integers(0, WEEK_NS), st.booleans())
quantities = st.dictionaries(st.sampled_from(TOKEN_METERS), few_tokens)


@st.composite
def sides(draw):
    optional = {meter: rate for meter in TOKEN_METERS[1:4] + TOKEN_METERS[5:]}
    needed = {"input": rate, "output": rate}
    return draw(st.fixed_dictionaries(needed, optional=optional))


@st.composite
def changes(draw):
    return draw(st.dictionaries(st.sampled_from(TOKEN_METERS), rate, min_size=1))


@st.composite
def conditions(draw):
    facts = {}
    if draw(st.booleans()):
        facts["thinking"] = draw(st.booleans())
    if draw(st.booleans()) or not facts:
        facts["hours"] = draw(
            st.lists(st.sampled_from(HOURS), min_size=1, max_size=2, unique=True)
        )
    return When.of_facts(facts)


@st.composite
def tiers(draw, sell, buy):
    """A case of every meter that is dearer than all that may apply below it."""
    above = draw(st.integers(1, 1_500))
    return Case(When(input_above=above), doubled(sell), doubled(buy))


def doubled(several):
    most = max(pico for rates in several for pico in rates.values())
    return dict.fromkeys(TOKEN_METERS, 2 * most)


@st.composite
def prices(draw):
    """Prices with cases for thinking and hours, and perhaps a tier on top."""
    sell, buy = draw(sides()), draw(sides())
    cases = [
        Case(draw(conditions()), draw(changes()), draw(changes()))
        for _ in range(draw(st.integers(0, 3)))
    ]
    if draw(st.booleans()):
        sells = [sell, *(case.sell for case in cases)]
        buys = [buy, *(case.buy for case in cases)]
        cases.append(draw(tiers(sells, buys)))
    return Price.of("m", draw(st.integers(0, 2**60)), sell, buy, cases)


PEAK = When(hours=(Window.parse(HOURS[0]),))
