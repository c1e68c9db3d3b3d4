"""Run the core alone, without Kafka, Redis or Faust: absorb events, and print changes of segment with their reasons."""

import numpy as np

from stream_seg.core import example

engine = example.engine()  # two segments, small and big spenders
customer = engine.new_customer(life=1)
before = None  # features at the previous evaluation
for offset, (t, cents) in enumerate([(1_700_000_000.0, 12_00), (1_700_777_600.0, 850_00), (1_700_950_400.0, 640_00)]):
    engine.absorb(customer, "purchases", offset, {"event_id": f"e-{offset}", "order_id": f"o-{offset}"}, t, cents)
    moves = engine.evaluate([customer.pack()], now=np.array([customer.last_seen]))
    for why in engine.explain(moves, before):
        change = engine.move(b"h-1871", customer, why)
        print(f"{change.customer_id} {change.change} {change.to.name!r} by {change.event_id}: {change.features}")
    before = moves.features
