"""Damaged or forged bytes in the topics that workers and commands read back cause a clear error or are skipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

import orjson
import pytest

from stream_seg.contracts.document import CustomerSegments
from stream_seg.contracts.model import MAX_SEGMENTS, parse_snapshot
from stream_seg.core import example
from stream_seg.core.events.order_entries import ORDER_ENTRY
from stream_seg.core.feature_names import FEATURES
from stream_seg.core.record import DTYPE, LAYOUT, SECTIONS, validate
from stream_seg.errors import BadChange, BadChangelog, BadRecord, StateMismatch
from stream_seg.learning.clustering.policy import LearnerPolicy
from stream_seg.learning.learner import Learner
from stream_seg.tools.fold import ChangesFold
from stream_seg.worker.models.samples import Sample
from stream_seg.worker.partitions.changelog import HEADER_KEY, Header, pack_entry, pack_header, unpack_entry
from stream_seg.worker.partitions.ownership import OwnedPartition
from stream_seg.worker.partitions.state import PartitionState

ROUNDS: Final = 10_000
T: Final = 1_700_000_000.0
ENGINE = example.engine()


def full_record() -> bytes:
    """Return a record with all its parts."""
    customer = ENGINE.new_customer(5)
    for number in range(12):
        order = {"event_id": f"e-{number}", "type": "order_completed", "order_id": f"o-{number}"}
        ENGINE.absorb(customer, "purchases", number, order, T + number * 86_400, 500)
    identify = {"event_id": "p", "type": "identify", "traits": {"a": 1, "b": "x", "c": None}}
    ENGINE.absorb(customer, "profiles", 1, identify, T)
    return customer.pack()


RECORD: Final = full_record()
ENTRY: Final = pack_entry(9, 3, RECORD, (b'{"a":1}', b'{"b":2}'))
HEADER: Final = pack_header(Header(9, 3, 2, T, 2_592_000.0, {"behavior": 1}, {"purchases": 5}, {"purchases": T}))


def damaged(rng: Random, value: bytes) -> bytes:
    """Apply one to four changes: truncation, another byte, noise, all bits set (lengths become huge), or a hole."""
    for _ in range(rng.randint(1, 4)):
        if not value:
            break
        start = rng.randrange(len(value))
        end = min(len(value), start + rng.randint(1, 30))
        before, part, after = value[:start], value[start:end], value[end:]
        value = rng.choice(
            (before, before + rng.randbytes(1) + part[1:] + after, before + rng.randbytes(len(part)) + after,
             before + b"\xff" * len(part) + after, before + after)
        )  # fmt: skip
    return value


def use(key: bytes | None, value: bytes | None) -> None:
    """Use a restored entry as a worker does: take the partition, absorb, evaluate, write."""
    state = PartitionState()
    state.restore(b"good", ENTRY)
    state.restore(key, value)  # type: ignore[arg-type]
    owned = OwnedPartition.take(0, state, 10, {"purchases": 100})
    owned.progress.check(owned.number)
    pack_header(owned.header(1.0, owned.progress.clock(ended=())))
    owned.progress.absorbed("purchases", 7, T)
    order = {"event_id": "z", "type": "order_completed", "order_id": "zz", "items": [{"category": "c"}]}
    for number, record in enumerate(state.records.values()):
        customer = ENGINE.open(record)
        ENGINE.absorb(customer, "purchases", 2**62 + number, order, T + 86_400.0 * 300, 500)
        ENGINE.absorb(customer, "profiles", 2**62, {"event_id": "y", "type": "identify", "traits": {"a": 2}}, T)
        ENGINE.update(b"c", customer, T)
        customer.pack()


def survives(value: bytes, act: Callable[[], None], *clear: type[BaseException]) -> bool:
    """Return whether `act` succeeds, or False for one of the clear errors, in one line. Other errors propagate."""
    try:
        act()
    except clear as error:
        message = str(error)
    else:
        return True
    assert message.isprintable(), value
    assert 10 < len(message) < 400, value
    return False


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the largest doubles overflow when squared
@pytest.mark.parametrize(("key", "value"), [(b"c-1", ENTRY), (HEADER_KEY, HEADER)], ids=["entries", "headers"])
def test_damaged_changelogs_are_refused_in_one_line_or_harmless(key: bytes, value: bytes) -> None:
    rng = Random(7)
    taken = sum(
        survives(bad, lambda bad=bad: use(key, bad), BadChangelog, BadRecord, StateMismatch)  # type: ignore[misc]
        for bad in (damaged(rng, value) for _ in range(ROUNDS))
    )
    assert 0 < taken < ROUNDS
    assert survives(value, lambda: use(key, value))


@pytest.mark.parametrize(
    "value",
    [b"", b"\x01", b"\x01" + ENTRY[1:], ENTRY[:25], ENTRY[:17] + b"\xff\xff\xff\xff" + ENTRY[21:],
     pack_entry(9, 3, b""), pack_entry(9, 3, RECORD[:-1]), pack_entry(9, 3, RECORD[: LAYOUT.size]),
     ENTRY + b"\xff\xff\xff\xff", ENTRY + b"\x01", pack_entry(9, 3, RECORD[:120] + b"\xff" * 8 + RECORD[128:])],
)  # fmt: skip
def test_an_entry_shorter_than_it_declares_is_refused(value: bytes) -> None:
    assert not survives(value, lambda: use(b"c-1", value), BadChangelog, BadRecord)


def test_a_huge_length_allocates_nothing() -> None:
    with pytest.raises(BadChangelog, match="cut off"):
        unpack_entry(ENTRY[:17] + (2**32 - 1).to_bytes(4, "little") + ENTRY[21:])


@pytest.mark.parametrize("key", [None, b"\xff", b"\xc3"])
def test_a_key_that_is_not_a_customer_id_is_refused(key: bytes | None) -> None:
    assert not survives(key or b"", lambda: use(key, ENTRY), BadChangelog)


GOOD_HEADER: Final = orjson.loads(HEADER)


@pytest.mark.parametrize(
    "fields",
    [
        [], 1, None, "x", {}, {"format": 1}, {"format": []}, {"format": 3}, {**GOOD_HEADER, "more": 1},
        *({**GOOD_HEADER, name: value} for name in GOOD_HEADER for value in ("x", None, [1], {"a": "b"})),
        {**GOOD_HEADER, "epoch": 2**63},
        {**GOOD_HEADER, "epoch": True}, {**GOOD_HEADER, "group": 1.5},
    ],
)  # fmt: skip
def test_a_header_of_other_types_is_refused(fields: Any) -> None:
    value = orjson.dumps(fields)
    assert not survives(value, lambda: use(HEADER_KEY, value), BadChangelog)


@pytest.mark.parametrize(
    "traits",
    [
        b"1",
        b"[]",
        b"{",
        b'{"a":1}',
        b'{"a":[1,2]}',
        b'{"a":[{},1,"e"]}',
        b'{"a":[1,"t","e"]}',
        b'{"a":[1,NaN,"e"]}',
        b'{"a":[1,2,3]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_traits_in_another_form_are_refused(traits: bytes) -> None:
    without_traits = RECORD[: RECORD.index(b'{"a":')]
    validate(without_traits + b'{"a":[1,2.5,"e"]}')
    with pytest.raises(BadRecord, match="its traits cannot be read"):
        validate(without_traits + traits)


def test_rings_longer_than_the_record_are_refused() -> None:
    fixed = DTYPE.fields["lengths"][1]  # type: ignore[index]
    at = fixed + 2 * SECTIONS.index("orders")
    assert RECORD[at : at + 2] == (12 * ORDER_ENTRY.size).to_bytes(2, "little")
    with pytest.raises(BadRecord, match="is cut off"):
        validate(RECORD[:at] + (1000 * ORDER_ENTRY.size).to_bytes(2, "little") + RECORD[at + 2 :])


SAMPLE: Final = Sample(1, T, True, [("c-1", [1.0] * len(FEATURES)), ("c-2", [0.5] * len(FEATURES))]).dumps()


def test_damaged_samples_are_refused_without_naming_customers() -> None:
    rng = Random(7)

    def learn(value: bytes) -> None:
        learner, sample = Learner(2, 1, LearnerPolicy()), Sample.loads(value)
        for customer_id, row in sample.rows:
            learner.observe(customer_id, row, sample.clock)
        learner.advance(sample.clock, sample.drained)

    values = [damaged(rng, SAMPLE) for _ in range(ROUNDS)]
    values += [b"[]", b"1", b"null", b"{}", b"[" * 100_000, b'{"rows":5}', SAMPLE.replace(b"1.0", b'"alice"', 1)]
    values += [SAMPLE.replace(b"1.0,", b"", 1), SAMPLE.replace(b'"partition":1', b'"partition":1e300')]
    taken = sum(survives(value, lambda value=value: learn(value), ValueError) for value in values)  # type: ignore[misc]
    assert 0 < taken < ROUNDS / 2
    with pytest.raises(ValueError, match="not a sample") as fault:
        Sample.loads(SAMPLE.replace(b"1.0", b'"alice"', 1))
    assert "alice" not in str(fault.value)


MODEL: Final = {
    "version": 3, "parent": 2, "created_at": "2017-01-01T00:00:00Z", "clock": 0.0, "features": ["spend_rate"],
    "log": [True], "center": [0.0], "scale": [1.0], "centroids": [[1.0], [2.0]], "reason": "r", "learner": {},
    "segments": [
        {"id": f"b{n}", "name": f"n{n}", "share": 0.5, "customers": 1, "features": {"spend_rate": 1.0}} for n in (0, 1)
    ],
}  # fmt: skip


def test_damaged_models_are_refused_in_one_line() -> None:
    rng, good = Random(7), json.dumps(MODEL).encode()
    parse_snapshot(good)
    values = [damaged(rng, good) for _ in range(ROUNDS)] + [b"[" * 100_000, b"\xff", b"null"]
    values += [json.dumps({**MODEL, "version": 2**32}).encode()]
    segments = [{**MODEL["segments"][0], "id": f"b{n}", "name": f"n{n}"} for n in range(MAX_SEGMENTS + 1)]  # type: ignore[index]
    many = {**MODEL, "centroids": [[float(n)] for n in range(MAX_SEGMENTS + 1)], "segments": segments}
    values += [json.dumps(many).encode()]
    for value in values:
        survives(value, lambda value=value: parse_snapshot(value).to_model(), ValueError)  # type: ignore[misc]
    for value in values[-5:]:
        with pytest.raises(ValueError):
            parse_snapshot(value)


@pytest.mark.parametrize(
    "learner",
    [
        {},
        {"format": 2},
        {"format": 1},
        {"format": 1, "clusters": "x"},
        {"format": 1, "clusters": 2, "counts": [None]},
        {"format": 1, "clusters": 2, "first_clock": []},
        {"format": 1, "clusters": 2, "samples": 1.5},
    ],
)
def test_a_learner_s_state_of_other_types_is_refused(learner: dict[str, Any]) -> None:
    snapshot = parse_snapshot(json.dumps({**MODEL, "learner": learner}).encode())
    with pytest.raises(ValueError, match="the snapshot's learner"):
        Learner.restore(snapshot, 2, 1, LearnerPolicy())


@pytest.mark.parametrize("value", [b"", b"1", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b'{"customer_id":[]}',
    b'{"customer_id":"c","epoch":1,"sequence":1,"dimension":"d","from":"x","to":"y","segments":{}}',
    b'{"customer_id":"c","epoch":"1","sequence":1,"dimension":"d","segments":{"d":1}}',
    b'{"customer_id":"c","epoch":1,"sequence":1,"dimension":"d","segments":[]}'])  # fmt: skip
def test_bytes_that_are_not_a_change_are_refused(value: bytes) -> None:
    assert not survives(value, lambda: ChangesFold().add(value), BadChange)


DOCUMENT: Final = {
    "sequence": "1", "epoch": "2", "as_of": "2017-01-01T00:00:00Z", "model_version": "1", "behavior": "b0",
    "behavior.name": "n", "behavior.since": "2017-01-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENT)
@pytest.mark.parametrize("value", [None, "x", "", "9" * 5_000, "2017-01-01", "\ufffd"])
def test_a_document_of_other_types_is_refused_or_text(name: str, value: str | None) -> None:
    fields = {key: text for key, text in DOCUMENT.items() if key != name} | ({} if value is None else {name: value})

    def read() -> None:
        CustomerSegments.from_hash("c", fields)

    # Segment names are any text. A dimension without `since` is left out.
    text = name in ("behavior", "behavior.name") and value is not None
    harmless = text or (name, value) == ("behavior.since", None)
    assert survives(str(fields).encode(), read, ValueError) == harmless
