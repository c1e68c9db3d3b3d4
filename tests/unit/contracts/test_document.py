"""Tests of writing and reading the Redis document."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stream_seg.contracts.document import CustomerSegments, Document, SegmentFields, SegmentNow

DOCUMENT = Document(
    customer_id="c-1",
    segments=(
        SegmentFields("behavior", "b0", "Frequent big baskets", "2017-05-09T18:00:31Z"),
        SegmentFields("rule:vip", "in", "VIP", "2017-05-09T18:00:31.250Z"),
    ),
    sequence=17,
    epoch=1763764800123,
    as_of="2017-05-10T00:00:00.000Z",
    model_version=12,
)
FIELDS = {
    "behavior": "b0",
    "behavior.name": "Frequent big baskets",
    "behavior.since": "2017-05-09T18:00:31Z",
    "rule:vip": "in",
    "rule:vip.name": "VIP",
    "rule:vip.since": "2017-05-09T18:00:31.250Z",
    "sequence": "17",
    "epoch": "1763764800123",
    "as_of": "2017-05-10T00:00:00.000Z",
    "model_version": "12",
}
SEEN = CustomerSegments(
    customer_id="c-1",
    segments={
        "behavior": SegmentNow("b0", "Frequent big baskets", datetime(2017, 5, 9, 18, 0, 31, tzinfo=UTC)),
        "rule:vip": SegmentNow("in", "VIP", datetime(2017, 5, 9, 18, 0, 31, 250_000, tzinfo=UTC)),
    },
    sequence=17,
    epoch=1763764800123,
    as_of=datetime(2017, 5, 10, tzinfo=UTC),
    model_version=12,
)


def test_the_document_has_the_fields_of_the_contract() -> None:
    assert DOCUMENT.fields() == FIELDS


def test_readers_get_the_written_segments() -> None:
    assert CustomerSegments.from_hash("c-1", FIELDS) == SEEN
    as_bytes = {name.encode(): value.encode() for name, value in FIELDS.items()}
    assert CustomerSegments.from_hash("c-1", as_bytes) == SEEN


def test_a_segment_may_have_an_end() -> None:
    fields = {**FIELDS, "behavior.until": "2017-08-01T00:00:00Z"}
    seen = CustomerSegments.from_hash("c-1", fields)
    assert seen.segments["behavior"].until == datetime(2017, 8, 1, tzinfo=UTC)
    assert seen.segments["rule:vip"].until is None


def test_a_customer_may_be_in_no_segment() -> None:
    empty = DOCUMENT._replace(segments=())
    assert CustomerSegments.from_hash("c-1", empty.fields()).segments == {}


@pytest.mark.parametrize("missing", ["sequence", "epoch", "as_of", "model_version", "behavior", "behavior.name"])
def test_an_incomplete_document_is_refused(missing: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != missing}
    with pytest.raises(ValueError, match=missing):
        CustomerSegments.from_hash("c-1", fields)
