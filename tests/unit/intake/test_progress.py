"""Bounds as metadata of offsets: what goes in comes out, or less, and always fits; and which records are found."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_seg.intake.progress import METADATA_BYTES, Coordinates, Found, coordinates, decoded, encoded

TOPICS = ["purchases", "interactions", "profiles", "dead-letters"]
SHOP = TopicPartition("shop", 3)

offsets = st.integers(0, 2**63 - 1)


def bounds_of(*columns: list[int]) -> dict[TopicPartition, int]:
    """Bounds, a list for each topic."""
    return {TopicPartition(t, n): at for t, column in zip(TOPICS, columns, strict=False) for n, at in enumerate(column)}


@given(st.lists(st.lists(offsets, max_size=20), min_size=4, max_size=4))
def test_a_few_bounds_come_back_exactly(columns: list[list[int]]) -> None:
    bounds = bounds_of(*columns)
    text = encoded(bounds, TOPICS)
    assert decoded(text, TOPICS) == bounds
    assert text.isascii()


@settings(max_examples=20)  # of up to 16,384 bounds each
@given(
    st.integers(1, 4096),
    st.lists(offsets, min_size=1, max_size=64),
    st.randoms(use_true_random=False),
)
def test_many_bounds_fit_and_are_never_raised(count: int, values: list[int], random: Any) -> None:
    bounds = bounds_of(*([random.choice(values) for _ in range(count)] for _ in TOPICS))
    text = encoded(bounds, TOPICS)
    assert len(text) <= METADATA_BYTES
    found = decoded(text, TOPICS)
    assert found is not None
    assert found.keys() == bounds.keys()
    assert all(found[tp] <= bounds[tp] for tp in bounds)


def test_how_much_is_read_in_vain() -> None:
    # As in a year of a large shop: partitions are of like size, but not the same.
    for count, most in ((64, 0), (256, 4_096), (1024, 5_100_000)):
        bounds = bounds_of(*([3_000_000_000 + n * 7919 % 5_000_000 for n in range(count)] for _ in TOPICS))
        found = decoded(encoded(bounds, TOPICS), TOPICS)
        assert found is not None
        assert max(bounds[tp] - found[tp] for tp in bounds) <= most, count


@pytest.mark.parametrize(
    "text", ["", "x", "someone else's", "é", "0" * 40, encoded(bounds_of([5]), ["other", *TOPICS[1:]])]
)
def test_metadata_of_others_says_nothing(text: str) -> None:
    assert decoded(text, TOPICS) is None


def test_metadata_that_was_cut_says_nothing() -> None:
    text = encoded(bounds_of([5, 6], [7], [8], [9]), TOPICS)
    assert decoded(text[:-5], TOPICS) is None


class Record(NamedTuple):
    """What of aiokafka's records is looked at."""

    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = 100
    timestamp_type: int = 0
    topic: str = "shop"
    partition: int = 3
    offset: int = 0


def written(offset: int, member: int | None = None, **more: Any) -> Record:
    """A record of a destination that comes of this source."""
    said = {"source_topic": "shop", "source_partition": "3", "source_offset": str(offset)}
    said |= {} if member is None else {"source_member": str(member)}
    return Record(tuple((name, value.encode()) for name, value in said.items()), **more)


def test_coordinates_are_in_the_headers() -> None:
    assert coordinates(written(7)) == Coordinates(SHOP, 7, 0)
    assert coordinates(written(7, 2)) == Coordinates(SHOP, 7, 2)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("source_topic", b"shop"),),
        (("source_topic", b"\xff"), ("source_partition", b"1"), ("source_offset", b"1")),
        (("source_topic", None), ("source_partition", b"1"), ("source_offset", b"1")),
        (("source_topic", b"shop"), ("source_partition", b"one"), ("source_offset", b"1")),
    ],
)
def test_records_of_others_have_none(headers: Any) -> None:
    assert coordinates(Record(headers)) is None


def test_what_is_found() -> None:
    found = Found({SHOP: 5})
    for record in (written(4), written(6), written(7, 1), Record(), written(6)._replace(headers=())):
        found.add(record)
    assert found.last(SHOP) == 7
    assert found.last(TopicPartition("shop", 4)) == -1
    has = {(n, member) for n in range(9) for member in range(3) if found.has(Record(offset=n), member, 100)}
    assert has == {(6, 0), (7, 1)}
    assert not found.has(Record(offset=6, partition=4), 0, 100)
    assert not found.has(Record(offset=6, topic="other"), 0, 100)


def test_a_topic_that_was_made_again_has_other_timestamps() -> None:
    found = Found({SHOP: 0})
    found.add(written(1, timestamp=100))
    found.add(written(2, timestamp=999, timestamp_type=1))
    assert not found.has(Record(offset=1, timestamp=101), 0, 101)
    assert found.has(Record(offset=1, timestamp=5_000), 0, 300)  # moved towards the clock: it says nothing
    assert found.has(Record(offset=2, timestamp=100), 0, 100)  # the destination keeps the time of appending
