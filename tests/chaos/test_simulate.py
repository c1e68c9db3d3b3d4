"""A fold of the simulated input by the core matches the yardstick, whichever topic is read first."""

from __future__ import annotations

import json
import random
from collections import Counter

from stream_seg.contracts.decode import Decoder
from stream_seg.core.customer import Customer
from stream_seg.core.decay import Decay
from stream_seg.core.engine import Engine, Rules
from stream_seg.core.events.order_entries import Outcome
from stream_seg.core.events.taxonomy import TOPICS
from tests.chaos.simulate import Simulated, malformed, simulate
from tests.chaos.verdict import same_counts
from tests.integration.support.events import Sent
from tests.integration.support.yardstick import HALF_LIFE_S, expect

NOW = 1_900_000_000.0
EVENTS = 6_000


def shop() -> Simulated:
    """Return a small input."""
    return simulate(EVENTS, EVENTS // 10, seed=5)


def absorb(sent: list[Sent], seed: int) -> tuple[dict[str, Customer], Counter[Outcome]]:
    """Return the customers after `sent`, each topic in its own order, with topics interleaved by `seed`."""
    engine = Engine(Rules(Decay(HALF_LIFE_S)))
    queues = {topic: [record for record in sent if record.topic == topic] for topic in TOPICS}
    customers: dict[str, Customer] = {}
    outcomes: Counter[Outcome] = Counter()
    rng, read = random.Random(seed), dict.fromkeys(TOPICS, 0)
    while unread := [topic for topic in TOPICS if read[topic] < len(queues[topic])]:
        topic = rng.choice(unread)
        begin, read[topic] = read[topic], read[topic] + rng.randint(1, 400)
        batch = queues[topic][begin : read[topic]]
        decoded = Decoder(topic).decode([record.value for record in batch], [record.key for record in batch], NOW)
        amounts = decoded.amounts or [0] * len(decoded.events)
        rows = zip(decoded.indices, decoded.events, decoded.times, amounts, strict=True)
        for index, event, t, amount in rows:
            customer = customers.setdefault(event["customer_id"], engine.new_customer(1))
            outcomes[engine.absorb(customer, topic, begin + index, event, t, amount)] += 1
    return customers, outcomes


def test_records_match_the_yardstick_in_any_order_of_topics() -> None:
    sent = shop().sent
    expected = expect(sent)
    for seed in range(3):
        customers, outcomes = absorb(sent, seed)
        differing = [each for each in expected if not same_counts(customers.get(each), expected[each])]
        assert differing == []
        assert customers.keys() == expected.keys()
        # repeats, edits, and refunds that come first
        assert min(outcomes[each] for each in Outcome) > 5


def test_the_yardstick_tells_an_event_counted_twice_or_not_at_all() -> None:
    sent = shop().sent
    expected = expect(sent)
    good = [record for record in sent if record.good and record.topic == "purchases"]
    first = json.loads(good[0].value)["customer_id"]
    without, _ = absorb([record for record in sent if record != good[0]], 0)
    assert not same_counts(without.get(first), expected[first])
    twice = good[0]._replace(value=good[0].value.replace(b'"event_id":"', b'"event_id":"x').replace(b'"o-', b'"p-'))
    double, _ = absorb([*sent, twice], 0)
    assert not same_counts(double.get(first), expected[first])


def test_repeatable_events_may_come_again_at_any_time() -> None:
    made = shop()
    again = [record for record in made.sent if record in made.repeatable]
    customers, _ = absorb([*made.sent, *again], 1)
    expected = expect(made.sent)
    assert [each for each in expected if not same_counts(customers.get(each), expected[each])] == []
    assert len(again) > EVENTS // 10


def test_the_same_seed_is_the_same_input_and_all_of_it() -> None:
    assert shop().sent == shop().sent
    assert len(shop().sent) == EVENTS
    assert simulate(EVENTS, EVENTS // 10, seed=6).sent != shop().sent


def test_malformed_records_are_refused_and_no_two_are_the_same() -> None:
    made = shop()
    burst = [*malformed(100, 1, made.sent, random.Random(1)), *malformed(100, 2, made.sent, random.Random(2))]
    assert len({record.value for record in burst}) == len(burst)
    bad = [*burst, *(record for record in made.sent if not record.good)]
    for record in bad:
        assert len(Decoder(record.topic).decode([record.value], [record.key], NOW).rejected) == 1, record
