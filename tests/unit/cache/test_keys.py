"""Names of Redis keys."""

from __future__ import annotations

from stream_seg.cache.keys import Keys


def test_public_keys_match_the_contract() -> None:
    keys = Keys("seg")
    assert keys.customer("h-1871") == "seg:customer:h-1871"
    assert keys.model == "seg:model"
    assert keys.stats(7) == "seg:stats:7"


def test_internal_keys_are_under_the_prefix() -> None:
    keys = Keys("shop:eu")
    assert keys.mark(0) == "shop:eu:group:0"
    assert keys.partitions == "shop:eu:partitions"
    assert keys.owner == "shop:eu:owner"


def test_a_customer_id_is_not_escaped() -> None:
    assert Keys("seg").customer("a:b c*é\n") == "seg:customer:a:b c*é\n"
