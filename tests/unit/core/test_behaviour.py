from __future__ import annotations

from math import inf

from stream_seg.core.behaviour import Behaviour, Outcome, fingerprint
from stream_seg.core.decay import DAY_S
from stream_seg.core.vocabulary import ORDERS

from .acts import DECAY, decayed, money, order, refund


def test_nobody_has_done_anything_yet() -> None:
    who = Behaviour()
    assert who.offsets == [-1, -1, -1]
    assert (who.first_seen, who.last_seen) == (inf, -inf)
    assert (who.first_purchase, who.last_purchase) == (inf, -inf)
    assert (money(who), who.interactions, who.purchase_days) == ((0, 0, 0, 0), 0, 0)
    assert list(who.sums) == [0.0] * 30


def test_seeing_keeps_first_and_last_in_any_order() -> None:
    who = Behaviour()
    assert [who.see(day * DAY_S, DECAY) for day in (2, 0, 3, 1)] == [4.0, 1.0, 8.0, 2.0]
    assert (who.first_seen, who.last_seen) == (0.0, 3 * DAY_S)


def test_sums_move_to_the_next_landmark_exactly() -> None:
    who = Behaviour()
    who.sums[ORDERS] = 3 * who.see(1 * DAY_S, DECAY)
    assert who.see(256 * DAY_S, DECAY) == 1.0
    assert who.sums[ORDERS] == 6 * 2.0**-256
    assert who.see(255 * DAY_S, DECAY) == 0.5  # a late event counts from the new landmark too


def test_sums_move_over_several_landmarks_at_once() -> None:
    who = Behaviour()
    who.sums[ORDERS] = who.see(0.0, DECAY)
    who.see(3 * 256 * DAY_S, DECAY)
    assert who.sums[ORDERS] == 2.0**-768
    who.see(5 * 256 * DAY_S, DECAY)
    assert who.sums[ORDERS] == 0.0


def test_the_first_event_may_lie_in_any_landmark() -> None:
    who = Behaviour()
    assert who.see((77 * 256 + 2) * DAY_S, DECAY) == 4.0


def test_an_event_is_remembered() -> None:
    who = Behaviour()
    assert who.remember(b"aaaaaa", 2)
    assert who.remember(b"bbbbbb", 2)
    assert not who.remember(b"aaaaaa", 2)
    assert who.recent == b"aaaaaabbbbbb"


def test_only_so_many_events_are_remembered_the_oldest_goes_first() -> None:
    who = Behaviour()
    for mark in (b"aaaaaa", b"bbbbbb", b"cccccc"):
        assert who.remember(mark, 2)
    assert who.recent == b"bbbbbbcccccc"
    assert who.remember(b"aaaaaa", 2)  # forgotten, so it counts as new


def test_a_repeat_does_not_make_an_event_younger() -> None:
    who = Behaviour()
    for mark in (b"aaaaaa", b"bbbbbb", b"aaaaaa", b"cccccc"):
        who.remember(mark, 2)
    assert who.recent == b"bbbbbbcccccc"


def test_bytes_across_two_fingerprints_are_not_a_third() -> None:
    who = Behaviour()
    who.remember(b"abcdef", 8)
    who.remember(b"ghijkl", 8)
    assert who.remember(b"defghi", 8)


def test_a_fingerprint_is_six_bytes_the_same_on_every_machine() -> None:
    assert fingerprint("e-1").hex() == "3d21bc8729ac"
    assert fingerprint("ünï").hex() == "5b3c5b63bb28"


def test_an_order_counts_with_its_time_and_money() -> None:
    who = Behaviour()
    assert order(who, 2, "A", 1000) is Outcome.ABSORBED
    assert order(who, 3, "B", 500) is Outcome.ABSORBED
    assert money(who) == (2, 1500, 0, 0)
    assert decayed(who) == [4.0 + 8.0, 4000.0 + 4000.0, 0.0]
    assert (who.first_purchase, who.last_purchase, who.purchase_days) == (2 * DAY_S, 3 * DAY_S, 2)


def test_a_late_order_counts_as_if_it_had_been_on_time() -> None:
    who = Behaviour()
    order(who, 3, "B", 500)
    order(who, 2, "A", 1000)
    assert money(who) == (2, 1500, 0, 0)
    assert decayed(who) == [12.0, 8000.0, 0.0]
    assert (who.first_purchase, who.last_purchase, who.purchase_days) == (2 * DAY_S, 3 * DAY_S, 2)


def test_an_order_counts_once_whatever_events_say_it() -> None:
    who = Behaviour()
    order(who, 2, "A", 1000)
    assert order(who, 2, "A", 1000) is Outcome.REPEATED_ORDER
    assert money(who) == (1, 1000, 0, 0)
    assert decayed(who) == [4.0, 4000.0, 0.0]


def test_an_order_that_was_refunded_is_still_a_repeat() -> None:
    who = Behaviour()
    order(who, 2, "A", 1000)
    refund(who, 3, "A", 400)
    assert order(who, 2, "A", 1000) is Outcome.REPEATED_ORDER
    assert money(who) == (1, 600, 1, 400)


def test_an_order_worth_nothing_is_an_order() -> None:
    who = Behaviour()
    assert order(who, 2, "A", 0) is Outcome.ABSORBED
    assert money(who) == (1, 0, 0, 0)


def test_an_order_is_not_found_inside_the_numbers_of_another() -> None:
    # Amount 1 and nothing taken back are the bytes 01 00 00 00 00 00 00 00.
    who = Behaviour()
    inside = bytes.fromhex("010000000000")
    assert who.complete_order(0.0, who.see(0.0, DECAY), b"abcdef", 1, 3, DECAY) is Outcome.ABSORBED
    assert who.complete_order(0.0, who.see(0.0, DECAY), inside, 7, 3, DECAY) is Outcome.ABSORBED
    assert money(who) == (2, 8, 0, 0)
