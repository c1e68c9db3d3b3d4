from __future__ import annotations

from itertools import permutations

from stream_seg.core.events.traits import MAX_TRAITS, Scalar, merge, values


def test_nothing_is_known_of_a_new_customer() -> None:
    assert values(b"") == {}


def test_a_trait_is_stored_with_its_time_and_event() -> None:
    stored = merge(b"", {"city": "Köln", "age": 44}, 5.0, "e-1")
    assert stored == '{"age":[44,5.0,"e-1"],"city":["Köln",5.0,"e-1"]}'.encode()
    assert values(stored) == {"age": 44, "city": "Köln"}


def test_the_later_event_wins_whichever_arrives_first() -> None:
    events: list[tuple[dict[str, Scalar], float, str]] = [
        ({"age": 44, "city": "Bonn"}, 5.0, "e-1"),
        ({"age": 45}, 6.0, "e-2"),
        ({"age": 43, "vip": True}, 4.0, "e-3"),
    ]
    results = set()
    for order in permutations(events):
        stored = b""
        for traits, t, event_id in order:
            stored = merge(stored, traits, t, event_id)
        results.add(stored)
    assert results == {b'{"age":[45,6.0,"e-2"],"city":["Bonn",5.0,"e-1"],"vip":[true,4.0,"e-3"]}'}


def test_of_two_events_at_once_the_greater_id_wins() -> None:
    first, second = ({"age": 1}, 5.0, "e-1"), ({"age": 2}, 5.0, "e-2")
    assert values(merge(merge(b"", *first), *second)) == {"age": 2}
    assert values(merge(merge(b"", *second), *first)) == {"age": 2}


def test_an_event_again_changes_nothing() -> None:
    stored = merge(b"", {"age": 1}, 5.0, "e-1")
    assert merge(stored, {"age": 1}, 5.0, "e-1") == stored


def test_an_event_without_traits_changes_nothing() -> None:
    stored = merge(b"", {"age": 1}, 5.0, "e-1")
    assert merge(stored, {}, 9.0, "e-2") == stored


def test_a_trait_may_be_any_scalar_and_null_is_a_value() -> None:
    events: dict[str, Scalar] = {"a": "x", "b": 1, "c": 2.5, "d": False, "e": None}
    stored = merge(b"", events, 0.0, "e-1")
    assert values(stored) == events
    assert values(merge(stored, {"a": None}, 1.0, "e-2"))["a"] is None


def test_the_64_names_set_last_are_stored() -> None:
    stored = merge(b"", {f"t{number:02}": number for number in range(MAX_TRAITS)}, 5.0, "e-1")
    assert len(values(stored)) == 64
    stored = merge(stored, {"later": 1}, 6.0, "e-2")
    assert len(values(stored)) == 64
    assert "later" in values(stored)
    assert "t00" not in values(stored)  # of names set at one time, the first goes
    assert merge(stored, {"earlier": 1}, 4.0, "e-0") == stored


def test_the_stored_names_do_not_depend_on_the_order_of_arrival() -> None:
    events = [({f"t{number:02}": 1}, float(number), f"e-{number}") for number in range(MAX_TRAITS + 10)]
    results = set()
    for order in (events, events[::-1], events[40:] + events[:40]):
        stored = b""
        for traits, t, event_id in order:
            stored = merge(stored, traits, t, event_id)
        results.add(stored)
    assert len(results) == 1
    assert set(values(results.pop())) == {f"t{number:02}" for number in range(10, MAX_TRAITS + 10)}
