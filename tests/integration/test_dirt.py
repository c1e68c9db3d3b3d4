"""Every kind of bad input through a real worker, each between two good events of the same customer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from aiokafka import AIOKafkaProducer

from benchmarks.workload import fixed_model
from stream_seg.contracts import reasons
from stream_seg.contracts.partitioning import partitions_of
from stream_seg.contracts.reasons import SENTENCES
from stream_seg.kafka.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES
from tests.integration.support.deployment import CALM, PARTITIONS, Deployment, Services, deployment
from tests.integration.support.ending import Ending, Letter, assert_all_agree, assert_exact, read_ending
from tests.integration.support.events import Sent, identify, order, view
from tests.integration.support.worker import Worker
from tests.integration.support.yardstick import expect

WHEN = "2017-05-09T18:00:31Z"
LONG_KEY = b"k" * 20_000
# A good order. Rows change one part of it, and CUSTOMER becomes the row's own customer.
ORDER = (
    b'{"event_id":"e-bad","customer_id":"CUSTOMER","type":"order_completed","occurred_at":"2017-05-09T18:00:31Z",'
    b'"order_id":"o-bad","amount":19.99,"currency":"USD"}'
)
PROFILE = b'{"event_id":"e-bad","customer_id":"CUSTOMER","occurred_at":1494352831,"type":'
OWN = b"CUSTOMER"


def but(old: bytes, new: bytes) -> bytes:
    """Return the good order with one field changed."""
    assert old in ORDER
    return ORDER.replace(old, new)


def with_(more: bytes) -> bytes:
    """Return the good order with one field added."""
    return ORDER[:-1] + b"," + more + b"}"


class Row(NamedTuple):
    """A bad record: description, expected reason, value, topic, key, and whether it goes to another partition."""

    what: str
    reason: str
    value: bytes | None
    topic: str = "purchases"
    key: bytes | None = OWN
    astray: bool = False


ROWS = [
    Row("not JSON", reasons.NOT_JSON, b"hello"),
    Row("half an event", reasons.NOT_JSON, ORDER[:60]),
    Row("two events in one", reasons.NOT_JSON, ORDER + b"," + ORDER),
    Row("an empty value", reasons.NOT_JSON, b""),
    Row("JSON but not an object", reasons.NOT_AN_OBJECT, b"[1,2]"),
    Row("an event in an array", reasons.NOT_AN_OBJECT, b"[" + ORDER + b"]"),
    Row("no event id", reasons.MISSING_FIELD, but(b'"event_id":"e-bad",', b"")),
    Row("no customer id", reasons.MISSING_FIELD, but(b'"customer_id":"CUSTOMER",', b"")),
    Row("no order id", reasons.MISSING_FIELD, but(b'"order_id":"o-bad",', b"")),
    Row("an empty event id", reasons.EMPTY_ID, but(b'"e-bad"', b'""')),
    Row("an empty customer id", reasons.EMPTY_ID, but(b'"CUSTOMER"', b'""')),
    Row("an id too long", reasons.ID_TOO_LONG, but(b'"e-bad"', b'"%b"' % (b"x" * 129))),
    Row("an amount that is no decimal", reasons.BAD_AMOUNT, but(b"19.99", b'"19,99"')),
    Row("an amount of another type", reasons.WRONG_TYPE, but(b"19.99", b"true")),
    Row("a customer id that is no id", reasons.WRONG_TYPE, but(b'"CUSTOMER"', b"7.5")),
    Row("a customer id that stands for nobody", reasons.PLACEHOLDER_ID, but(b'"CUSTOMER"', b'"undefined"')),
    Row("an order id that stands for none", reasons.MISSING_FIELD, but(b'"o-bad"', b'"null"')),
    Row("a negative amount beyond bounds", reasons.AMOUNT_OUT_OF_RANGE, but(b"19.99", b"-1e300")),
    Row("an amount of NaN", reasons.BAD_AMOUNT, but(b"19.99", b"NaN")),
    Row("an infinite amount", reasons.BAD_AMOUNT, but(b"19.99", b"Infinity")),
    Row("an absurd amount", reasons.AMOUNT_OUT_OF_RANGE, but(b"19.99", b"1e300")),
    Row("an unknown currency code", reasons.UNKNOWN_CURRENCY, but(b'"USD"', b'"ZZZ"')),
    Row("another currency", reasons.CURRENCY_WITHOUT_RATE, but(b'"USD"', b'"EUR"')),
    Row("a time without offset", reasons.TIME_WITHOUT_OFFSET, but(b":31Z", b":31")),
    Row("a time in the far future", reasons.TIME_IN_FUTURE, but(b"2017-", b"2917-")),
    Row("a time before 1970", reasons.TIME_BEFORE_1970, but(b"2017-", b"1917-")),
    Row("no time at all", reasons.BAD_TIME, but(b"2017-05-09T18:00:31Z", b"yesterday")),
    Row("an unknown type in purchases", reasons.UNKNOWN_TYPE, but(b"order_completed", b"order_imagined")),
    Row("an interaction in purchases", reasons.UNKNOWN_TYPE, but(b"order_completed", b"product_viewed")),
    Row("a key that differs from customer_id", reasons.KEY_MISMATCH, ORDER, key=b"somebody-else"),
    Row("a key that is not UTF-8", reasons.KEY_MISMATCH, ORDER, key=b"\xff\xfe"),
    Row("a key of 20 kB", reasons.KEY_MISMATCH, ORDER, key=LONG_KEY),
    Row("Avro", reasons.UNSUPPORTED_FORMAT, b"\x00\x00\x00\x00\x07\x06e-1\x06c-1"),
    Row("a batch of calls", reasons.UNSUPPORTED_FORMAT, b'{"batch":[{"type":"track","userId":"CUSTOMER"}]}'),
    Row("a Shopify refund", reasons.UNSUPPORTED_FORMAT, b'{"id":1,"order_id":2,"user_id":3,"refund_line_items":[]}'),
    Row("no key", reasons.MISSING_KEY, ORDER, key=None),
    Row("a record in the wrong partition", reasons.WRONG_PARTITION, ORDER, astray=True),
    Row("an interaction in the wrong partition", reasons.WRONG_PARTITION, ORDER, "interactions", astray=True),
    Row("an alias", reasons.NOT_SUPPORTED_YET, PROFILE + b'"alias","previous_id":"c-0"}', "profiles"),
    Row("a consent", reasons.NOT_SUPPORTED_YET, PROFILE + b'"consent","purposes":{"ads":true}}', "profiles"),
    Row("an erasure", reasons.NOT_SUPPORTED_YET, PROFILE + b'"erase"}', "profiles"),
    Row("traits that are no scalars", reasons.WRONG_TYPE, PROFILE + b'"identify","traits":{"a":{}}}', "profiles"),
    Row("a null value", reasons.NULL_VALUE, None),
    Row("a null value among interactions", reasons.NULL_VALUE, None, "interactions"),
    Row("a value of 800 kB", reasons.TOO_LARGE, with_(b'"note":"%b"' % (b"x" * 800_000))),
    Row("a value of 1 MB", reasons.TOO_LARGE, b"x" * 1_000_000),
    Row("a value of more than 1 MB", reasons.TOO_LARGE, with_(b'"note":"%b"' % (b"x" * 1_040_000))),
    Row("deep nesting", reasons.TOO_DEEP, b"[" * 100_000 + b"]" * 100_000),
    Row("an event with deep nesting", reasons.TOO_DEEP, with_(b'"more":' + b'{"a":' * 300 + b"1" + b"}" * 300)),
    Row("invalid UTF-8", reasons.NOT_UTF8, but(b"o-bad", b"\xff\xfe")),
    Row("a lone surrogate", reasons.NOT_JSON, but(b"o-bad", b"\\ud800")),
    Row("a lone surrogate among interactions", reasons.NOT_JSON, with_(b'"note":"\\udc00"'), "interactions"),
]
CUT = [row for row in ROWS if len(row.value or b"") > MAX_VALUE_BYTES or len(row.key or b"") > MAX_KEY_BYTES]


class Place(NamedTuple):
    """The place of a record on the broker."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Run:
    """One worker that met all rows: the place of each row, its surrounding events, and all results."""

    deployed: Deployment
    worker: Worker
    places: dict[str, Place]
    good: list[Sent]
    ending: Ending
    began: datetime

    def letter(self, row: Row) -> Letter:
        """Return the only dead letter about a row."""
        topic, partition, offset = self.places[row.what]
        (found,) = [
            letter
            for letter in self.ending.dead_letters
            if letter.header["source_topic"] == topic
            and letter.header["source_partition"] == str(partition)
            and letter.header["source_offset"] == str(offset)
        ]
        return found


@pytest.fixture(scope="module")
def run(on: Services) -> Iterator[Run]:
    """Send all rows at once, so that bad records share batches with good ones and with each other."""
    with deployment(on, "dirt", model=fixed_model(), **CALM) as deployed:
        began = datetime.now(UTC)
        places, good = asyncio.run(send_rows(deployed))
        worker = deployed.start_worker()
        deployed.wait_until_drained()
        yield Run(deployed, worker, places, good, read_ending(deployed), began)


async def send_rows(deployed: Deployment) -> tuple[dict[str, Place], list[Sent]]:
    """Send every row between two good events in its partition."""
    producer = AIOKafkaProducer(bootstrap_servers=deployed.broker.address, max_request_size=4_000_000)
    await producer.start()
    places: dict[str, Place] = {}
    good: list[Sent] = []

    async def send(topic: str, key: bytes | None, value: bytes | None, partition: int) -> Place:
        name = deployed.settings.topic(topic)
        return Place(name, partition, (await producer.send_and_wait(name, value, key, partition)).offset)

    for number, row in enumerate(ROWS):
        customer = customer_of(row)
        home = int(partitions_of([customer.encode()], PARTITIONS)[0])
        before, after = (good_event(row.topic, customer, 2 * number + place) for place in range(2))
        await send(row.topic, before.key, before.value, home)
        key = customer.encode() if row.key == OWN else row.key
        places[row.what] = await send(row.topic, key, value_of(row), (home + row.astray) % PARTITIONS)
        await send(row.topic, after.key, after.value, home)
        good += [before, after]
    await producer.stop()
    return places, good


def good_event(topic: str, customer: str, number: int) -> Sent:
    """Return an event that must be absorbed."""
    if topic == "purchases":
        return order(customer, number, WHEN, 12.34)
    return view(customer, number, WHEN) if topic == "interactions" else identify(customer, number, WHEN, age=number)


def customer_of(row: Row) -> str:
    """Return the customer whose events surround a row."""
    return f"c-{ROWS.index(row)}"


def value_of(row: Row) -> bytes | None:
    """Return the value as it is sent."""
    return row.value and row.value.replace(OWN, customer_of(row).encode())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_bad_record_becomes_a_dead_letter_with_its_reason(run: Run, row: Row) -> None:
    letter = run.letter(row)
    header = letter.header
    assert sorted(header) == ["detail", "reason", "rejected_at", "source_offset", "source_partition", "source_topic"]
    assert header["reason"] == row.reason
    assert header["detail"].endswith((".", ")"))
    assert run.began - timedelta(seconds=1) < datetime.fromisoformat(header["rejected_at"]) < datetime.now(UTC)


@pytest.mark.parametrize("row", [row for row in ROWS if row not in CUT], ids=lambda row: row.what)
def test_it_keeps_its_own_key_and_value_byte_for_byte(run: Run, row: Row) -> None:
    letter = run.letter(row)
    assert letter.key == (customer_of(row).encode() if row.key == OWN else row.key)
    assert letter.value == value_of(row)


@pytest.mark.parametrize("row", CUT, ids=lambda row: row.what)
def test_a_dead_letter_too_long_for_the_broker_is_truncated_and_marked(run: Run, row: Row) -> None:
    letter, value = run.letter(row), value_of(row) or b""
    assert letter.value == value[:MAX_VALUE_BYTES]
    if row.key == LONG_KEY:
        assert letter.key == LONG_KEY[:MAX_KEY_BYTES]
        assert "(key truncated: 20000 bytes, of which the first" in letter.header["detail"]
    else:
        assert f"(truncated: {len(value)} bytes, of which the first" in letter.header["detail"]


def test_every_reason_that_a_value_can_have_is_met(run: Run) -> None:
    met = {letter.header["reason"] for letter in run.ending.dead_letters}
    assert met == SENTENCES.keys()
    assert len(run.ending.dead_letters) == len(ROWS)


def test_the_events_around_are_absorbed_and_the_worker_goes_on(run: Run) -> None:
    assert_exact(run.ending, expect(run.good))
    assert_all_agree(run.deployed, run.ending)
    assert run.worker.running()
    late = order("c-0", 10_000, WHEN, 1.0)
    run.deployed.send([late])
    run.deployed.wait_until_drained()
    assert_exact(read_ending(run.deployed), expect([*run.good, late]))
    assert run.worker.terminate() == 0, run.worker.output()
