"""Any bill can be computed again: all usage of a random run, by prices on paper.

Requests with prices of every sort are admitted, settled, voided, charged late and
charged beyond what there is. Then nothing is known but the rows, and each charge, and
what each request cost us, must come out to the nano-dollar.
"""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.gateway import LedgerSettings
from config.money import charge_nano_rounded_up
from config.prices import METERS, Case, Price, buy_pico, sell_pico
from config.situations import Situation, When
from storage import open_storage
from storage.ledger import CONDITIONS, Settlement, admit, settle, void
from tests.config.priced import prices, quantities, rate, situations
from tests.fakes.clock import FakeClock
from tests.storage.paper_prices import paper_charge
from tests.storage.teller import USED, Teller, ask

SIZES = ("1024x1024", "1792x1024")
QUALITIES = ("standard", "hd")
RESOLUTIONS = ("720p", "1080p")
RICH_NANO, POOR_NANO = 10**17, 1000


def case(name, values, rates):
    return Case(When.of_facts({name: values}), rates, rates)


@st.composite
def images(draw):
    cases = [
        case("size", [SIZES[1]], {"image": draw(rate)}),
        case("quality", [QUALITIES[1]], {"image": draw(rate)}),
    ]
    return Price.of("p", 0, {"image": draw(rate)}, {"image": draw(rate)}, cases)


@st.composite
def videos(draw):
    sell = {"generation": draw(rate), "second": draw(rate)}
    cases = [case("resolution", [RESOLUTIONS[1]], {"second": draw(rate)})]
    return Price.of("v", 0, sell, {"generation": 1}, cases)


@st.composite
def parameters(draw):
    named = {"size": SIZES, "quality": QUALITIES, "resolution": RESOLUTIONS}
    chosen = {
        name: draw(st.sampled_from(values))
        for name, values in named.items()
        if draw(st.booleans())
    }
    return Situation(draw(st.integers(0, 10**15)), draw(st.booleans()), chosen)


few = st.integers(0, 20)
ASKS = st.one_of(
    st.tuples(prices(), quantities, situations),
    st.tuples(images(), st.fixed_dictionaries({"image": few}), parameters()),
    st.tuples(
        videos(),
        st.fixed_dictionaries({"generation": few, "second": few}),
        parameters(),
    ),
)
ENDS = st.sampled_from(["settle", "settle", "settle twice", "void", "late"])
POOR = st.sampled_from([False, False, True])


def settlement(hold_id, price, used, situation):
    """What the gateway would settle."""
    sold, bought = sell_pico(price, used, situation), buy_pico(price, used, situation)
    facts = price.facts(situation)
    record = replace(USED, quantities=used, conditions=facts)
    return Settlement(
        hold_id,
        charge_nano_rounded_up(sold),
        sold,
        record,
        charge_nano_rounded_up(bought),
        bought,
    )


def live(teller, number, request, end, caller):
    price, used, situation = request
    final = settlement(f"r{number}", price, used, situation)
    # The hold is large enough, or half of it, or next to nothing.
    amount = max(1, final.cost_nano // (1, 2, 10**15)[number % 3])
    asked = ask(caller, final.hold_id, amount, price_id=price.id, model=price.model)
    if type(teller.do(admit, asked)).__name__ != "Granted":
        return
    if end in ("void", "late"):
        teller.do(void, final.hold_id, "x", None)
    if end != "void":
        teller.do(settle, final)
    if end == "settle twice":
        teller.do(settle, final)


USAGE = f"""
    SELECT h.state, p.sell, p.buy, u.other, u.cost_pico, u.cost_nano, u.buy_pico,
        u.buy_nano, u.paid_nano, u.shortfall_nano, t.amount_nano, t.buy_nano,
        {", ".join("u." + meter for meter in METERS)}
    FROM usage u JOIN price p ON p.id = u.price_id JOIN hold h ON h.id = u.request_id
    LEFT JOIN transfer t ON t.hold_id = h.id AND t.code IN ('usage', 'late')
"""


def rate_again(teller, met):
    charged = 0
    for row in teller.sql(USAGE):
        state, sell, buy, other, pico, cost, buy_pico_text, bought, *rest = row
        paid, short, moved, memo, *counts = rest
        if moved is None:
            assert (state, cost, bought) == ("voided", 0, 0)
            met["free"] += 1
            continue
        counted = dict(zip(METERS, counts, strict=True))
        exact, nano = paper_charge(sell, counted, other)
        exact_bought, nano_bought = paper_charge(buy, counted, other)
        assert (exact * 10**12, nano) == (int(pico), cost)
        assert (exact_bought * 10**12, nano_bought) == (int(buy_pico_text), bought)
        assert (paid + short, moved, memo) == (cost, paid, bought)
        charged += cost
        met["charged"] += bool(cost)
        met["rounded"] += exact * 10**9 != nano
        met["late"] += state == "voided"
        met["short"] += bool(short)
        met.update(name for name in SORTS if name in (other or "") + sell)
    return charged


SORTS = ("input_above", "hours", "thinking", "reasoning", "cache_write_1h")
SORTS += ("size", "quality", "resolution", "generation", "second", "image")
KINDS = {"free", "charged", "rounded", "late", "short", *SORTS}


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def tell(met, data):
    """One story, lived and rated again."""
    request = st.tuples(ASKS, ENDS, POOR)
    story = data.draw(st.lists(request, min_size=1, max_size=30))
    offered = {price.id: price for (price, _, _), _, _ in story}
    with tempfile.TemporaryDirectory() as directory:
        storage = open_storage(
            Path(directory) / "data",
            LedgerSettings(),
            clock=FakeClock(),
            gateway=True,
            prices=list(offered.values()),
        )
        try:
            teller = Teller(storage)
            rich = teller.caller(RICH_NANO)
            poor = teller.caller(POOR_NANO, "poor@example.com")
            for number, (asked, end, is_poor) in enumerate(story):
                live(teller, number, asked, end, poor if is_poor else rich)
            charged = rate_again(teller, met)
            assert teller.house("revenue") == charged
            assert teller.audit() == []
        finally:
            storage.close()


def test_every_charge_comes_out_again_to_the_nano():
    met = Counter()
    tell(met)
    # A run in which nothing happened would come out too.
    assert KINDS - set(+met) == set()


def test_what_a_price_depends_on_is_stored_beside_the_usage():
    """Otherwise the run above would rate plain situations only."""
    dearer = [case("size", [SIZES[1]], {"image": 9})]
    price = Price.of("p", 0, {"image": 5}, {"image": 5}, dearer)
    situation = Situation(7, False, {"size": SIZES[1]})
    final = settlement("r", price, {"image": 2}, situation)
    assert final.record.conditions["size"] == SIZES[1]
    other = '{"image": 2, "%s": {"size": "%s"}}' % (CONDITIONS, SIZES[1])
    sell = '{"image": 5, "cases": [{"when": {"size": ["%s"]}, "image": 9}]}' % SIZES[1]
    assert paper_charge(sell, {}, other)[0] * 10**12 == final.cost_pico == 18
