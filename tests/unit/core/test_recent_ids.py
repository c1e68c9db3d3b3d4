from __future__ import annotations

from stream_seg.core.events.recent_ids import fingerprint, position


def test_a_fingerprint_is_six_bytes_the_same_on_every_machine() -> None:
    assert fingerprint("e-1").hex() == "3d21bc8729ac"
    assert fingerprint("ünï").hex() == "5b3c5b63bb28"


def test_an_entry_is_found_at_its_start() -> None:
    ring = b"abcdefghijkl"
    assert [position(ring, entry, 6) for entry in (b"abcdef", b"ghijkl", b"mnopqr")] == [0, 6, -1]


def test_bytes_across_two_entries_are_not_a_third() -> None:
    assert position(b"abcdefghijkl", b"defghi", 6) == -1
    assert position(b"abcdefghijkldefghi", b"defghi", 6) == 12
