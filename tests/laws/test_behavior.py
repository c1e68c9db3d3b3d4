"""Laws of records: order of arrival, repeats, restarts and other customers do not change a customer's record."""

from __future__ import annotations

from math import isclose
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream_seg.core.customer import Customer
from stream_seg.core.engine import Engine
from stream_seg.core.events.order_entries import Outcome, unpack
from stream_seg.core.events.taxonomy import DISCOUNTED, FIRST_INTERACTION, ORDERS, REFUNDED, SPEND

from .fold import Fold, an_engine
from .histories import DECAY, Act, History, arrivals, cuts, histories, laws, models, within_a_year
from .plain import plain_counts, plain_sums

ENGINE = an_engine()
EXACT = ("purchases", "spend", "refunds", "refunded", "interactions", "coupon_orders", "units", "traits")
TIMES = ("first_seen", "last_seen", "first_purchase", "last_purchase")
DAYS = ("days_before", "days")

within = histories(order_times=within_a_year)


def absorbed(history: History, engine: Engine = ENGINE) -> Customer:
    """Return a customer with these acts, in this order of arrival."""
    customer = engine.new_customer(1)
    for offset, (topic, event, t, amount) in enumerate(history):
        engine.absorb(customer, topic, offset, event, t, amount)
    return customer


def exact(customer: Customer, names: tuple[str, ...] = EXACT + TIMES + DAYS) -> dict[str, Any]:
    """Return the values that must be equal to the last bit, and the remembered orders."""
    kept = sorted(unpack(customer.orders, customer.statements))
    return {"orders": kept} | {name: getattr(customer, name) for name in names}


def gross(history: History, customer: Customer) -> dict[int, float]:
    """Return, by slot, the decayed orders and money ever added or taken back. Rounding is relative to them."""
    landmark = DECAY.landmark(customer.last_seen)
    moved = [(max(amount, 0), DECAY.weight(t, landmark)) for topic, _, t, amount in history if topic == "purchases"]
    money = sum(amount * weight for amount, weight in moved)
    return {ORDERS: sum(weight for _, weight in moved), SPEND: money, REFUNDED: money, DISCOUNTED: money}


def assert_same_sums(one: Customer, other: Customer, history: History) -> None:
    came_and_went = gross(history, one)
    for slot, (value, again) in enumerate(zip(one.sums, other.sums, strict=True)):
        tolerance = 1e-9 * came_and_went.get(slot, value) + 1e-300
        assert isclose(value, again, rel_tol=0.0, abs_tol=tolerance), slot
        assert slot < FIRST_INTERACTION or value >= 0.0


@laws
@given(arrivals(within))
def test_any_order_of_arrival_gives_the_same_record(arrived: tuple[History, History]) -> None:
    one, other = map(absorbed, arrived)
    assert exact(one) == exact(other)
    assert_same_sums(one, other, arrived[0])


@laws
@given(arrivals(histories()))
def test_orders_more_than_a_year_late_change_only_the_number_of_days(arrived: tuple[History, History]) -> None:
    one, other = map(absorbed, arrived)
    assert exact(one, EXACT + TIMES) == exact(other, EXACT + TIMES)
    assert_same_sums(one, other, arrived[0])


@laws
@given(within)
def test_a_record_equals_a_plain_count(history: History) -> None:
    customer = absorbed(history)
    counts = plain_counts(history)
    assert {name: getattr(customer, name) for name in counts} == counts
    came_and_went = gross(history, customer)
    for slot, value in plain_sums(history).items():
        assert isclose(customer.sums[slot], value, rel_tol=0.0, abs_tol=1e-9 * came_and_went[slot] + 1e-300), slot


@st.composite
def repeated(draw: st.DrawFn) -> tuple[History, History]:
    """Draw a history, and the same one with repeats of its events or orders, in another order of arrival."""
    history = draw(within)
    completed = {act.event["order_id"] for act in history if is_order(act)}
    edited = {act.event["order_id"] for act in history if "updated_at" in act.event}
    again: History = []
    for act in draw(st.lists(st.sampled_from(history), min_size=1, max_size=6)):
        repeats_its_order = is_order(act) and "updated_at" not in act.event and act.event["order_id"] not in edited
        repeats_its_order |= is_cancellation(act) and act.event["order_id"] in completed
        if repeats_its_order and draw(st.booleans()):
            act = act._replace(event=act.event | {"event_id": f"again-{len(again)}"})
        again.append(act)
    return history, draw(st.permutations(history + again))


def is_order(act: Act) -> bool:
    return act.topic == "purchases" and "type" not in act.event


def is_cancellation(act: Act) -> bool:
    return act.event.get("type") == "order_cancelled"


@laws
@given(repeated())
def test_the_same_event_or_order_again_changes_nothing(arrived: tuple[History, History]) -> None:
    one, other = map(absorbed, arrived)
    assert exact(one) == exact(other)
    assert_same_sums(one, other, arrived[1])


@laws
@given(histories())
def test_a_repeated_history_changes_no_bit(history: History) -> None:
    once, twice = absorbed(history), absorbed(history + history)
    assert max(twice.offsets) > max(once.offsets)
    twice.offsets = once.offsets
    assert twice.pack() == once.pack()
    assert twice.cause == once.cause


@laws
@given(histories().flatmap(cuts))
def test_any_split_into_groups_gives_the_same_record(groups: list[History]) -> None:
    split, at_once = Fold(an_engine()), Fold(an_engine())
    for group in groups:
        split.group(("c", act) for act in group)
    at_once.group(("c", act) for group in groups for act in group)
    assert split.records == at_once.records


@laws
@given(histories(), st.lists(st.booleans(), min_size=12, max_size=12), models())
def test_restoring_a_snapshot_changes_nothing(history: History, restarts: list[bool], model: Any) -> None:
    engine = an_engine(model)
    alive = restored = engine.new_customer(7)
    for offset, ((topic, event, t, amount), restart) in enumerate(zip(history, restarts, strict=False)):
        if restart or alive is restored:
            restored = engine.open(alive.pack())
            assert restored.pack() == alive.pack()
        outcomes = [engine.absorb(each, topic, offset, event, t, amount) for each in (alive, restored)]
        assert outcomes[0] is outcomes[1]
        assert restored.pack() == alive.pack()


@laws
@given(histories(), st.data())
def test_offsets_at_or_below_the_fence_are_skipped(history: History, data: st.DataObject) -> None:
    engine = an_engine()
    offsets = dict.fromkeys(("purchases", "interactions", "profiles"), -1)
    log = []
    for act in history:
        offsets[act.topic] += data.draw(st.integers(1, 3))  # other customers' events lie between
        log.append((act, offsets[act.topic]))
    once, again = engine.new_customer(1), engine.new_customer(1)
    for end, ((topic, event, t, amount), offset) in enumerate(log, 1):
        for customer in (once, again):
            engine.absorb(customer, topic, offset, event, t, amount)
            customer.recent = b""  # so that only the fence recognizes repeats
        for (topic, event, t, amount), offset in log[data.draw(st.integers(0, end)) : end]:
            assert engine.absorb(again, topic, offset, event, t, amount) is Outcome.REPEATED
    assert again.pack() == once.pack()
    assert again.cause == once.cause


@laws
@given(histories("c"), histories("d"), models(), st.data())
def test_other_customers_change_nothing(mine: History, others: History, model: Any, data: st.DataObject) -> None:
    both = [("c", act) for act in mine] + [("d", act) for act in others]
    turns = data.draw(st.permutations(["c"] * len(mine) + ["d"] * len(others)))
    queues = {"c": iter(both[: len(mine)]), "d": iter(both[len(mine) :])}
    arrived = [next(queues[turn]) for turn in turns]
    together, alone = Fold(an_engine(model)), Fold(an_engine(model))
    for one in arrived:
        together.group([one])
        if one[0] == "c":
            alone.group([one])
    assert [each for each in together.changes if each.customer_id == "c"] == alone.changes
    here, there = (fold.customer("c") for fold in (together, alone))
    here.offsets = there.offsets  # offsets count the events of all customers
    assert here.pack() == there.pack()
