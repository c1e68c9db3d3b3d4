"""Commands of readers, and the parsing of Redis' replies."""

from __future__ import annotations

from stream_seg.cache import reads
from stream_seg.cache.keys import Keys

KEYS = Keys("seg")


def test_an_empty_hash_is_an_unknown_customer() -> None:
    read = reads.customer(KEYS, "h-1")
    assert read.commands == [("HGETALL", "seg:customer:h-1")]
    assert read.parse([{}]) is None


def test_a_repeated_id_is_read_once() -> None:
    read = reads.customers(KEYS, iter(["h-2", "h-1", "h-2"]))
    assert read.commands == [("HGETALL", "seg:customer:h-2"), ("HGETALL", "seg:customer:h-1")]
    assert read.parse([{}, {}]) == {"h-2": None, "h-1": None}


def test_no_ids_need_no_command() -> None:
    read = reads.customers(KEYS, [])
    assert read.commands == []
    assert read.parse([]) == {}


def test_sizes_are_summed_over_partitions() -> None:
    read = reads.sizes(KEYS, [0, 3])
    assert read.commands == [("HGETALL", "seg:stats:0"), ("HGETALL", "seg:stats:3")]
    assert read.parse([{"behavior:b0": "3", "behavior:b1": "1"}, {"behavior:b0": "4", "value:gold": "2"}]) == {
        "behavior": {"b0": 7, "b1": 1},
        "value": {"gold": 2},
    }


def test_a_dimension_may_contain_a_colon() -> None:
    assert reads.total_sizes([{"rule:big spender:in": "5"}]) == {"rule:big spender": {"in": 5}}


def test_partitions_are_sorted_as_numbers() -> None:
    read = reads.partitions(KEYS)
    assert read.commands == [("SMEMBERS", "seg:partitions")]
    assert read.parse([{"10", "9", "0"}]) == [0, 9, 10]


def test_the_model_is_json_or_none() -> None:
    read = reads.model(KEYS)
    assert read.commands == [("GET", "seg:model")]
    assert read.parse(['{"version": 3}']) == {"version": 3}
    assert read.parse([None]) is None
