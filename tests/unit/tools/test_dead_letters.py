"""Letters read back, whoever wrote them, and where a redrive sends their records."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from stream_seg.contracts.decode import Rejected
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.errors import BrokerError
from stream_seg.kafka.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES, Source, dead_letter
from stream_seg.tools.dead_letters import Letter, Selection, letter_of
from stream_seg.tools.redrive import addressed

NOW = 1_763_764_800.25


class Record(NamedTuple):
    """What of aiokafka's records is looked at."""

    key: bytes | None
    value: bytes | None
    headers: Any = ()
    offset: int = 7
    timestamp: int = 1_700_000_000_000


def written(key: bytes | None, value: bytes | None, detail: str = "The value is not JSON.") -> Letter:
    """A letter as a worker writes it, read back."""
    rejected = Rejected(0, "not_json", detail)
    message = dead_letter(Source("purchases", 3, 41), key, value, rejected, NOW)
    return letter_of(3, Record(message[0], message[1], message[2]))


def test_a_letter_is_read_as_it_was_written() -> None:
    assert written(b"c-1", b"hello") == Letter(
        3, 7, b"c-1", b"hello", "not_json", "The value is not JSON.", "purchases", 3, 41, NOW
    )
    assert written(b"c-1", b"hello").is_ours
    assert not written(b"c-1", b"hello").truncated
    assert written(None, None).value is None


@pytest.mark.parametrize(
    ("key", "value"), [(b"c", b"x" * (MAX_VALUE_BYTES + 1)), (b"k" * (MAX_KEY_BYTES + 1), b"x"), (None, b"x" * 2**21)]
)
def test_a_truncated_letter_says_so(key: bytes | None, value: bytes) -> None:
    assert written(key, value).truncated


def test_a_record_that_only_speaks_of_truncation_is_whole() -> None:
    said = "type must be 1 (truncated: 9 bytes, of which the first 3 are kept)"
    assert not written(b"c", b"x", said).truncated
    assert not written(
        b"c", b"x" * MAX_VALUE_BYTES, "The value has 1,000,000 bytes; at most 262,144 are read."
    ).truncated


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("reason", None), ("source_topic", b"purchases")),
        (("reason", b"Not A Code"), ("source_topic", b"purchases")),
        (("reason", b"not_json\x00; rm"), ("source_topic", b"purchases")),
        (("reason", b"\xff\xfe"), ("source_topic", b"purchases")),
        (("reason", b"not_json"), ("source_offset", b"9" * 5000), ("source_partition", "²".encode())),
    ],
)
def test_a_stranger_s_record_is_no_letter_of_ours(headers: Any) -> None:
    letter = letter_of(0, Record(b"k", b"v", headers))
    assert not letter.is_ours
    assert (letter.source_partition, letter.source_offset) == (-1, -1)
    assert letter.rejected_at_s == 1_700_000_000.0


def test_what_a_selection_wants() -> None:
    letter = written(b"c", b"v")
    assert Selection().wants(letter)
    assert Selection(frozenset({"not_json"}), frozenset({"purchases"}), NOW).wants(letter)
    assert not Selection(frozenset({"too_deep"})).wants(letter)
    assert not Selection(topics=frozenset({"profiles"})).wants(letter)
    assert not Selection(since_s=NOW + 0.001).wants(letter)


def test_letters_about_one_record_have_one_fingerprint() -> None:
    first, again = written(b"c", b"v"), written(b"c", b"v", "Said in other words.")
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != written(b"c", b"w").fingerprint


def test_records_go_where_murmur2_puts_their_key_and_those_without_one_go_back() -> None:
    letters = [written(key, b"v") for key in (b"c-1", b"c-2", b"\xff", None)]
    home = partitions_of([b"c-1", b"c-2", b"\xff"], 4).tolist()
    sent = addressed(letters, {"purchases": 4})["purchases"]
    assert {key: number for number, messages in sent.items() for key, _, _ in messages} == {
        b"c-1": home[0], b"c-2": home[1], b"\xff": home[2], None: 3
    }  # fmt: skip
    assert [headers for messages in sent.values() for _, _, headers in messages] == [()] * 4


def test_records_of_intake_topics_go_back_to_their_partition() -> None:
    letters = [written(key, b"v") for key in (b"c-1", b"c-2", None)]
    sent = addressed(letters, {"purchases": 5}, ["purchases"])["purchases"]
    assert {number: [key for key, _, _ in messages] for number, messages in sent.items()} == {3: [b"c-1", b"c-2", None]}


def test_an_intake_topic_that_is_gone_is_named() -> None:
    with pytest.raises(BrokerError, match="no such topic: purchases; create it again"):
        addressed([written(b"c", b"v")], {}, ["purchases"])


def test_a_topic_that_is_gone_is_named() -> None:
    with pytest.raises(BrokerError, match="no such topic: purchases; create it with"):
        addressed([written(b"c", b"v")], {})
