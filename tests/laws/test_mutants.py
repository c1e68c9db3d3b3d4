"""A hundred thousand mutated records: each is absorbed as an event, or rejected with a reason."""

from __future__ import annotations

from collections import Counter
from typing import Final

from stream_seg.contracts.decode import Decoder
from stream_seg.contracts.money import MAX_MINOR
from stream_seg.contracts.reasons import SENTENCES, WRONG_PARTITION
from stream_seg.core.absorb import absorb_rows
from stream_seg.core.batch import new_record
from stream_seg.core.decay import DAY_S, Decay
from stream_seg.core.engine import Engine, Rows, Rules
from stream_seg.core.events.categories import CategoryNames
from stream_seg.core.events.order_entries import ALL_THAT_IS_LEFT
from stream_seg.core.events.taxonomy import TOPICS
from tests.laws.mutations import Mutant, mutants

COUNT: Final = 100_000
BATCH: Final = 1_000
SEED: Final = 20_171_121
NOW: Final = 1_800_000_000.0


class Folder:
    """Decodes and absorbs records as a worker does, and checks that each is an event or is rejected."""

    def __init__(self) -> None:
        self._decoders = {topic: Decoder(topic, rates={"GBP": 1e300}) for topic in TOPICS}
        self._engine = Engine(Rules(Decay(30 * DAY_S)))
        self._records: dict[bytes, bytes] = {}
        self.reasons: Counter[str] = Counter()
        self.absorbed = 0

    def take(self, topic: str, first: int, chunk: list[Mutant]) -> None:
        """Decode and absorb records whose offsets start at `first`."""
        keys = [mutant.key for mutant in chunk]
        decoded = self._decoders[topic].decode([mutant.value for mutant in chunk], keys, NOW)
        rejected = decoded.rejected
        assert sorted([*decoded.indices, *(each.index for each in rejected)]) == list(range(len(chunk)))
        assert all(each.reason in SENTENCES and 0 < len(each.detail) <= 400 for each in rejected)
        assert all(0.0 <= t <= NOW + 300 for t in decoded.times)
        assert all(0 <= amount <= MAX_MINOR or amount == ALL_THAT_IS_LEFT for amount in decoded.amounts)
        own = [keys[index] or b"" for index in decoded.indices]
        assert [event["customer_id"].encode() for event in decoded.events] == own
        offsets = [first + index for index in decoded.indices]
        batch = self._engine.new_batch()
        touched = list(dict.fromkeys(own))
        batch.open(touched, [self._records.get(key) or new_record(1) for key in touched])
        if own:
            amounts = decoded.amounts or [0] * len(own)
            rows = Rows(batch.rows(own), offsets, decoded.events, decoded.times, amounts, decoded.times)
            absorb_rows(TOPICS.index(topic), rows, batch, [CategoryNames()] * len(batch))
        self._records |= zip(batch.keys, batch.pack(), strict=True)
        self.reasons.update(each.reason for each in rejected)
        self.absorbed += len(own)


def test_each_mutant_is_absorbed_or_rejected_with_a_reason() -> None:
    by_topic: dict[str, list[Mutant]] = {topic: [] for topic in TOPICS}
    for mutant in mutants(COUNT, SEED):
        by_topic[mutant.topic].append(mutant)
    folder = Folder()
    for topic, own in by_topic.items():
        for start in range(0, len(own), BATCH):
            folder.take(topic, start, own[start : start + BATCH])
    assert folder.absorbed + folder.reasons.total() == COUNT
    # A mutator that breaks every record, or only in one way, would test little.
    assert 0.2 * COUNT < folder.absorbed < 0.6 * COUNT
    assert folder.reasons.keys() == SENTENCES.keys() - {WRONG_PARTITION}


def test_the_same_seed_gives_the_same_mutants() -> None:
    assert list(mutants(500, 1)) == list(mutants(500, 1)) != list(mutants(500, 2))
