"""Whether bytes from outside are a whole customer record: what a topic holds may be damaged, or forged."""

from __future__ import annotations

import json
from array import array
from math import inf, isfinite
from typing import Any, Final

from stream_seg.errors import BadRecord

from .customer import LAYOUT, NO_SEGMENT, check_format
from .events.recent_ids import FINGERPRINT_BYTES, ORDER_ENTRY

_LATEST: Final = 253_402_300_799.0  # the end of the year 9999, epoch seconds
_MOST_CHANGES: Final = 2**31


def check_whole(data: bytes) -> None:
    """Raise BadRecord unless all that is made of a record will find what it needs in `data`.

    Lengths fit, times are times (or say that something never happened), sums are finite, traits are traits. A
    microsecond or two, once for each record that is read from the changelog.
    """
    check_format(data)
    (
        *_, sequence, segment, _, since, as_of, _, _, _, _, _, first_seen, last_seen, first_purchase, last_purchase, _,
        day_bytes, recent_count, order_count, sums,
    ) = LAYOUT.unpack_from(data)  # fmt: skip
    traits = LAYOUT.size + day_bytes + recent_count * FINGERPRINT_BYTES + order_count * ORDER_ENTRY.size
    if traits > len(data):
        raise BadRecord(f"a customer record of {len(data)} bytes says it has {traits}; it is cut off")
    if not (
        segment >= NO_SEGMENT
        and sequence < _MOST_CHANGES
        and 0.0 <= since <= _LATEST
        # A comparison with NaN is never true.
        and as_of <= _LATEST
        and last_seen <= _LATEST
        and last_purchase <= _LATEST
        and first_seen >= 0.0
        and first_purchase >= 0.0
        and isfinite(sum(array("d", sums)))
    ):
        raise BadRecord(f"a customer record of {len(data)} bytes holds a number that cannot be; it is damaged")
    if traits < len(data) and not _are_traits(data[traits:]):
        raise BadRecord(f"a customer record of {len(data)} bytes holds traits that cannot be read; it is damaged")


def _are_traits(held: bytes) -> bool:
    """Whether these are traits as `traits.merge` writes them."""
    try:
        said = json.loads(held)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and all(map(_is_trait, said.values()))


def _is_trait(said: Any) -> bool:
    if not isinstance(said, list) or len(said) != 3:
        return False
    value, t, event_id = said
    scalar = value is None or isinstance(value, str | int | float)
    return scalar and isinstance(t, float | int) and -inf < t < inf and isinstance(event_id, str)
