"""Replays that continue an earlier one, and skip records that other replays have sent."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from stream_seg.datasets.files import FileSource
from stream_seg.datasets.simulator import simulate
from stream_seg.errors import AlreadySent
from stream_seg.kafka.backwards import FIRST_WINDOW
from stream_seg.kafka.broker import Broker
from tests.integration.support.replays import Inputs

PARTITIONS = 3


@pytest.fixture
def inputs(broker: Broker, prefix: str) -> Inputs:
    return Inputs.create(broker, prefix, PARTITIONS)


def view(number: int, **more: object) -> str:
    event = {"event_id": f"e-{number}", "customer_id": f"c-{number % 7}", "type": "page_viewed", "occurred_at": number}
    return json.dumps({**event, **more})


def file(path: Path, lines: list[str]) -> FileSource:
    path.write_text("".join(line + "\n" for line in lines))
    return FileSource(path)


def ids(*numbers: int) -> Counter[str]:
    return Counter(f"e-{number}" for number in numbers)


def test_every_record_says_where_it_comes_from(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(1), "", "[]", view(2), view(3)])
    inputs.once(source)
    found = {json.loads(record.value)["event_id"]: record.headers for _, record in inputs.records()}
    identity = source.identity().encode()
    assert found == {
        f"e-{number}": (("replay", identity), ("line", line)) for number, line in ((1, b"1"), (2, b"4"), (3, b"5"))
    }


def test_a_limited_replay_is_incomplete_and_is_continued(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(number) for number in range(100)])
    assert inputs.once(source, limit=40) == 40
    with pytest.raises(AlreadySent) as refused:
        inputs.once(source)
    assert str(refused.value) == (
        f"40 of the 100 events of {source.name} were sent by a replay that ended early, or still runs; use --resume to "
        "send the others, or --again to send all once more"
    )
    assert inputs.once(source, resume=True, limit=10) == 10
    assert inputs.once(source, resume=True) == 50
    with pytest.raises(AlreadySent, match=r"was sent before \(100 events\); use --again to send it once more"):
        inputs.once(source, resume=True)
    assert inputs.events() == ids(*range(100))


def test_a_simulation_is_continued(inputs: Inputs) -> None:
    source = simulate(5, 10, seed=3)
    total = sum(1 for _ in source)
    assert inputs.once(source, limit=20) == 20
    assert inputs.once(simulate(5, 10, seed=4)) > 0
    assert inputs.once(source, resume=True) == total - 20
    with pytest.raises(AlreadySent):
        inputs.once(source)


def test_a_run_that_sends_again_is_a_run_of_its_own(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(number) for number in range(100)])
    assert inputs.once(source) == 100
    # Only some partitions have records of the second run. The others end with complete records of the first.
    assert inputs.again(source, limit=2) == 2
    with pytest.raises(AlreadySent, match=r"^2 of the 100 events"):
        inputs.once(source)
    assert inputs.once(source, resume=True) == 98
    assert set(inputs.events().values()) == {2}
    with pytest.raises(AlreadySent, match=r"\(100 events\)"):
        inputs.once(source, resume=True)


@pytest.mark.parametrize("change", ["mended", "removed", "inserted", "appended", "reordered"])
def test_a_changed_file_sends_only_new_events(inputs: Inputs, tmp_path: Path, change: str) -> None:
    lines = [view(number) for number in range(50)]
    before = [*lines[:20], lines[20].replace("customer_id", "customer"), *lines[21:]]
    assert inputs.once(file(tmp_path / "a.jsonl", before)) == 49
    after, new = {
        "mended": (lines, ids(20)),
        "removed": ([*lines[:20], *lines[21:]], ids()),
        "inserted": ([*lines[:10], view(100), *lines[10:20], *lines[21:]], ids(100)),
        "appended": ([*before, view(100)], ids(100)),
        "reordered": (lines[::-1], ids(20)),
    }[change]
    source = file(tmp_path / "b.jsonl", after)
    if new:
        assert inputs.once(source) == new.total()
    with pytest.raises(AlreadySent):
        inputs.once(source)
    assert inputs.events() == ids(*range(20), *range(21, 50)) + new


def test_an_equal_record_stands_for_one_event_only(inputs: Inputs, tmp_path: Path) -> None:
    assert inputs.once(file(tmp_path / "a.jsonl", [view(1), view(1)])) == 2
    assert inputs.once(file(tmp_path / "b.jsonl", [view(1)] * 5 + [view(2)])) == 4
    assert inputs.events() == Counter({"e-1": 5, "e-2": 1})


def test_a_mended_file_is_continued_too(inputs: Inputs, tmp_path: Path) -> None:
    lines = [view(number) for number in range(60)]
    broken = [lines[0].replace("customer_id", "customer"), *lines[1:]]
    assert inputs.once(file(tmp_path / "a.jsonl", broken), limit=30) == 30  # up to line 31
    mended = file(tmp_path / "a.jsonl", lines)
    assert inputs.once(mended, limit=5) == 5  # line 1, and lines 32 to 35
    with pytest.raises(AlreadySent, match=r"^35 of the 60 events"):
        inputs.once(mended)
    assert inputs.once(mended, resume=True) == 25
    assert inputs.events() == ids(*range(60))


def test_another_version_that_came_between_is_no_reason_to_send_twice(inputs: Inputs, tmp_path: Path) -> None:
    first = file(tmp_path / "a.jsonl", [view(number) for number in range(60)])
    assert inputs.once(first, limit=30) == 30
    assert inputs.once(file(tmp_path / "b.jsonl", [view(number) for number in range(61)])) == 31
    with pytest.raises(AlreadySent):
        inputs.once(first, resume=True)
    assert inputs.events() == ids(*range(61))


def test_records_of_other_programs_are_skipped(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(number) for number in range(30)])
    assert inputs.once(source, limit=10) == 10
    forged = [("replay", source.identity().encode()), ("line", b"\xff")]
    asyncio.run(_write(inputs, [(b"{}", []), (b"replay", [("replay", b"x")]), (b"{}", [("line", b"9")])] * 3_000))
    asyncio.run(_write(inputs, [(b"{}", [("trace", b"replay"), ("replay", b"other"), ("line", b"")])]))
    assert inputs.once(source, resume=True) == 20
    last_lines = inputs.earlier(source).last_lines
    asyncio.run(_write(inputs, [(b"{}", forged)]))
    assert inputs.earlier(source).last_lines == last_lines


async def _write(inputs: Inputs, records: list[tuple[bytes, list[tuple[str, bytes]]]]) -> None:
    producer = AIOKafkaProducer(**inputs.broker.client_options())
    await producer.start()
    topic = inputs.settings.topic("interactions")
    futures = [
        await producer.send(topic, value, key=b"c-1", headers=headers, partition=number % PARTITIONS)
        for number, (value, headers) in enumerate(records)
    ]
    await asyncio.gather(*futures)
    await producer.stop()


def test_compressed_records_are_found(inputs: Inputs, tmp_path: Path) -> None:
    compressed = replace(inputs, broker=replace(inputs.broker, compression="gzip"))
    first = file(tmp_path / "a.jsonl", [view(number) for number in range(60)])
    assert compressed.once(first, limit=30) == 30
    assert compressed.once(first, resume=True) == 30
    assert compressed.once(file(tmp_path / "b.jsonl", [view(number) for number in range(61)])) == 1
    assert inputs.events() == ids(*range(61))


def test_a_large_topic_is_read_in_windows_from_its_end(inputs: Inputs, tmp_path: Path) -> None:
    source = file(tmp_path / "a.jsonl", [view(number) for number in range(FIRST_WINDOW)])
    assert inputs.once(source, limit=100) == 100
    # More than three windows of later records in each partition, in batches that do not align with windows.
    assert inputs.once(file(tmp_path / "b.jsonl", [view(number, b=1) for number in range(16 * FIRST_WINDOW)])) > 0
    assert inputs.once(source, resume=True) == FIRST_WINDOW - 100
    with pytest.raises(AlreadySent):
        inputs.once(source)
    assert set(inputs.events().values()) == {1, 2}
    assert inputs.events().total() == 17 * FIRST_WINDOW


def test_a_replay_without_topics_says_what_to_do(broker: Broker, prefix: str, tmp_path: Path) -> None:
    inputs = Inputs(broker, Inputs.create(broker, prefix, 1).settings.model_copy(update={"topic_prefix": "none-"}))
    with pytest.raises(Exception, match=r"no topic none-purchases, .* run `stream-seg topics create`"):
        inputs.once(file(tmp_path / "a.jsonl", [view(1)]))
