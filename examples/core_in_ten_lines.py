"""The core alone, without Kafka, Redis or Faust: events go in, a change of segment and its reason come out."""

import numpy as np

from stream_seg.core import example

engine = example.engine()  # two segments: small spenders and big ones
customer = engine.new_customer(life=1)
before = None  # features at the evaluation before
for offset, (order_id, day, cents) in enumerate([("o-1", 0, 12_00), ("o-2", 9, 850_00), ("o-3", 11, 640_00)]):
    event = {"event_id": f"e-{offset}", "type": "order_completed", "order_id": order_id}
    engine.absorb(customer, "purchases", offset, event, t=1_700_000_000.0 + day * 86_400, amount=cents)
    moves = engine.evaluate([customer.pack()], now=np.array([customer.last_seen]))
    for why in engine.explain(moves, before):
        change = engine.move(b"h-1871", customer, why)
        print(f"{change.customer_id} {change.change} {change.to.name!r} by {change.event_id}: {change.features}")
    before = moves.features
