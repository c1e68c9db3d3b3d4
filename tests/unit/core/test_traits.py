from __future__ import annotations

from itertools import permutations

from stream_seg.core.events.traits import MAX_TRAITS, Scalar, merge, values


def test_nothing_is_known_of_a_new_customer() -> None:
    assert values(b"") == {}


def test_what_is_said_is_held_with_its_time_and_event() -> None:
    held = merge(b"", {"city": "Köln", "age": 44}, 5.0, "e-1")
    assert held == '{"age":[44,5.0,"e-1"],"city":["Köln",5.0,"e-1"]}'.encode()
    assert values(held) == {"age": 44, "city": "Köln"}


def test_the_later_event_wins_whichever_arrives_first() -> None:
    said: list[tuple[dict[str, Scalar], float, str]] = [
        ({"age": 44, "city": "Bonn"}, 5.0, "e-1"),
        ({"age": 45}, 6.0, "e-2"),
        ({"age": 43, "vip": True}, 4.0, "e-3"),
    ]
    results = set()
    for order in permutations(said):
        held = b""
        for traits, t, event_id in order:
            held = merge(held, traits, t, event_id)
        results.add(held)
    assert results == {b'{"age":[45,6.0,"e-2"],"city":["Bonn",5.0,"e-1"],"vip":[true,4.0,"e-3"]}'}


def test_of_two_events_at_once_the_greater_id_wins() -> None:
    first, second = ({"age": 1}, 5.0, "e-1"), ({"age": 2}, 5.0, "e-2")
    assert values(merge(merge(b"", *first), *second)) == {"age": 2}
    assert values(merge(merge(b"", *second), *first)) == {"age": 2}


def test_an_event_again_changes_nothing() -> None:
    held = merge(b"", {"age": 1}, 5.0, "e-1")
    assert merge(held, {"age": 1}, 5.0, "e-1") == held


def test_no_traits_said_leaves_those_held() -> None:
    held = merge(b"", {"age": 1}, 5.0, "e-1")
    assert merge(held, {}, 9.0, "e-2") == held


def test_a_trait_may_be_any_scalar_and_null_is_a_value() -> None:
    said: dict[str, Scalar] = {"a": "x", "b": 1, "c": 2.5, "d": False, "e": None}
    held = merge(b"", said, 0.0, "e-1")
    assert values(held) == said
    assert values(merge(held, {"a": None}, 1.0, "e-2"))["a"] is None


def test_at_most_64_names_are_held_those_said_last() -> None:
    held = merge(b"", {f"t{number:02}": number for number in range(MAX_TRAITS)}, 5.0, "e-1")
    assert len(values(held)) == 64
    held = merge(held, {"later": 1}, 6.0, "e-2")
    assert len(values(held)) == 64
    assert "later" in values(held)
    assert "t00" not in values(held)  # of those said at once the first name goes
    assert merge(held, {"earlier": 1}, 4.0, "e-0") == held


def test_which_names_are_held_does_not_depend_on_arrival() -> None:
    said = [({f"t{number:02}": 1}, float(number), f"e-{number}") for number in range(MAX_TRAITS + 10)]
    results = set()
    for order in (said, said[::-1], said[40:] + said[:40]):
        held = b""
        for traits, t, event_id in order:
            held = merge(held, traits, t, event_id)
        results.add(held)
    assert len(results) == 1
    assert set(values(results.pop())) == {f"t{number:02}" for number in range(10, MAX_TRAITS + 10)}
